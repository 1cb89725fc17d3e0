/* SPDX-License-Identifier: Apache-2.0 */
/* One recursive walk serves them all; depth is bounded by the path limit. */
#include "lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/inodes.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A walk keeps one descriptor per level: allow as many as we may. */
static void
allow_depth(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

struct walk {
	tree_visit *visit;
	tree_visit *leave; /* called after what is in a folder, or NULL */
	void *ctx;
};

static int walk_below(const struct walk *w, int fd, const char *path,
    unsigned depth, struct error *e);

static int
walk_entry(const struct walk *w, int dir, const char *name, const char *path,
    unsigned depth, struct error *e)
{
	struct stat st;
	struct tree_entry entry = { .path = path,
		.name = name,
		.dir = dir,
		.depth = depth,
		.st = &st };
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(e, "%s", *path ? path : name);
	r = w->visit(w->ctx, &entry, e);
	if (r == -1)
		return -1;
	if (S_ISDIR(st.st_mode) && r == 0) {
		own_fd int fd = openat(dir, name, OPEN_DIR);

		if (fd == -1)
			return error_errno(e, "%s", *path ? path : name);
		if (walk_below(w, fd, path, depth + 1, e) == -1)
			return -1;
	}
	return w->leave != NULL ? w->leave(w->ctx, &entry, e) : 0;
}

static int
walk_below(const struct walk *w, int fd, const char *path, unsigned depth,
    struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (depth > PATH_MAX / 2)
		return error_set(e, ELOOP, "%.80s...: nested too deeply", path);
	if (file_names_open(fd, &names, e) == -1)
		return error_prefix(e, "%s", path);
	for (size_t i = 0; i < names.len; i++) {
		own_free char *below = path_join(path, names.items[i]);

		if (walk_entry(w, fd, names.items[i], below, depth, e) == -1)
			return -1;
	}
	return 0;
}

int
tree_walk(
    int dir, const char *path, tree_visit *visit, void *ctx, struct error *e)
{
	const struct walk w = { .visit = visit, .ctx = ctx };

	allow_depth();
	return walk_entry(&w, dir, path, "", 0, e);
}

/* ---- remove ------------------------------------------------------------ */

struct removal {
	dev_t dev;
	const char *root;
};

static int
remove_enter(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct removal *r = ctx;

	if (t->depth == 0)
		r->dev = t->st->st_dev;
	if (t->st->st_dev != r->dev)
		return error_set(e, EBUSY, "%s/%s: something is mounted here",
		    r->root, t->path);
	return 0;
}

static int
remove_leave(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct removal *r = ctx;
	int flags = S_ISDIR(t->st->st_mode) ? AT_REMOVEDIR : 0;

	if (unlinkat(t->dir, t->name, flags) == -1 && errno != ENOENT)
		return error_errno(
		    e, "%s%s%s", r->root, *t->path ? "/" : "", t->path);
	return 0;
}

int
tree_remove(int dir, const char *path, struct error *e)
{
	struct removal r = { .root = path };
	const struct walk w = {
		.visit = remove_enter, .leave = remove_leave, .ctx = &r
	};
	struct stat st;

	if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == -1 &&
	    errno == ENOENT)
		return 0;
	allow_depth();
	return walk_entry(&w, dir, path, "", 0, e);
}

int
tree_empty(int dir, const char *path, struct error *e)
{
	own_fd int fd =
	    openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	own(strlist_clear) struct strlist names = { 0 };
	struct stat st;

	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || fstat(fd, &st) == -1)
		return error_errno(e, "%s", path);
	if (file_names_open(fd, &names, e) == -1)
		return error_prefix(e, "%s", path);
	for (size_t i = 0; i < names.len; i++)
		if (tree_remove(fd, names.items[i], e) == -1)
			return error_prefix(e, "%s", path);
	if (futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }) == -1)
		return error_errno(e, "%s", path);
	return 0;
}

