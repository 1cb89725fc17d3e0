/* SPDX-License-Identifier: Apache-2.0 */
/* The store as a whole: what is in it, whether it is sound, how large it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/store.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

#define MEMORY_SECONDS (30 * 86400) /* what nobody asked for goes */

/* ---- the list ----------------------------------------------------------------- */

static void
info_clear(struct snapshot_info *i)
{
	free(i->slot);
	free(i->key);
	free(i->step);
	free(i->element);
	free(i->phase);
}

void
store_list_clear(struct snapshot_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		info_clear(&list->items[i]);
	free(list->items);
	*list = (struct snapshot_list){ 0 };
}

/* One that cannot be read is listed as one that was never used. */
static void
add_snapshot(const struct store *s, const char *slot, const char *key,
    struct snapshot_list *list)
{
	own_free char *dir = store_path(s, slot, key);
	own_free char *path = path_join(dir, "meta.json");
	ownp(doc_free) struct doc *d = doc_new();
	struct error none;
	const struct value *meta = store_load(s, slot, key, d, &none);
	long long bytes = 0;
	struct stat st = { 0 };

	(void)stat(path, &st);
	(void)value_to_int(value_get(value_get(meta, "diff"), "bytes"), &bytes);
	list->items = mem_grow(
	    list->items, &list->cap, list->len + 1, sizeof(*list->items));
	list->items[list->len++] = (struct snapshot_info){
		.slot = mem_dup(slot),
		.key = mem_dup(key),
		.step = mem_dup(value_text(meta, "step", "?")),
		.element = mem_dup(value_text(meta, "element", "?")),
		.phase = mem_dup(value_text(meta, "phase", "?")),
		.seconds = value_get(meta, "seconds") != NULL
		    ? value_to_real(value_get(meta, "seconds"))
		    : 0,
		.bytes = (uint64_t)bytes,
		.used = meta != NULL ? st.st_mtime : 0,
	};
}

static int
by_use(const void *a, const void *b)
{
	const struct snapshot_info *x = a, *y = b;

	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	return strcmp(x->key, y->key);
}

int
store_list(const struct store *s, struct snapshot_list *list, struct error *e)
{
	own_free char *steps = path_join(s->path, "steps");
	own(strlist_clear) struct strlist slots = { 0 };

	if (file_names(AT_FDCWD, steps, &slots, e) == -1)
		return -1;
	for (size_t i = 0; i < slots.len; i++) {
		own(strlist_clear) struct strlist keys = { 0 };

		if (store_keys(s, slots.items[i], &keys, e) == -1)
			return -1;
		for (size_t k = 0; k < keys.len; k++)
			add_snapshot(s, slots.items[i], keys.items[k], list);
	}
	if (list->len > 1)
		qsort(list->items, list->len, sizeof(*list->items), by_use);
	return 0;
}

/* ---- tidying up ------------------------------------------------------------------ */

/* Snapshots that were put aside, once nobody can have them mounted. */
static int
empty_dropped(const struct store *s, struct error *e)
{
	own_free char *dir = path_join(s->path, "dropped");

	if (tree_remove(AT_FDCWD, dir, e) == -1)
		return -1;
	return file_mkdirs(AT_FDCWD, dir, 0700, e);
}

static void
forget_old(const struct store *s)
{
	own_free char *dir = path_join(s->path, "last");
	own(strlist_clear) struct strlist names = { 0 };
	struct error none;

	if (file_names(AT_FDCWD, dir, &names, &none) == -1)
		return;
	for (size_t i = 0; i < names.len; i++) {
		own_free char *path = path_join(dir, names.items[i]);
		struct stat st;

		if (stat(path, &st) == 0 &&
		    time(NULL) - st.st_mtime > MEMORY_SECONDS)
			(void)unlink(path);
	}
}

static int
remove_one(
    const struct store *s, const struct snapshot_info *i, struct error *e)
{
	own_free char *slot = mem_printf("%s/steps/%s", s->path, i->slot);
	int r = store_drop(s, i->slot, i->key, e);

	(void)rmdir(slot); /* while it holds others it stays */
	return r;
}

static int
remove_oldest(const struct store *s, uint64_t limit, uint64_t *freed,
    unsigned *n, struct error *e)
{
	own(store_list_clear) struct snapshot_list list = { 0 };
	uint64_t total = 0;

	if (store_list(s, &list, e) == -1)
		return -1;
	for (size_t i = 0; i < list.len; i++)
		total += list.items[i].bytes;
	for (size_t i = 0; i < list.len; i++) {
		if (limit > 0 && total <= limit && list.items[i].used != 0)
			break;
		if (remove_one(s, &list.items[i], e) == -1)
			return -1;
		total -= list.items[i].bytes;
		*freed += list.items[i].bytes;
		++*n;
	}
	return 0;
}

int
store_tidy(struct store *s, uint64_t limit, uint64_t *freed, unsigned *n,
    struct error *e)
{
	int r;

	*freed = 0;
	*n = 0;
	if (flock(s->lock, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK)
			return error_errno(e, "%s: lock", s->path);
		return flock(s->lock, LOCK_SH) == -1
		    ? error_errno(e, "%s: lock", s->path)
		    : 1;
	}
	forget_old(s);
	r = remove_oldest(s, limit, freed, n, e);
	if (r == 0)
		r = empty_dropped(s, e);
	if (flock(s->lock, LOCK_SH) == -1 && r == 0)
		r = error_errno(e, "%s: lock", s->path);
	return r;
}

/* ---- verifying ---------------------------------------------------------------------- */

int
store_verify(
    const struct store *s, const struct snapshot_info *i, struct error *e)
{
	own_free char *dir = store_path(s, i->slot, i->key);
	own_free char *folder = path_join(dir, "diff");
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *meta = store_load(s, i->slot, i->key, d, e);
	const struct value *diff = value_get(meta, "diff");
	char content[DIGEST_TEXT];

	if (meta == NULL)
		return -1;
	if (diff == NULL)
		return 0;
	if (store_check(s, i->slot, i->key, meta, e) == -1 ||
	    store_content(folder, content, e) == -1)
		return -1;
	if (strcmp(content, value_text(diff, "content", "")) != 0)
		return error_set(
		    e, EIO, "%s: its bytes are not those saved", folder);
	return 0;
}
