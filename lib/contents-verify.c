/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree compared with a list while it is walked, since both are in the same
 * order; files that are right so far are hashed meanwhile.
 */
#include <errno.h>
#include <string.h>

#include "lib/contents-private.h"
#include "lib/error.h"
#include "lib/tree.h"

struct verify {
	const struct contents *c;
	struct contents_look look;
	struct hashing *hashing; /* of files, or NULL */
	const char *besides; /* what may stand there too, or NULL */
	size_t next; /* number of the entry that has to come */
};

static int
compare(const struct contents_entry *t, const struct contents_entry *there,
    struct error *e)
{
	unsigned how = contents_differ(t, there);

	if (how == CONTENTS_SAME)
		return 0;
	return error_set(e, EBADMSG, "%s: has another %s", t->path,
	    t->type != there->type	      ? "type"
		: (how & CONTENTS_OTHER_DATA) ? "content"
					      : "owner, mode or attribute");
}

/* The walk has come to a path: is it the one that has to come? */
static int
find_place(const struct verify *v, const char *path, struct error *e)
{
	const struct contents_entry *t = &v->c->entries[v->next];
	int r = v->next < v->c->n ? contents_order(path, t->path) : -1;

	if (r > 0)
		return error_set(e, EBADMSG, "%s: is missing", t->path);
	if (r == 0)
		return 1;
	if (v->besides != NULL && strcmp(path, v->besides) == 0)
		return 0;
	return error_set(e, EBADMSG, "%s: does not belong", path);
}

static int
visit(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct verify *v = ctx;
	const struct contents_entry *wanted = &v->c->entries[v->next];
	struct contents_entry found;
	int r = look_at(&v->look, t, v->next, &found, e);

	if (r == 1)
		r = find_place(v, found.path, e);
	if (r == -1)
		return -1;
	if (r == 0)
		return look_is_mount(&v->look, t);
	if (found.type == 'h')
		found.target = v->c->entries[v->look.first].path;
	if (found.type == 'f' || found.type == 'd')
		memcpy(found.sum, wanted->sum, sizeof(found.sum));
	if (compare(wanted, &found, e) == -1)
		return -1;
	if (found.type == 'f' && v->hashing != NULL)
		hashing_add(v->hashing, v->c, v->next);
	v->next++;
	return look_is_mount(&v->look, t);
}

static int
verify(struct verify *v, int dir, struct error *e)
{
	if (look_walk(&v->look, dir, visit, v, e) == -1)
		return -1;
	if (v->next < v->c->n)
		return error_set(
		    e, EBADMSG, "%s: is missing", v->c->entries[v->next].path);
	return v->hashing != NULL ? hashing_end(v->hashing, v->c, e) : 0;
}

int
contents_verify(const struct contents *c, int dir, enum contents_depth depth,
    const char *besides, struct error *e)
{
	ownp(hashing_free) struct hashing *h =
	    depth == CONTENTS_DIGESTS ? hashing_new(dir, true) : NULL;
	struct verify v = { .c = c, .hashing = h, .besides = besides };

	return verify(&v, dir, e);
}

int
contents_verify_files(const struct contents *c, int dir, struct error *e)
{
	ownp(hashing_free) struct hashing *h = hashing_new(dir, true);

	for (size_t i = 0; i < c->n; i++)
		if (c->entries[i].type == 'f')
			hashing_add(h, c, i);
	return hashing_end(h, c, e);
}