/* ---- copy -------------------------------------------------------------- */

struct copy {
	int dir; /* where the copy's root is */
	const char *to; /* its path from there */
	bool system; /* hard links are kept, mounts left out */
	bool no_devices; /* they are left out */
	dev_t dev;
	struct inodes linked; /* files with several names: index + 1 ... */
	struct strlist names; /* ... of the first copy's name */
};

/* A name below a descriptor for calls that know no descriptors. */
static char *
proc_path(int dir, const char *name)
{
	return dir == AT_FDCWD || *name == '/'
	    ? mem_dup(name)
	    : mem_printf("/proc/self/fd/%d/%s", dir, name);
}

/* Extended attributes that the target refuses are an error, not a loss. */
static int
copy_xattrs(const struct tree_entry *t, int dir, const char *to)
{
	own_free char *from = proc_path(t->dir, t->name);
	own_free char *target = proc_path(dir, to);
	own_free char *names = NULL, *value = NULL;
	ssize_t n = llistxattr(from, NULL, 0);

	if (n <= 0) /* most have none */
		return n == 0 || errno == EOPNOTSUPP ? 0 : -1;
	names = mem_alloc(XATTR_LIST_MAX);
	value = mem_alloc(XATTR_SIZE_MAX);
	n = llistxattr(from, names, XATTR_LIST_MAX);
	for (char *s = names; s < names + n; s += strlen(s) + 1) {
		ssize_t v = lgetxattr(from, s, value, XATTR_SIZE_MAX);

		if (v == -1 || lsetxattr(target, s, value, (size_t)v, 0) == -1)
			return -1;
	}
	return 0;
}

/*
 * A change of owner takes file capabilities away and a change of mode bends
 * ACLs, so the extended attributes, which hold both, follow; times are last.
 */
