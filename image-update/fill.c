/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staging tree: what the current slot has already is linked from it, the
 * rest comes from the source.  Nothing here is believed: the tree is read
 * again, each byte, before it becomes a slot.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image-update/update.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tar.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct filling {
	int staging;
	int source; /* the folder, or -1 */
	int current; /* the current slot's tree, or -1 */
	const struct contents *new, *old; /* old may be NULL */
	bool apart; /* on another file system than the current slot */
};

/* ---- attributes -------------------------------------------------------------- */

/* "name=base64" from the signed list, onto the file at path. */
static int
set_xattr(const char *path, char *text, struct error *e)
{
	own(strbuf_clear) struct strbuf value = { 0 };
	char *name = text, *to = text, *equals = strchr(text, '=');
	unsigned code;

	*equals = '\0';
	if (base64_decode(equals + 1, strlen(equals + 1), &value, e) == -1)
		return -1;
	for (char *p = text; *p != '\0'; p++, to++) {
		*to = *p;
		if (*p == '%' && sscanf(p + 1, "%2X", &code) == 1) {
			*to = (char)code;
			p += 2;
		}
	}
	*to = '\0';
	if (lsetxattr(path, name, strbuf_text(&value), value.len, 0) == -1)
		return error_errno(e, "%s", name);
	return 0;
}

