/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive of the image's tree, here or at a URL, read once from start to
 * end: nothing of it is kept but the bytes of files that are wanted.
 */
#include <errno.h>

#include "image-update/fetch.h"
#include "image-update/update.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/tar.h"

struct unpacking {
	struct filling *f;
	char buffer[KIB(64)];
};

/* The entry that a path's bytes belong to, if they are wanted. */
static const struct contents_entry *
find_wanted(const struct filling *f, const char *path)
{
	const struct contents_entry *t = contents_find(f->new, path);

	if (t != NULL && t->type == 'h')
		t = contents_find(f->new, t->target);
	return t != NULL && fill_wants(f, (size_t)(t - f->new->entries)) ? t
									 : NULL;
}

static int
visit(void *ctx, const char *path, struct tar_entry *entry, struct error *e)
{
	struct unpacking *u = ctx;
	const struct contents_entry *t = find_wanted(u->f, path);
	uint64_t at = 0;
	ssize_t n;

	if (t == NULL)
		return 0;
	while ((n = tar_next(entry, u->buffer, sizeof(u->buffer), e)) > 0) {
		if ((uint64_t)n > t->size - at)
			return error_set(e, EBADMSG,
			    "%s: is not what the contents say", path);
		if (fill_add(u->f, (uint32_t)(t - u->f->new->entries), at,
			u->buffer, (size_t)n, e) == -1)
			return -1;
		at += (uint64_t)n;
	}
	if (n == -1)
		return -1;
	if (at != t->size)
		return error_set(
		    e, EBADMSG, "%s: is not what the contents say", path);
	return u->f->left == 0;
}

/* Room for what an image has beside files that are wanted. */
static struct tar_bounds
bounds_of(const struct contents *c)
{
	struct tar_bounds b = { .entries = c->n * 2 + 1000,
		.bytes = LIMIT_UNPACK_SLACK };

	for (size_t i = 0; i < c->n; i++)
		if (c->entries[i].type == 'f' &&
		    c->entries[i].size < LIMIT_TREE_BYTES)
			b.bytes += c->entries[i].size;
	return b;
}

static ssize_t
read_more(void *ctx, void *to, size_t n, struct error *e)
{
	return fetch_read(ctx, to, n, e);
}

static int
bring(struct carrier *c, const struct source *s, struct filling *f,
    struct error *e)
{
	ownp(fetch_free) struct fetch *from = fetch_new(c->place);
	struct unpacking u = { .f = f };
	struct tar_bounds bounds = bounds_of(f->new);

	(void)s;
	return tar_walk(read_more, from, &bounds, visit, &u, e);
}

const struct carrier_kind carrier_archive = {
	.name = "archive",
	.summary = "an archive of the image's tree",
	.bring = bring,
};