static int
copy_attributes(
    const struct tree_entry *t, int dir, const char *to, struct error *e)
{
	const struct stat *st = t->st;
	struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(dir, to, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) ==
		-1 &&
	    errno != EPERM)
		return error_errno(e, "%s: owner", to);
	if (!S_ISLNK(st->st_mode) &&
	    fchmodat(dir, to, st->st_mode & 07777, 0) == -1)
		return error_errno(e, "%s: mode", to);
	if (copy_xattrs(t, dir, to) == -1)
		return error_errno(e, "%s: extended attributes", to);
	if (utimensat(dir, to, times, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(e, "%s: times", to);
	return 0;
}

static int
copy_symlink(const struct tree_entry *t, int dir, const char *to)
{
	own_free char *target = mem_alloc(PATH_MAX);
	ssize_t n = readlinkat(t->dir, t->name, target, PATH_MAX - 1);

	if (n == -1)
		return -1;
	target[n] = '\0';
	return symlinkat(target, dir, to);
}

/* The parts of a file that are no holes. */
static int
copy_sparse(int in, int out, off_t size, struct error *e)
{
	char buf[1 << 16];
	off_t at = 0, end;

	while ((at = lseek(in, at, SEEK_DATA)) != -1) {
		end = lseek(in, at, SEEK_HOLE);
		if (end == -1 || lseek(out, at, SEEK_SET) == -1)
			return error_errno(e, "copy");
		while (at < end) {
			size_t want = end - at < (off_t)sizeof(buf)
			    ? (size_t)(end - at)
			    : sizeof(buf);
			ssize_t n = pread(in, buf, want, at);

			if (n <= 0 || file_write_all(out, buf, (size_t)n) == -1)
				return error_errno(e, "copy");
			at += n;
		}
	}
	if (errno != ENXIO || ftruncate(out, size) == -1)
		return error_errno(e, "copy");
	return 0;
}

static int
copy_regular(
    const struct tree_entry *t, int dir, const char *to, struct error *e)
{
	own_fd int in =
	    openat(t->dir, t->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	own_fd int out = openat(dir, to,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (in == -1 || out == -1)
		return error_errno(e, "%s", to);
	if (t->st->st_blocks * 512 < t->st->st_size
		? copy_sparse(in, out, t->st->st_size, e) == -1
		: file_copy_fd(in, out, e) == -1)
		return error_prefix(e, "%s", to);
	return 0;
}

/* 1: a further name of a file that was copied, now linked to it. */
static int
copy_link(
    struct copy *c, const struct tree_entry *t, const char *to, struct error *e)
{
	uint64_t *seen = inodes_at(&c->linked, t->st->st_dev, t->st->st_ino);

	if (*seen == 0) {
		strlist_add(&c->names, to);
		*seen = c->names.len;
		return 0;
	}
	if (linkat(c->dir, c->names.items[*seen - 1], c->dir, to, 0) == -1)
		return error_errno(e, "%s", to);
	return 1;
}

/* A symlink of that name is no folder to be filled: it may lead anywhere. */
static int
copy_folder(int dir, const char *to, struct error *e)
{
	struct stat st;

	if (mkdirat(dir, to, 0700) == 0)
		return 0;
	if (errno == EEXIST &&
	    fstatat(dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return error_errno(e, "%s", to);
}

static int
copy_file(
    struct copy *c, const struct tree_entry *t, const char *to, struct error *e)
{
	mode_t type = t->st->st_mode & S_IFMT;
	int r = 0;

	if (c->no_devices && (type == S_IFCHR || type == S_IFBLK))
		return 0;
	if (unlinkat(c->dir, to, 0) == -1 && errno != ENOENT)
		return error_errno(e, "%s", to);
	if (c->system && t->st->st_nlink > 1)
		r = copy_link(c, t, to, e);
	if (r != 0)
		return r == 1 ? 0 : -1;
	if (type == S_IFREG) {
		if (copy_regular(t, c->dir, to, e) == -1)
			return -1;
	} else if (type == S_IFLNK) {
		if (copy_symlink(t, c->dir, to) == -1)
			return error_errno(e, "%s", to);
	} else if (mknodat(c->dir, to, t->st->st_mode, t->st->st_rdev) == -1) {
		return error_errno(e, "%s", to);
	}
	return copy_attributes(t, c->dir, to, e);
}

static int
copy_visit(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct copy *c = ctx;
	own_free char *to =
	    mem_printf("%s%s%s", c->to, *t->path ? "/" : "", t->path);

	if (!S_ISDIR(t->st->st_mode))
		return copy_file(c, t, to, e);
	if (t->depth == 0)
		c->dev = t->st->st_dev;
	if (copy_folder(c->dir, to, e) == -1)
		return -1;
	return c->system && t->st->st_dev != c->dev;
}

/* A folder's attributes come last: filling it changes its times. */
static int
copy_leave(void *ctx, const struct tree_entry *t, struct error *e)
{
	const struct copy *c = ctx;
	own_free char *to =
	    mem_printf("%s%s%s", c->to, *t->path ? "/" : "", t->path);

	return S_ISDIR(t->st->st_mode) ? copy_attributes(t, c->dir, to, e) : 0;
}

static int
copy_all(int from_dir, const char *from, struct copy *c, struct error *e)
{
	const struct walk w = {
		.visit = copy_visit, .leave = copy_leave, .ctx = c
	};
	int r;

	allow_depth();
	r = walk_entry(&w, from_dir, from, "", 0, e);
	inodes_clear(&c->linked);
	strlist_clear(&c->names);
	return r;
}

int
tree_copy(
    int from_dir, const char *from, int to_dir, const char *to, struct error *e)
{
	struct copy c = { .dir = to_dir, .to = to };

	return copy_all(from_dir, from, &c, e);
}

int
tree_clone(int from_dir, const char *from, int to_dir, const char *to,
    bool devices, struct error *e)
{
	struct copy c = {
		.dir = to_dir, .to = to, .system = true, .no_devices = !devices
	};

	return copy_all(from_dir, from, &c, e);
}
