/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An initramfs is an archive of the image's own files, so most of the new one
 * is here before a byte of it has come: the old one with the new files in it.
 * It is a basis for deltas, no more; what is wrong in it costs bytes.
 *
 * The archive's form is cpio's "newc", of the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst: heads of
 * hexadecimal fields, each followed by a name and a file's bytes, both ended
 * at a multiple of four.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "image-update/update.h"
#include "lib/basis.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

#define MAGIC "070701"
#define UNIT 4
#define HEAD 110 /* bytes: the magic, and 13 fields of eight digits */
enum field {
	MODE = 1,
	SIZE = 6,
	NAME_SIZE = 11
};

struct member {
	char head[HEAD + 1];
	char name[PATH_MAX];
	uint32_t size;
	uint64_t end; /* where in the archive its bytes end */
};

struct guess {
	const struct filling *f;
	uint32_t *newer; /* by old entry: the new one that is made of it */
	int old; /* the old initramfs */
	int to;
	uint64_t left; /* bytes that it may still have; 0 when that failed */
	bool failed;
};

/* ---- the old archive -------------------------------------------------------------- */

/* Of what is no number the value is of no use, but it is bounded. */
static uint32_t
field(const char *head, enum field which)
{
	const char *p = head + strlen(MAGIC) + 8 * (size_t)which;
	uint32_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 4 | ((uint32_t)hex_digit(p[i]) & 15);
	return n;
}

static void
set_field(char *head, enum field which, uint32_t to)
{
	char text[9];

	snprintf(text, sizeof(text), "%08X", to);
	memcpy(head + strlen(MAGIC) + 8 * (size_t)which, text, 8);
}

static bool
read_member(int fd, uint64_t at, struct member *m)
{
	uint32_t name;

	if (pread(fd, m->head, HEAD, (off_t)at) != HEAD ||
	    memcmp(m->head, MAGIC, strlen(MAGIC)) != 0)
		return false;
	name = field(m->head, NAME_SIZE);
	if (name == 0 || name > sizeof(m->name) ||
	    pread(fd, m->name, name, (off_t)(at + HEAD)) != (ssize_t)name ||
	    m->name[name - 1] != '\0')
		return false;
	m->size = field(m->head, SIZE);
	m->end = round_up(round_up(at + HEAD + name, UNIT) + m->size, UNIT);
	return true;
}

/* The new file in the place of this one, or NULL: it is no old file's copy. */
static const struct contents_entry *
newer_of(const struct guess *g, const struct member *m)
{
	const char *name =
	    strncmp(m->name, "./", 2) == 0 ? m->name + 2 : m->name;
	const struct contents_entry *t;
	uint32_t at;

	if (m->size == 0 || !S_ISREG(field(m->head, MODE)))
		return NULL;
	t = contents_find(g->f->old, name);
	if (t == NULL || t->type != 'f' || t->size != m->size)
		return NULL;
	at = g->newer[t - g->f->old->entries];
	return at == BASIS_NONE ? NULL : &g->f->new->entries[at];
}

/* ---- the guess --------------------------------------------------------------------- */

static void
put(struct guess *g, const void *data, size_t n)
{
	if (n > g->left)
		n = (size_t)g->left;
	if (file_write_all(g->to, data, n) == -1) {
		g->failed = true;
		g->left = n;
	}
	g->left -= n;
}

/* n bytes of fd from an offset; less where it ends. */
static void
copy(struct guess *g, int fd, uint64_t at, uint64_t n)
{
	char buffer[1 << 14];
	ssize_t got = 1;

	for (; n > 0 && got > 0 && g->left > 0; at += (uint64_t)got) {
		size_t some = n < sizeof(buffer) ? (size_t)n : sizeof(buffer);

		got = pread(fd, buffer, some, (off_t)at);
		if (got > 0) {
			put(g, buffer, (size_t)got);
			n -= (uint64_t)got;
		}
	}
}

