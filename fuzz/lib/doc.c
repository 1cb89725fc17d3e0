/* SPDX-License-Identifier: Apache-2.0 */
/* What is parsed and printed is parsed and printed again as the same. */
#include "lib/doc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct value *v, enum value_style style)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf once = { 0 }, twice = { 0 };
	struct error e;
	struct value *again, *copy;

	value_print(v, style, &once);
	again = doc_parse(d, once.s, once.len, "printed", &e);
	if (again == NULL)
		abort();
	copy = value_copy(d, again);
	value_print(copy, style, &twice);
	if (once.len != twice.len || memcmp(once.s, twice.s, once.len) != 0)
		abort();
	/* Equal, but for NaN, which equals nothing. */
	if (strstr(once.s, "NaN") == NULL && !value_equal(v, copy))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct error e;
	struct value *v, *all;

	v = doc_parse(d, (const char *)data, size, "input", &e);
	if (v == NULL)
		return 0;
	check(v, STYLE_PYTHON);
	check(v, STYLE_UTF8);
	check(v, STYLE_INDENT);
	check(v, STYLE_PRETTY);
	all = value_map(d);
	if (v->kind == VALUE_MAP) {
		value_merge(d, all, v);
		value_merge(d, all, v);
		if (v->len != all->len)
			abort();
	}
	return 0;
}
