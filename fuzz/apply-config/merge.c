/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents merged one into another, bytes 0xff between them: what is merged
 * is not changed by it, and merging the last one again changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
print(const struct value *v, struct strbuf *b)
{
	strbuf_cut(b, 0);
	value_print(v, STYLE_PYTHON, b);
}

static bool
is_same(const struct strbuf *a, const struct strbuf *b)
{
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static void
merge(struct doc *d, struct value *all, const struct value *v)
{
	own(strbuf_clear) struct strbuf before = { 0 }, after = { 0 };

	print(v, &before);
	value_merge(d, all, v);
	print(v, &after);
	if (!is_same(&before, &after))
		abort();
	print(all, &before);
	value_merge(d, all, v);
	print(all, &after);
	if (!is_same(&before, &after))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *at = data, *end = data + size;
	ownp(doc_free) struct doc *d = doc_new();
	struct value *all = value_map(d);

	while (at < end) {
		const uint8_t *stop = memchr(at, 0xff, (size_t)(end - at));
		size_t n = (size_t)((stop == NULL ? end : stop) - at);
		struct error e;
		struct value *v = doc_parse(d, (const char *)at, n, "m", &e);

		if (v != NULL && v->kind == VALUE_MAP)
			merge(d, all, v);
		at = stop == NULL ? end : stop + 1;
	}
	return 0;
}
