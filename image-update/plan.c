/* SPDX-License-Identifier: Apache-2.0 */
/* What would change, from two lists: pure. */
#include <errno.h>
#include <string.h>

#include "image-update/update.h"
#include "lib/doc.h"
#include "lib/error.h"

#define ENTRY_BYTES 4096 /* what a new name or inode may cost at most */

struct planning {
	struct plan *p;
	struct doc *d;
};

static void
note(struct planning *w, const char *path, const char *change)
{
	struct value *item = value_map(w->d);

	value_set(w->d, item, "path", value_string(w->d, path));
	value_set(w->d, item, "change", value_string(w->d, change));
	value_add(w->d, w->p->paths, item);
}

static int
visit(void *ctx, const struct contents_entry *from,
    const struct contents_entry *to, unsigned how, struct error *e)
{
	struct planning *w = ctx;
	const char *change = "changed";

	(void)e;
	if (from == NULL) {
		change = "added";
		w->p->added++;
	} else if (to == NULL) {
		change = "removed";
		w->p->removed++;
	} else if (how & CONTENTS_OTHER_DATA) {
		w->p->changed++;
	} else {
		change = "attributes";
		w->p->attributes++;
	}
	if (to != NULL && to->type == 'f')
		w->p->bytes += to->size;
	if (w->d != NULL)
		note(w, to != NULL ? to->path : from->path, change);
	return 0;
}

void
plan_make(struct plan *p, struct doc *d, const struct contents *old,
    const struct contents *new)
{
	ownp(contents_free) struct contents *none = contents_new("");
	struct planning w = { .p = p, .d = d };
	struct error e;

	*p = (struct plan){ .paths = d != NULL ? value_list(d) : NULL };
	(void)contents_compare(old != NULL ? old : none, new, visit, &w, &e);
}

int
plan_fits(const struct plan *p, const struct slots *s,
    const struct source *from, struct error *e)
{
	const struct contents *c = from->contents;
	uint64_t bytes = p->bytes, room;

	if (slots_room(s, &room, e) == -1)
		return -1;
	/* A partition shares nothing with another one. */
	for (size_t i = 0; i < c->n && slots_apart(s); i++)
		if (c->entries[i].type == 'f')
			bytes += c->entries[i].size;
	if (slots_apart(s))
		bytes -= p->bytes;
	bytes += (uint64_t)c->n * ENTRY_BYTES / 4 +
	    (p->added + p->changed) * (uint64_t)ENTRY_BYTES;
	bytes += source_room(from, p->bytes);
	if (bytes > room)
		return error_set(e, ENOSPC,
		    "the image needs up to %llu bytes, %llu are free",
		    (unsigned long long)bytes, (unsigned long long)room);
	return 0;
}
