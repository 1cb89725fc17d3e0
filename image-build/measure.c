/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into each file system, counted in one walk of the tree: data in
 * blocks of 4 KiB without holes, folders by their names, inodes once.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/inodes.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define BLOCK 4096

struct measure {
	const struct strlist *points; /* paths from the start, "" the start */
	struct fs_content *contents; /* of each */
	struct inodes linked;
	size_t at; /* of the file system that the walk is in */
	size_t prefix; /* bytes of its path */
};

/* Bytes of a file that are data, where it has fewer blocks than bytes. */
static uint64_t
data_bytes(const struct tree_entry *t)
{
	own_fd int fd = openat(
	    t->dir, t->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);
	uint64_t n = 0;
	off_t at = 0;

	while (fd != -1 && at < t->st->st_size) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data == -1)
			return errno == ENXIO ? n : (uint64_t)t->st->st_size;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole == -1)
			return (uint64_t)t->st->st_size;
		n += round_up((uint64_t)hole, BLOCK) -
		    round_down((uint64_t)data, BLOCK);
		at = hole;
	}
	return n;
}

static uint64_t
entry_bytes(const struct tree_entry *t)
{
	const struct stat *st = t->st;

	if (S_ISDIR(st->st_mode))
		return BLOCK;
	if (S_ISLNK(st->st_mode))
		return st->st_size < 60 ? 0 : BLOCK;
	if (!S_ISREG(st->st_mode))
		return 0;
	if ((uint64_t)st->st_blocks * 512 >= (uint64_t)st->st_size)
		return round_up((uint64_t)st->st_size, BLOCK);
	return round_up(data_bytes(t), BLOCK);
}

/* The file system that a path is in: the one with the longest prefix. */
static void
find_point(struct measure *m, const char *path)
{
	m->prefix = 0;
	m->at = 0;
	for (size_t i = 0; i < m->points->len; i++) {
		const char *p = m->points->items[i];
		size_t n = strlen(p);

		if (strncmp(path, p, n) == 0 &&
		    (n == 0 || path[n] == '/' || path[n] == '\0') &&
		    n >= m->prefix) {
			m->prefix = n;
			m->at = i;
		}
	}
}

static int
visit(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct measure *m = ctx;
	struct fs_content *c;
	uint64_t *seen;

	(void)e;
	if (m->points->len > 1)
		find_point(m, t->path);
	c = &m->contents[m->at];
	c->bytes += round_up(8 + strlen(t->name), 4); /* in its folder */
	if (!S_ISDIR(t->st->st_mode) && t->st->st_nlink > 1) {
		seen = inodes_at(&m->linked, t->st->st_dev, t->st->st_ino);
		if ((*seen)++ > 0)
			return 0;
	}
	c->inodes++;
	c->bytes += entry_bytes(t);
	return 0;
}

int
fs_measure(const char *tree, const struct strlist *points,
    struct fs_content *contents, struct error *e)
{
	struct measure m = { .points = points, .contents = contents };
	int r = tree_walk(AT_FDCWD, tree, visit, &m, e);

	inodes_clear(&m.linked);
	return r;
}
