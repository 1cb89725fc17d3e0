/* SPDX-License-Identifier: Apache-2.0 */
/* A tree listed: one walk for names and attributes, files hashed meanwhile. */
#include <errno.h>
#include <string.h>

#include "lib/contents-private.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/tree.h"

struct scan {
	struct contents *c;
	struct contents_look look;
	struct hashing *hashing; /* of files, or NULL */
	contents_known *known; /* or NULL */
	void *ctx; /* of known */
};

/* Unless it is known, a file is hashed. */
static void
put_sum(struct scan *s, const struct stat *st, struct contents_entry *to)
{
	if (s->hashing != NULL &&
	    (s->known == NULL || !s->known(s->ctx, st, to->sum)))
		hashing_add(s->hashing, s->c, s->c->n - 1);
}

static const char *
keep(struct scan *s, const char *text)
{
	return *text != '\0' ? doc_text(s->c->memory, text, strlen(text)) : "";
}

static int
visit(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct scan *s = ctx;
	struct contents_entry found, *to;
	int r = look_at(&s->look, t, s->c->n, &found, e);

	if (r != 1)
		return r;
	if (s->c->n >= LIMIT_TAR_ENTRIES)
		return error_set(e, E2BIG, "%s: too many files", found.path);
	to = contents_add(s->c);
	*to = found;
	to->path = keep(s, found.path);
	to->xattrs = keep(s, found.xattrs);
	if (to->type == 'l')
		to->target = keep(s, found.target);
	if (to->type == 'h')
		to->target = s->c->entries[s->look.first].path;
	if (to->type == 'f')
		put_sum(s, t->st, to);
	return look_is_mount(&s->look, t);
}

static int
list(struct scan *s, int dir, struct error *e)
{
	if (look_walk(&s->look, dir, visit, s, e) == -1)
		return -1;
	return s->hashing != NULL ? hashing_end(s->hashing, s->c, e) : 0;
}

static struct contents *
scan(struct scan *s, int dir, const char *name, enum contents_depth depth,
    struct error *e)
{
	ownp(contents_free) struct contents *c = contents_new(name);
	ownp(hashing_free) struct hashing *h =
	    depth == CONTENTS_DIGESTS ? hashing_new(dir, false) : NULL;

	s->c = c;
	s->hashing = h;
	if (list(s, dir, e) == -1)
		return NULL;
	contents_seal(c);
	return take(c);
}

struct contents *
contents_scan(
    int dir, const char *name, enum contents_depth depth, struct error *e)
{
	struct scan s = { 0 };

	return scan(&s, dir, name, depth, e);
}

struct contents *
contents_scan_known(int dir, const char *name, contents_known *known, void *ctx,
    struct error *e)
{
	struct scan s = { .known = known, .ctx = ctx };

	return scan(&s, dir, name, CONTENTS_DIGESTS, e);
}