/* Zeros up to a multiple of four after n bytes. */
static void
pad(struct guess *g, uint64_t n)
{
	put(g, "\0\0\0", (size_t)(round_up(n, UNIT) - n));
}

/* False: the new file did not come. */
static bool
put_newer(struct guess *g, struct member *m, const struct contents_entry *t)
{
	own_fd int in = file_open_in(
	    g->f->staging, t->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	const char *dot = strncmp(m->name, "./", 2) == 0 ? "./" : "";
	size_t name = strlen(dot) + strlen(t->path) + 1;

	if (in == -1 || t->size > UINT32_MAX)
		return false;
	set_field(m->head, SIZE, (uint32_t)t->size);
	set_field(m->head, NAME_SIZE, (uint32_t)name);
	put(g, m->head, HEAD);
	put(g, dot, strlen(dot));
	put(g, t->path, strlen(t->path) + 1);
	pad(g, HEAD + name);
	copy(g, in, 0, t->size);
	pad(g, t->size);
	return true;
}

static void
put_members(struct guess *g)
{
	struct member m;
	uint64_t at = 0;

	while (g->left > 0 && read_member(g->old, at, &m)) {
		const struct contents_entry *t = newer_of(g, &m);

		if (t == NULL || !put_newer(g, &m, t))
			copy(g, g->old, at, m.end - at);
		at = m.end;
	}
	copy(g, g->old, at, UINT64_MAX);
}

/* Of several that may be made of one old file, the one of its own name. */
static uint32_t *
find_newer(const struct filling *f, const struct bases *b)
{
	uint32_t *list = mem_resize(NULL, f->old->n + 1, sizeof(*list));

	for (size_t i = 0; i < f->old->n; i++)
		list[i] = BASIS_NONE;
	for (size_t i = 0; i < f->new->n; i++) {
		const struct contents_entry *t = &f->new->entries[i];
		uint32_t at = t->type == 'f' ? bases_find(b, t) : BASIS_NONE;

		if (at != BASIS_NONE &&
		    (list[at] == BASIS_NONE ||
			strcmp(f->old->entries[at].path, t->path) == 0))
			list[at] = (uint32_t)i;
	}
	return list;
}

static int
open_old(const struct filling *f, uint32_t basis)
{
	return file_open_in(f->current, f->old->entries[basis].path,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

uint32_t
initramfs_entry(const struct filling *f, const struct bases *b)
{
	const struct contents_entry *t = f->new->initrd != NULL
	    ? contents_find(f->new, f->new->initrd)
	    : NULL;
	uint32_t basis =
	    t != NULL && t->type == 'f' ? bases_find(b, t) : BASIS_NONE;
	own_fd int old = basis != BASIS_NONE ? open_old(f, basis) : -1;
	struct member m;

	if (old == -1 || !fill_wants(f, (size_t)(t - f->new->entries)) ||
	    !read_member(old, 0, &m))
		return BASIS_NONE;
	return (uint32_t)(t - f->new->entries);
}

/* The guess and then the file itself, with as much again for others. */
static bool
has_room(int dir, uint64_t size)
{
	struct statvfs fs;

	return fstatvfs(dir, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize / 3 > size;
}

static bool
make(struct guess *g, const char *path, int dir)
{
	own_free char *folder = path_dir(path);
	struct error none;

	if (file_mkdirs(dir, folder, 0700, &none) == -1 ||
	    tree_remove(dir, path, &none) == -1)
		return false;
	g->to =
	    openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (g->to == -1)
		return false;
	put_members(g);
	close(g->to);
	if (g->failed)
		(void)unlinkat(dir, path, 0);
	return !g->failed;
}

bool
initramfs_guess(
    const struct filling *f, const struct bases *b, uint32_t entry, int dir)
{
	const struct contents_entry *t = &f->new->entries[entry];
	own_free uint32_t *newer = find_newer(f, b);
	own_fd int old = open_old(f, bases_find(b, t));
	struct guess g = {
		.f = f, .newer = newer, .old = old, .left = t->size
	};

	return has_room(dir, t->size) && make(&g, t->path, dir);
}
