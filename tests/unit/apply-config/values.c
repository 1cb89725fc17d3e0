/* SPDX-License-Identifier: Apache-2.0 */
/* Values as Python sees them. */
#include "apply-config/values.h"

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

static struct value *
json(struct doc *d, const char *text)
{
	struct error e;
	struct value *v = doc_parse(d, text, strlen(text), "json", &e);

	if (v == NULL)
		printf("%s\n", e.text);
	return v;
}

static void
check_printing(void)
{
	static const struct {
		const char *json, *want;
	} rows[] = {
		{ "true", "true" },
		{ "\"a'b\"", "a'b" },
		{ "[\"a'b\", \"c\\\"'\", \"\\n\\u0001\xc3\xa9\"]",
		    "[\"a'b\", \"c\\\"'\", \"\\n\\u0001\\u00e9\"]" },
		{ "{\"a\": null, \"b\": 1.50}", "{\"a\": null, \"b\": 1.5}" },
		{ "NaN", "nan" },
		{ "1E5", "100000.0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		own(strbuf_clear) struct strbuf b = { 0 };

		values_print(json(d, rows[i].json), &b);
		CHECK_STR(strbuf_text(&b), rows[i].want);
	}
}

static void
check_lookup(void)
{
	static const struct {
		const char *key, *want; /* NULL: missing */
	} rows[] = {
		{ "l.0", "1" },
		{ "l.-1", "3" },
		{ "l.+1", "2" },
		{ "l. 1 ", "2" },
		{ "l.0_1", "2" },
		{ "l._1", NULL },
		{ "l.1_", NULL },
		{ "l.3", NULL },
		{ "l.-4", NULL },
		{ "l.99999999999999999999999", NULL },
		{ "l.x", NULL },
		{ "l.", NULL },
		{ "m.n", NULL }, /* null is missing */
		{ "m.n.o", NULL },
		{ "m..p", "4" },
		{ "s.0", NULL },
	};
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *root = json(d,
	    "{\"l\": [1, 2, 3], \"m\": {\"n\": null, \"\": {\"p\": 4}}, "
	    "\"s\": \"text\"}");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		own(strbuf_clear) struct strbuf b = { 0 };
		const struct value *v = values_lookup(root, rows[i].key);

		CHECK((v != NULL) == (rows[i].want != NULL));
		if (v != NULL)
			values_print(v, &b);
		CHECK_STR(strbuf_text(&b), rows[i].want ? rows[i].want : "");
	}
}

static void
check_types(void)
{
	static const struct {
		const char *type, *json;
		int fits;
	} rows[] = {
		{ "int", "12", 1 },
		{ "int", "-12", 0 },
		{ "int", "\"\"", 0 },
		{ "int", "\"7\\n\"", 1 },
		{ "int", "\"7\\n\\n\"", 0 },
		{ "default", "\"\"", 1 },
		{ "default", "true", 1 },
		{ "default", "\"a-b\"", 0 },
		{ "default", "[]", 0 },
		{ "netaddress", "\"fe80::1/64\"", 1 },
		{ "netdevice", "\"a_b\"", 0 },
		{ "username", "\"\"", 0 },
		{ "username", "\"a_b-c\"", 1 },
		{ "dsn", "\"mysql://u:p@h/db?a=b\"", 1 },
		{ "dsn", "\"mysql://\"", 1 },
		{ "dsn", "\"mysql:/u\"", 0 },
		{ "swiftdevices", "\"r1z1-10.0.0.2:%PORT%/d1,r1z2-h:%PORT%/d\"",
		    1 },
		{ "swiftdevices", "\"r1z1-10.0.0.2:80/d1\"", 0 },
		{ "raw", "{\"any\": [1]}", 1 },
		{ "such", "1", -1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		struct error e = { 0 };
		int fits =
		    values_has_type(json(d, rows[i].json), rows[i].type, &e);

		if (fits != rows[i].fits)
			printf("%s %s\n", rows[i].type, rows[i].json);
		CHECK(fits == rows[i].fits);
	}
}

int
main(void)
{
	check_printing();
	check_lookup();
	check_types();
	return check_result();
}
