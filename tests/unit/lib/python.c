/* SPDX-License-Identifier: Apache-2.0 */
/* str() and repr(), as Python 3 prints them. */
#include "lib/python.h"

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

static const struct {
	const char *json, *want;
} rows[] = {
	{ "null", "None" },
	{ "true", "True" },
	{ "\"a'b\"", "a'b" },
	{ "[\"a'b\", \"c\\\"'\", \"\\n\\u0001\xc3\xa9\"]",
	    "[\"a'b\", 'c\"\\'', '\\n\\x01\xc3\xa9']" },
	{ "[\"\\u00ad\\u200b\\ud800\\udb40\\udc01\\\\\\u007f\"]",
	    "['\\xad\\u200b\\ud800\\U000e0001\\\\\\x7f']" },
	{ "{\"a\": null, \"b'\": {\"c\": [1.50, []]}}",
	    "{'a': None, \"b'\": {'c': [1.5, []]}}" },
	{ "NaN", "nan" },
	{ "-Infinity", "-inf" },
	{ "Infinity", "inf" },
	{ "1E5", "100000.0" },
	{ "-0", "0" },
	{ "-0.0", "-0.0" },
	{ "123456789012345678901234567890", "123456789012345678901234567890" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		own(strbuf_clear) struct strbuf b = { 0 };
		struct error e;
		const struct value *v = doc_parse(
		    d, rows[i].json, strlen(rows[i].json), "json", &e);

		CHECK(v != NULL);
		python_str(v, &b);
		CHECK_STR(strbuf_text(&b), rows[i].want);
	}
	return check_result();
}
