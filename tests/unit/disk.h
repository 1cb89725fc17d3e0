/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that forgets: what a folder may look like after the power was cut.
 *
 * What a file holds and which names a folder has are kept in two states: as
 * they were when they were last seen to the disk, and as they are now.  A cut
 * leaves either of each, in any combination; a file that was never seen to
 * the disk may also be empty or end early.
 *
 *	disk_open	all that is there now is on the disk
 *	disk_sync	so is one more file or folder, or everything
 *	disk_look	this is how things are when the power is cut
 *	disk_cut	make the folder one of those that may be found then
 */
#ifndef TESTS_UNIT_DISK_H
#define TESTS_UNIT_DISK_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

/* One state of a file, symlink or folder. */
struct copy {
	mode_t mode; /* 0: none is known */
	struct strbuf text; /* or where the symlink leads */
	struct strlist names; /* in a folder */
	uint64_t *ids; /* of those names */
	size_t cap;
};

struct object {
	uint64_t id;
	struct copy durable, current;
};

#define DISK_DEPTH 64

struct disk {
	int dir; /* the folder */
	const char *const *parts; /* what in it counts, up to NULL */
	struct object *items;
	size_t len, cap;
	uint64_t above[DISK_DEPTH]; /* the folders that a walk is in */
};

#define DISK_ALL 0 /* no object's id */

static void
copy_clear(struct copy *c)
{
	strbuf_clear(&c->text);
	strlist_clear(&c->names);
	free(c->ids);
	*c = (struct copy){ 0 };
}

static void
copy_set(struct copy *to, const struct copy *from)
{
	copy_clear(to);
	to->mode = from->mode;
	strbuf_add(&to->text, strbuf_text(&from->text), from->text.len);
	strlist_add_all(&to->names, &from->names);
	to->ids =
	    mem_grow(NULL, &to->cap, from->names.len + 1, sizeof(*to->ids));
	for (size_t i = 0; i < from->names.len; i++)
		to->ids[i] = from->ids[i];
}

static uint64_t
mix(uint64_t n)
{
	n = (n ^ n >> 31) * 0x9e3779b97f4a7c15;
	return n ^ n >> 29;
}

/* Numbers of inodes are used again, so the time of birth counts as well. */
static uint64_t
disk_id(int dir, const char *path, int flags)
{
	struct statx x;

	if (statx(dir, path, flags, STATX_INO | STATX_BTIME, &x) == -1)
		return DISK_ALL;
	return mix(x.stx_ino ^
		   mix((uint64_t)x.stx_btime.tv_sec * 1000000000 +
		       x.stx_btime.tv_nsec)) |
	    1;
}

static struct object *
disk_object(struct disk *d, uint64_t id)
{
	for (size_t i = 0; i < d->len; i++)
		if (d->items[i].id == id)
			return &d->items[i];
	d->items = mem_grow(d->items, &d->cap, d->len + 1, sizeof(*d->items));
	d->items[d->len] = (struct object){ .id = id };
	return &d->items[d->len++];
}

static bool
disk_counts(const struct disk *d, const struct tree_entry *t)
{
	if (t->depth != 1)
		return true;
	for (size_t i = 0; d->parts[i] != NULL; i++)
		if (strcmp(d->parts[i], t->name) == 0)
			return true;
	return false;
}

static int
disk_visit(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct disk *d = ctx;
	uint64_t id = disk_id(t->dir, t->name, AT_SYMLINK_NOFOLLOW);
	struct copy *c;
	char target[1000];
	ssize_t n;

	if (!disk_counts(d, t) || t->depth == DISK_DEPTH)
		return 1;
	if (t->depth > 0) {
		c = &disk_object(d, d->above[t->depth - 1])->current;
		c->ids = mem_grow(
		    c->ids, &c->cap, c->names.len + 1, sizeof(*c->ids));
		c->ids[c->names.len] = id;
		strlist_add(&c->names, t->name);
	}
	d->above[t->depth] = id;
	c = &disk_object(d, id)->current;
	c->mode = t->st->st_mode;
	if (S_ISREG(c->mode))
		return file_read(t->dir, t->name, 1 << 20, &c->text, e);
	if (!S_ISLNK(c->mode))
		return 0;
	n = readlinkat(t->dir, t->name, target, sizeof(target));
	strbuf_add(&c->text, target, n > 0 ? (size_t)n : 0);
	return 0;
}

static void
disk_look(struct disk *d)
{
	struct error e;

	for (size_t i = 0; i < d->len; i++)
		copy_clear(&d->items[i].current);
	must(tree_walk(d->dir, ".", disk_visit, d, &e), &e);
}

static void
disk_sync(struct disk *d, uint64_t id)
{
	disk_look(d);
	for (size_t i = 0; i < d->len; i++)
		if (id == DISK_ALL || d->items[i].id == id)
			copy_set(&d->items[i].durable, &d->items[i].current);
}

static void
disk_close(struct disk *d)
{
	for (size_t i = 0; i < d->len; i++) {
		copy_clear(&d->items[i].durable);
		copy_clear(&d->items[i].current);
	}
	free(d->items);
	d->items = NULL;
	d->len = d->cap = 0;
}

static void
disk_open(struct disk *d, int dir, const char *const *parts)
{
	disk_close(d);
	d->dir = dir;
	d->parts = parts;
	disk_sync(d, DISK_ALL);
}

/* ---- the cut ------------------------------------------------------------------ */

/*
 * What is left of a file or folder; *len bytes of its text.  Seed 0 always
 * gives the oldest state that may be found.
 */
static const struct copy *
disk_choose(const struct object *o, uint64_t seed, size_t *len)
{
	static const struct copy nothing = { .mode = S_IFDIR | 0755 };
	uint64_t chance = seed == 0 ? 0 : mix(seed ^ o->id) >> 16;
	bool is_new = o->current.mode != 0 &&
	    (o->durable.mode == 0 ? chance % 3 != 0 : chance % 2 != 0);
	const struct copy *c = is_new ? &o->current : &o->durable;

	if (c->mode == 0 && !S_ISDIR(o->current.mode))
		c = &o->current;
	*len = c->text.len;
	if (c->mode == 0)
		return o->current.mode != 0 ? &nothing : NULL;
	if (o->durable.mode == 0 && S_ISREG(c->mode))
		*len = *len * (chance % 3) / 2;
	return c;
}

static void
disk_restore(struct disk *d, int dir, const char *name, uint64_t id,
    uint64_t seed, unsigned depth)
{
	size_t len;
	const struct copy *c = disk_choose(disk_object(d, id), seed, &len);
	struct error e;
	own_fd int fd = -1;

	if (c == NULL || depth == DISK_DEPTH)
		return; /* it was made and removed, and never on the disk */
	if (S_ISREG(c->mode)) {
		must(file_put(dir, name, c->mode & 07777, strbuf_text(&c->text),
			 len, &e),
		    &e);
		return;
	}
	if (S_ISLNK(c->mode)) {
		CHECK(symlinkat(strbuf_text(&c->text), dir, name) == 0);
		return;
	}
	if (depth > 0)
		(void)mkdirat(dir, name, c->mode & 07777);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < c->names.len; i++)
		disk_restore(
		    d, fd, c->names.items[i], c->ids[i], seed, depth + 1);
}

static void
disk_cut(struct disk *d, uint64_t seed)
{
	struct error e;

	for (size_t i = 0; d->parts[i] != NULL; i++)
		must(tree_remove(d->dir, d->parts[i], &e), &e);
	disk_restore(d, d->dir, ".", disk_id(d->dir, ".", 0), seed, 0);
}

#endif
