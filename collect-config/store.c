/* SPDX-License-Identifier: Apache-2.0 */
/* One key at a time; maps are made on the way. */
#include "collect-config/store.h"

#include <string.h>

#include "collect-config/source.h"
#include "lib/log.h"

static struct value *
value_of(struct round *r, const char *text, size_t n)
{
	struct value *v = NULL;
	struct error e;

	if (n > 0 && (*text == '{' || *text == '['))
		v = doc_parse(r->doc, text, n, "value", &e);
	return v != NULL ? v : value_stringn(r->doc, text, n);
}

void
store_put(struct round *r, struct value *tree, const char *key,
    const void *value, size_t n)
{
	const char *s = key;

	for (;;) {
		size_t len = strcspn(s, "/");
		struct value *next = value_getn(tree, s, len);

		if (s[len] == '\0' && len > 0 && next == NULL) {
			value_setn(r->doc, tree, s, len, value_of(r, value, n));
			return;
		}
		if (s[len] == '\0' && len == 0)
			return; /* "folder/": it is there now */
		if (next == NULL && s[len] == '/') {
			next = value_map(r->doc);
			value_setn(r->doc, tree, s, len, next);
		}
		if (s[len] == '\0' || next->kind != VALUE_MAP) {
			log_warn("%s: key %.200s left out: there is another "
				 "above or below it",
			    r->source->kind->name, key);
			return;
		}
		tree = next;
		s += len + 1;
	}
}
