/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists into a file that may hold some already. */
#include "apply-config/changed.h"

#include <stdlib.h>

#include "apply-config/apply.h"
#include "apply-config/journal.h"
#include "apply-config/output.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"

void
changed_note(struct changed *c, const struct output *o, const struct journal *j)
{
	for (size_t i = 0; i < j->len; i++) {
		own_free char *name = output_name(o, j->items[i].path);

		strlist_add(&c->files, name);
		if (*j->items[i].on_change != '\0')
			strlist_add(&c->on_change, j->items[i].on_change);
	}
}

/* The list called name in what was there, and what is new, each item once. */
static void
add_list(struct doc *d, struct value *map, const struct value *old,
    const char *name, const struct strlist *new)
{
	const struct value *items = value_get(old, name);
	struct value *list = value_list(d), *seen = value_map(d);

	for (uint32_t i = 0;
	     items != NULL && items->kind == VALUE_LIST && i < items->len; i++)
		if (items->items[i]->kind == VALUE_STRING)
			value_set(d, seen, items->items[i]->text, list);
	for (size_t i = 0; i < new->len; i++)
		value_set(d, seen, new->items[i], list);
	for (size_t i = 0; i < seen->len; i++)
		value_add(d, list, value_string(d, value_member(seen, i).name));
	value_set(d, map, name, list);
}

int
changed_tell(const struct settings *s, const struct changed *c, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf b = { 0 };
	struct value *map = value_map(d);
	const struct value *old = NULL;
	const char *path;

	if (s->changed_file == NULL)
		return 0;
	path = settings_below(s, s->changed_file);
	if (file_exists(s->root, path)) {
		old = doc_load(d, s->root, path, e);
		if (old == NULL)
			return error_prefix(e, "what changed");
	}
	add_list(d, map, old, "files", &c->files);
	add_list(d, map, old, "on_change", &c->on_change);
	value_print(map, STYLE_PRETTY, &b);
	strbuf_putc(&b, '\n');
	if (file_replace(s->root, path, 0644, b.s, b.len, e) == -1)
		return error_prefix(e, "what changed");
	return 0;
}

void
changed_clear(struct changed *c)
{
	strlist_clear(&c->files);
	strlist_clear(&c->on_change);
}
