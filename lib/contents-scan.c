/* SPDX-License-Identifier: Apache-2.0 */
/* A tree listed: one walk for names and attributes, then files hashed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/contents-private.h"
#include "lib/doc.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/inodes.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/pool.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"

struct scan {
	struct contents *c;
	int dir;
	dev_t dev;
	enum contents_depth depth;
	contents_known *known; /* or NULL */
	void *ctx; /* of known */
	struct inodes linked; /* files with several names: index + 1 */
	size_t *files; /* indexes of what is to be hashed, largest first */
	size_t nfiles, cap;
	int codes[64]; /* by thread: the errno of ... */
	size_t failed[64]; /* ... this entry */
};

/* ---- attributes ---------------------------------------------------------- */

static int
add_xattr(const char *path, const char *name, struct strlist *all)
{
	own_free char *value = mem_alloc(XATTR_SIZE_MAX);
	own(strbuf_clear) struct strbuf text = { 0 };
	ssize_t n = lgetxattr(path, name, value, XATTR_SIZE_MAX);

	if (n == -1)
		return -1;
	strbuf_putc(&text, ' ');
	percent_encode(name, "", &text);
	strbuf_putc(&text, '=');
	base64_encode(value, (size_t)n, &text);
	strlist_take(all, strbuf_take(&text));
	return 0;
}

static int
list_xattrs(
    struct scan *s, const struct tree_entry *t, struct contents_entry *to)
{
	char path[64 + NAME_MAX], names[1024];
	own(strlist_clear) struct strlist all = { 0 };
	own_free char *more = NULL, *text = NULL;
	char *list = names;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", t->dir, t->name);
	n = llistxattr(path, names, sizeof(names));
	if (n == -1 && errno == ERANGE) {
		list = more = mem_alloc(XATTR_LIST_MAX);
		n = llistxattr(path, more, XATTR_LIST_MAX);
	}
	if (n <= 0) /* most have none */
		return n == 0 || errno == EOPNOTSUPP ? 0 : -1;
	for (char *p = list; p < list + n; p += strlen(p) + 1)
		if (add_xattr(path, p, &all) == -1)
			return -1;
	strlist_sort(&all);
	text = strlist_join(&all, "");
	to->xattrs = doc_text(s->c->memory, text, strlen(text));
	return 0;
}

static int
read_target(
    struct scan *s, const struct tree_entry *t, struct contents_entry *to)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(t->dir, t->name, target, sizeof(target));

	if (n == -1)
		return -1;
	to->target = doc_text(s->c->memory, target, (size_t)n);
	return 0;
}

static char
type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFREG:
		return 'f';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	default:
		return 0;
	}
}

/* Whether this is one more name of a file that was met before. */
static bool
is_link(struct scan *s, const struct tree_entry *t, struct contents_entry *to)
{
	uint64_t *seen;

	if (to->type == 'd' || t->st->st_nlink < 2)
		return false;
	seen = inodes_at(&s->linked, t->st->st_dev, t->st->st_ino);
	if (*seen == 0) {
		*seen = s->c->n;
		return false;
	}
	to->type = 'h';
	to->target = s->c->entries[*seen - 1].path;
	return true;
}

/* Unless it is known, a file is to be hashed when all are listed. */
static void
put_sum(struct scan *s, const struct stat *st, struct contents_entry *to)
{
	if (s->depth != CONTENTS_DIGESTS ||
	    (s->known != NULL && s->known(s->ctx, st, to->sum)))
		return;
	s->files =
	    mem_grow(s->files, &s->cap, s->nfiles + 1, sizeof(*s->files));
	s->files[s->nfiles++] = s->c->n - 1;
}

