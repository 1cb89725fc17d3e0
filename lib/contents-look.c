/* SPDX-License-Identifier: Apache-2.0 */
/* One path of a tree as an entry of a list has it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/contents-private.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/strlist.h"
#include "lib/tree.h"

static int
begin(struct contents_look *l, int dir, struct error *e)
{
	struct stat st;

	l->there = -1;
	l->here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->here == -1 || fstat(dir, &st) == -1)
		return error_errno(e, "the folder");
	l->dev = st.st_dev;
	return 0;
}

static int
end(struct contents_look *l, struct error *e)
{
	int r = 0;

	if (l->here != -1 && fchdir(l->here) == -1)
		r = error_errno(e, "the working directory");
	if (l->here != -1)
		close(l->here);
	inodes_clear(&l->linked);
	strbuf_clear(&l->xattrs);
	return r;
}

int
look_walk(struct contents_look *l, int dir, tree_visit *visit, void *ctx,
    struct error *e)
{
	struct error ignored;

	if (begin(l, dir, e) == -1 ||
	    tree_walk(dir, ".", visit, ctx, e) == -1) {
		(void)end(l, &ignored);
		return -1;
	}
	return end(l, e);
}

static int
add_xattr(const char *name, const char *of, struct strlist *all)
{
	own_free char *value = mem_alloc(XATTR_SIZE_MAX);
	own(strbuf_clear) struct strbuf text = { 0 };
	ssize_t n = lgetxattr(of, name, value, XATTR_SIZE_MAX);

	if (n == -1)
		return -1;
	strbuf_putc(&text, ' ');
	percent_encode(name, "", &text);
	strbuf_putc(&text, '=');
	base64_encode(value, (size_t)n, &text);
	strlist_take(all, strbuf_take(&text));
	return 0;
}

/*
 * Extended attributes are asked for by path.  From the folder itself that is
 * a name; by way of /proc/self/fd it would cost more than all else here.
 */
static int
go_there(struct contents_look *l, const struct tree_entry *t)
{
	if (l->there == t->dir)
		return 0;
	l->there = -1;
	if (fchdir(t->dir) == -1)
		return -1;
	l->there = t->dir;
	return 0;
}

static int
list_xattrs(struct contents_look *l, const struct tree_entry *t)
{
	char names[1024];
	own(strlist_clear) struct strlist all = { 0 };
	own_free char *more = NULL;
	char *list = names;
	ssize_t n;

	strbuf_cut(&l->xattrs, 0);
	if (go_there(l, t) == -1)
		return -1;
	n = llistxattr(t->name, names, sizeof(names));
	if (n == -1 && errno == ERANGE) {
		list = more = mem_alloc(XATTR_LIST_MAX);
		n = llistxattr(t->name, more, XATTR_LIST_MAX);
	}
	if (n <= 0) /* most have none */
		return n == 0 || errno == EOPNOTSUPP ? 0 : -1;
	for (char *p = list; p < list + n; p += strlen(p) + 1)
		if (add_xattr(p, t->name, &all) == -1)
			return -1;
	strlist_sort(&all);
	for (size_t i = 0; i < all.len; i++)
		strbuf_puts(&l->xattrs, all.items[i]);
	return 0;
}

static int
read_target(struct contents_look *l, const struct tree_entry *t)
{
	ssize_t n =
	    readlinkat(t->dir, t->name, l->target, sizeof(l->target) - 1);

	if (n == -1)
		return -1;
	l->target[n] = '\0';
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
is_link(struct contents_look *l, const struct tree_entry *t, size_t number)
{
	uint64_t *seen;

	if (S_ISDIR(t->st->st_mode) || t->st->st_nlink < 2)
		return false;
	seen = inodes_at(&l->linked, t->st->st_dev, t->st->st_ino);
	if (*seen != 0) {
		l->first = (size_t)*seen - 1;
		return true;
	}
	*seen = number + 1;
	return false;
}

static void
copy_stat(const struct stat *st, struct contents_entry *to)
{
	to->mode = st->st_mode & 07777;
	to->uid = st->st_uid;
	to->gid = st->st_gid;
	if (to->type == 'f')
		to->size = (uint64_t)st->st_size;
	if (to->type == 'c' || to->type == 'b')
		to->size = st->st_rdev;
}

/* The path of an entry of a list. */
static const char *
look_path(const struct tree_entry *t)
{
	return *t->path != '\0' ? t->path : ".";
}

int
look_at(struct contents_look *l, const struct tree_entry *t, size_t number,
    struct contents_entry *to, struct error *e)
{
	*to = (struct contents_entry){ .path = look_path(t), .xattrs = "" };
	to->type = type_of(t->st->st_mode);
	to->depth = (uint16_t)t->depth;
	if (to->type == 0 || strcmp(to->path, CONTENTS_INSIDE) == 0)
		return 0;
	if (t->depth > UINT16_MAX)
		return error_set(e, E2BIG, "%.80s...: too deep", to->path);
	if (is_link(l, t, number)) {
		to->type = 'h';
		return 1;
	}
	copy_stat(t->st, to);
	if (to->type == 'f' && to->size > LIMIT_TREE_BYTES)
		return error_set(e, EFBIG,
		    "%s: %" PRIu64 " bytes are more than a file may have",
		    to->path, to->size);
	if (to->type == 'l') {
		if (read_target(l, t) == -1)
			return error_errno(e, "%s", to->path);
		to->target = l->target;
	}
	if (list_xattrs(l, t) == -1)
		return error_errno(e, "%s: extended attributes", to->path);
	to->xattrs = strbuf_text(&l->xattrs);
	if (to->type == 'd')
		l->there = -1; /* its number may be another folder's soon */
	return 1;
}

int
look_is_mount(const struct contents_look *l, const struct tree_entry *t)
{
	return S_ISDIR(t->st->st_mode) && t->st->st_dev != l->dev;
}
