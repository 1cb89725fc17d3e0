/* SPDX-License-Identifier: Apache-2.0 */
/* Files' digests in the memory of the snapshots, a line for each. */
#include "image-build/known.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image-build/image-build.h"
#include "image-build/snapshot.h"
#include "lib/clock.h"
#include "lib/contents.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"

#define RECENT_SECONDS 2 /* times are no finer than the clock's tick */

static void
memory_id(const struct build *b, char id[DIGEST_TEXT])
{
	own_free char *text = mem_printf("digests %s", b->settings->name);

	digest_text(text, strlen(text), id);
}

/* ---- as text ------------------------------------------------------------------- */

static bool
parse(const char *line, struct known_file *f)
{
	int end = 0;

	return sscanf(line,
		   "%" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNd64 " %n",
		   &f->inode, &f->bytes, &f->modified, &f->changed,
		   &end) == 4 &&
	    end > 0 && digest_parse(line + end, strlen(line + end), f->sum);
}

static int
by_inode(const void *a, const void *b)
{
	const struct known_file *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

int
known_load(const struct build *b, int tree, struct known *k, struct error *e)
{
	own(strlist_clear) struct strlist lines = { 0 };
	struct timespec now;
	struct stat st;
	char id[DIGEST_TEXT];

	if (fstat(tree, &st) == -1)
		return error_errno(e, "%s", b->tree);
	k->device = st.st_dev;
	clock_gettime(CLOCK_REALTIME, &now);
	k->recent = clock_ns(&now) - (int64_t)RECENT_SECONDS * 1000000000;
	memory_id(b, id);
	if (snapshot_recall(b, id, &lines, e) == -1)
		return -1;
	for (size_t i = 0; i < lines.len; i++) {
		k->old =
		    mem_grow(k->old, &k->old_cap, k->nold + 1, sizeof(*k->old));
		if (parse(lines.items[i], &k->old[k->nold]))
			k->nold++;
	}
	if (k->nold > 1)
		qsort(k->old, k->nold, sizeof(*k->old), by_inode);
	return 0;
}

/* ---- in a scan ------------------------------------------------------------------- */

bool
known_find(void *ctx, const struct stat *st, uint8_t sum[DIGEST_BYTES])
{
	struct known *k = ctx;
	const struct known_file *old;
	struct known_file f = { .inode = st->st_ino,
		.bytes = (uint64_t)st->st_size,
		.modified = clock_ns(&st->st_mtim),
		.changed = clock_ns(&st->st_ctim) };

	/* A number of another device's says nothing of the store. */
	if (st->st_dev != k->device || f.changed >= k->recent)
		f.inode = 0;
	k->now = mem_grow(k->now, &k->cap, k->n + 1, sizeof(*k->now));
	k->now[k->n++] = f;
	if (f.inode == 0 || k->nold == 0)
		return false;
	old = bsearch(&f, k->old, k->nold, sizeof(f), by_inode);
	if (old == NULL || old->bytes != f.bytes ||
	    old->modified != f.modified || old->changed != f.changed)
		return false;
	memcpy(sum, old->sum, DIGEST_BYTES);
	return true;
}

int
known_save(const struct build *b, struct known *k, const struct contents *c,
    struct error *e)
{
	own(strlist_clear) struct strlist lines = { 0 };
	char id[DIGEST_TEXT], text[DIGEST_TEXT];
	size_t at = 0;

	for (size_t i = 0; i < c->n && at < k->n; i++) {
		const struct known_file *f = &k->now[at];

		if (c->entries[i].type != 'f')
			continue;
		at++;
		if (f->inode == 0)
			continue;
		digest_print(c->entries[i].sum, text);
		strlist_printf(&lines,
		    "%" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %s",
		    f->inode, f->bytes, f->modified, f->changed, text);
	}
	memory_id(b, id);
	return snapshot_remember(b, id, &lines, e);
}

void
known_clear(struct known *k)
{
	free(k->old);
	free(k->now);
	*k = (struct known){ 0 };
}