static int
visit(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct scan *s = ctx;
	const struct stat *st = t->st;
	const char *path = *t->path ? t->path : ".";
	struct contents_entry *to;

	if (t->depth == 0)
		s->dev = st->st_dev;
	if (type_of(st->st_mode) == 0 || strcmp(path, CONTENTS_INSIDE) == 0)
		return 0;
	if (s->c->n >= LIMIT_TAR_ENTRIES || t->depth > UINT16_MAX)
		return error_set(e, E2BIG, "%s: too many files", path);
	to = contents_add(s->c);
	to->type = type_of(st->st_mode);
	to->depth = (uint16_t)t->depth;
	to->path = doc_text(s->c->memory, path, strlen(path));
	if (is_link(s, t, to))
		return 0;
	to->mode = st->st_mode & 07777;
	to->uid = st->st_uid;
	to->gid = st->st_gid;
	to->size = to->type == 'f'		 ? (uint64_t)st->st_size
	    : to->type == 'c' || to->type == 'b' ? st->st_rdev
						 : 0;
	if (to->size > LIMIT_TREE_BYTES && to->type == 'f')
		return error_set(e, EFBIG,
		    "%s: %" PRIu64 " bytes are more than a file may have", path,
		    to->size);
	if (to->type == 'f')
		put_sum(s, st, to);
	if (to->type == 'l' && read_target(s, t, to) == -1)
		return error_errno(e, "%s", path);
	if (list_xattrs(s, t, to) == -1)
		return error_errno(e, "%s: extended attributes", path);
	return to->type == 'd' && st->st_dev != s->dev;
}

/* ---- digests -------------------------------------------------------------- */

static int
hash(int dir, struct contents_entry *t)
{
	own_fd int fd = openat(dir, t->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct digest *d;
	char buffer[1 << 16];
	uint64_t bytes = 0;
	ssize_t n;

	if (fd == -1)
		return -1;
	d = digest_new();
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		digest_add(d, buffer, (size_t)n);
		bytes += (uint64_t)n;
	}
	digest_end(d, t->sum);
	if (n == 0 && bytes != t->size)
		errno = ESTALE; /* it was written to meanwhile */
	return n == 0 && bytes == t->size ? 0 : -1;
}

static void
hash_piece(void *ctx, size_t piece, unsigned thread)
{
	struct scan *s = ctx;
	size_t at = s->files[piece];

	if (s->codes[thread] == 0 && hash(s->dir, &s->c->entries[at]) == -1) {
		s->codes[thread] = errno;
		s->failed[thread] = at;
	}
}

/* Largest first, so that all processors end at about the same time. */
static int
by_size(const void *a, const void *b, void *ctx)
{
	const struct contents_entry *entries = ctx;
	uint64_t x = entries[*(const size_t *)a].size;
	uint64_t y = entries[*(const size_t *)b].size;

	return x < y ? 1 : x > y ? -1 : 0;
}

static int
hash_all(struct scan *s, struct error *e)
{
	ownp(pool_free) struct pool *pool = NULL;

	if (s->nfiles == 0)
		return 0;
	qsort_r(s->files, s->nfiles, sizeof(*s->files), by_size, s->c->entries);
	pool = pool_new(pool_processors());
	pool_run(pool, hash_piece, s, s->nfiles);
	for (unsigned i = 0; i < pool_threads(pool); i++) {
		if (s->codes[i] == 0)
			continue;
		errno = s->codes[i];
		return error_errno(e, "%s", s->c->entries[s->failed[i]].path);
	}
	return 0;
}

static struct contents *
list(struct scan *s, const char *name, struct error *e)
{
	ownp(contents_free) struct contents *c = contents_new(name);
	int r;

	s->c = c;
	r = tree_walk(s->dir, ".", visit, s, e);
	if (r == 0 && s->depth == CONTENTS_DIGESTS)
		r = hash_all(s, e);
	inodes_clear(&s->linked);
	free(s->files);
	return r == -1 ? NULL : take(c);
}

static struct contents *
sealed(struct contents *c)
{
	if (c != NULL)
		contents_seal(c);
	return c;
}

struct contents *
contents_list(
    int dir, const char *name, enum contents_depth depth, struct error *e)
{
	struct scan s = { .dir = dir, .depth = depth };

	return list(&s, name, e);
}

struct contents *
contents_scan(
    int dir, const char *name, enum contents_depth depth, struct error *e)
{
	return sealed(contents_list(dir, name, depth, e));
}

struct contents *
contents_scan_known(int dir, const char *name, contents_known *known, void *ctx,
    struct error *e)
{
	struct scan s = { .dir = dir,
		.depth = CONTENTS_DIGESTS,
		.known = known,
		.ctx = ctx };

	return sealed(list(&s, name, e));
}