/* A new owner takes capabilities away, so extended attributes come last. */
static int
set_attributes(int tree, const struct contents_entry *t, struct error *e)
{
	own(strlist_clear) struct strlist xattrs = { 0 };
	own_free char *path = mem_printf("/proc/self/fd/%d/%s", tree, t->path);

	if (fchownat(tree, t->path, t->uid, t->gid, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(e, "%s: owner", t->path);
	if (t->type != 'l' && fchmodat(tree, t->path, t->mode, 0) == -1)
		return error_errno(e, "%s: mode", t->path);
	strlist_split(&xattrs, t->xattrs, " ");
	for (size_t i = 0; i < xattrs.len; i++)
		if (set_xattr(path, xattrs.items[i], e) == -1)
			return error_prefix(e, "%s", t->path);
	return 0;
}

/* ---- files ------------------------------------------------------------------- */

/*
 * The same file at the same path of the current slot: each such entry is a
 * file of its own there, so no two of ours come to be one.
 */
static bool
is_there(const struct filling *f, const struct contents_entry *t)
{
	const struct contents_entry *old =
	    f->old != NULL ? contents_find(f->old, t->path) : NULL;

	return !f->apart && old != NULL && old->type == 'f' && t->type == 'f' &&
	    contents_differ(old, t) == CONTENTS_SAME;
}

/* Shares the blocks where the file system can, else copies. */
static int
copy_file(
    const struct filling *f, const struct contents_entry *t, struct error *e)
{
	own_fd int in = file_open_in(
	    f->source, t->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	own_fd int out = openat(f->staging, t->path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (in == -1 || out == -1 || fstat(in, &st) == -1)
		return error_errno(e, "%s", t->path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != t->size)
		return error_set(
		    e, EBADMSG, "%s: is not what the contents say", t->path);
	if (ioctl(out, FICLONE, in) == -1 && file_copy_fd(in, out, e) == -1)
		return error_prefix(e, "%s", t->path);
	(void)futimens(out, (struct timespec[]){ st.st_atim, st.st_mtim });
	return 0;
}

static int
make_entry(
    const struct filling *f, const struct contents_entry *t, struct error *e)
{
	int r;

	switch (t->type) {
	case 'd':
		if (t->depth == 0)
			return 0;
		r = mkdirat(f->staging, t->path, 0700);
		break;
	case 'f':
		return copy_file(f, t, e);
	case 'l':
		r = symlinkat(t->target, f->staging, t->path);
		break;
	case 'p':
		r = mknodat(f->staging, t->path, S_IFIFO | 0600, 0);
		break;
	default:
		r = mknodat(f->staging, t->path,
		    (t->type == 'c' ? S_IFCHR : S_IFBLK) | 0600, t->size);
	}
	return r == -1 ? error_errno(e, "%s", t->path) : 0;
}

static int
link_from(int dir, const char *from, const struct filling *f, const char *path,
    struct error *e)
{
	if (linkat(dir, from, f->staging, path, 0) == -1)
		return error_errno(e, "%s", path);
	return 0;
}

/* Folders get their attributes when they are full. */
static int
fill_entry(
    const struct filling *f, const struct contents_entry *t, struct error *e)
{
	if (t->type == 'h')
		return link_from(f->staging, t->target, f, t->path, e);
	if (is_there(f, t))
		return link_from(f->current, t->path, f, t->path, e);
	if (make_entry(f, t, e) == -1)
		return -1;
	return t->type == 'd' ? 0 : set_attributes(f->staging, t, e);
}

static int
fill_folder(struct filling *f, const struct source *from, struct error *e)
{
	own_fd int source =
	    open(from->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct contents *c = f->new;

	if (source == -1)
		return error_errno(e, "%s", from->path);
	f->source = source;
	for (size_t i = 0; i < c->n; i++)
		if (fill_entry(f, &c->entries[i], e) == -1)
			return -1;
	for (size_t i = c->n; i-- > 0;)
		if (c->entries[i].type == 'd' &&
		    set_attributes(f->staging, &c->entries[i], e) == -1)
			return -1;
	return 0;
}

/* ---- an archive -------------------------------------------------------------- */

/* The file of the current slot in place of the same one unpacked. */
static int
share_entry(
    const struct filling *f, const struct contents_entry *t, struct error *e)
{
	own_free char *temp = mem_printf("%s.shared", t->path);
	struct stat st;

	if (fstatat(f->staging, t->path, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(e, "%s", t->path);
	if (st.st_nlink > 1) /* its other names would have to follow */
		return 0;
	if (linkat(f->current, t->path, f->staging, temp, 0) == -1)
		return errno == EEXIST || errno == ENAMETOOLONG
		    ? 0
		    : error_errno(e, "%s", t->path);
	if (renameat(f->staging, temp, f->staging, t->path) == -1)
		return error_errno(e, "%s", t->path);
	return 0;
}

static int
fill_archive(struct filling *f, const struct source *from, struct error *e)
{
	const struct contents *c = f->new;

	if (tar_extract(AT_FDCWD, from->path, f->staging, TAR_OWNERS, e) == -1)
		return -1;
	if (contents_verify(c, f->staging, e) == -1)
		return error_prefix(e, "%s", from->path);
	for (size_t i = 0; i < c->n; i++)
		if (is_there(f, &c->entries[i]) &&
		    share_entry(f, &c->entries[i], e) == -1)
			return -1;
	return 0;
}

static bool
is_apart(int a, int b)
{
	struct stat x, y;

	return b != -1 && fstat(a, &x) == 0 && fstat(b, &y) == 0 &&
	    x.st_dev != y.st_dev;
}

int
fill(const struct slots *s, const struct source *from,
    const struct contents *old, struct error *e)
{
	own_fd int current =
	    old != NULL ? openat(s->dir, s->current, OPEN_DIR) : -1;
	own_fd int staging = -1;
	struct filling f = { .source = -1, .new = from->contents, .old = old };

	if (old != NULL && current == -1)
		return error_errno(e, "slot %.12s", s->current);
	if ((mkdirat(s->dir, STAGING, 0700) == -1 && errno != EEXIST) ||
	    (staging = openat(s->dir, STAGING, OPEN_DIR)) == -1)
		return error_errno(e, STAGING);
	f.apart = is_apart(staging, current);
	f.staging = staging;
	f.current = current;
	return from->kind == SOURCE_FOLDER ? fill_folder(&f, from, e)
					   : fill_archive(&f, from, e);
}
