/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking: each entry is made harmless, then written below a folder.  Its
 * names are resolved here, as a chroot would; libarchive, which would follow
 * a symlink on the way to a hard link's target, and put a folder in place of
 * one on the way to a file, never sees one.
 *
 * A layer (OCI image specification, "Image Layer Filesystem Changeset") is
 * unpacked over what earlier layers left: whiteouts first, since they speak
 * of those only, then the entries, each replacing what has its name.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"
#include "lib/tar-private.h"
#include "lib/tar.h"
#include "lib/tree.h"

#define BLOCK (1 << 20)
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct unpacking {
	struct archive *from, *disk;
	const char *path; /* of the archive, for messages */
	int to, flags;
	const char *root; /* the real path of to */
	uint64_t entries, bytes; /* so far */
	struct tar_bounds bounds;
	struct timespec times[2]; /* for the tree's root, once all is there */
};

static void
own_reader(struct archive **a)
{
	archive_read_free(*a);
}

static void
own_writer(struct archive **a)
{
	archive_write_free(*a);
}

/* ---- bounds -------------------------------------------------------------- */

static int
count_entry(struct unpacking *u, struct error *e)
{
	if (++u->entries > u->bounds.entries)
		return error_set(e, E2BIG, "%s: more than %llu entries",
		    u->path, (unsigned long long)u->bounds.entries);
	return 0;
}

static int
count_bytes(struct unpacking *u, uint64_t n, struct error *e)
{
	u->bytes += n;
	if (u->bytes > u->bounds.bytes || u->bytes < n)
		return error_set(e, EFBIG,
		    "%s: unpacks to more than %llu MiB, which is more than "
		    "its size can honestly hold",
		    u->path, (unsigned long long)(u->bounds.bytes >> 20));
	return 0;
}

/* What an archive of this size may become. */
static void
set_bounds(struct unpacking *u, uint64_t size, const struct tar_bounds *given)
{
	u->bounds.entries = size / LIMIT_ENTRY_BYTES + LIMIT_ENTRY_SLACK;
	if (u->bounds.entries > LIMIT_TAR_ENTRIES)
		u->bounds.entries = LIMIT_TAR_ENTRIES;
	u->bounds.bytes = LIMIT_TREE_BYTES;
	if (size < LIMIT_TREE_BYTES / LIMIT_UNPACK_TIMES -
		LIMIT_UNPACK_SLACK / LIMIT_UNPACK_TIMES)
		u->bounds.bytes =
		    size * LIMIT_UNPACK_TIMES + LIMIT_UNPACK_SLACK;
	if (given != NULL)
		u->bounds = *given;
}

/* ---- names --------------------------------------------------------------- */

/* "./a", "/a" and "a" are the same; NULL if it could lead outside. */
static const char *
inside(const char *name)
{
	for (;;) {
		if (*name == '/')
			name++;
		else if (name[0] == '.' && (name[1] == '/' || name[1] == '\0'))
			name++;
		else
			break;
	}
	for (const char *s = name; *s != '\0';) {
		size_t n = strcspn(s, "/");

		if (n == 2 && s[0] == '.' && s[1] == '.')
			return NULL;
		s += n;
		s += *s == '/';
	}
	return name;
}

/* Rewrite the names of an entry so that they stay inside. */
static int
tame(struct archive_entry *entry, struct error *e)
{
	own_free char *name = mem_dup(archive_entry_pathname(entry));
	own_free char *link = mem_dup(archive_entry_hardlink(entry));
	const char *clean = name == NULL ? NULL : inside(name);

	if (clean == NULL)
		return error_set(e, EINVAL, "%s: leads out of the archive",
		    name ? name : "an entry without a name");
	if (link != NULL) {
		const char *to = inside(link);

		if (to == NULL)
			return error_set(e, EINVAL,
			    "%s: a link to %s, out of the archive", name, link);
		archive_entry_copy_hardlink(entry, to);
	}
	archive_entry_copy_pathname(entry, *clean == '\0' ? "." : clean);
	return 0;
}

/* Attributes by which an overlay would be led to other places. */
static void
drop_overlay_xattrs(struct archive_entry *entry)
{
	int n = archive_entry_xattr_reset(entry);
	struct archive_entry *old;
	const void *value;
	const char *name;
	size_t len;

	if (n == 0)
		return;
	old = archive_entry_clone(entry);
	archive_entry_xattr_clear(entry);
	archive_entry_xattr_reset(old);
	while (archive_entry_xattr_next(old, &name, &value, &len) == ARCHIVE_OK)
		if (name != NULL && strncmp(name, "trusted.overlay.", 16) != 0)
			archive_entry_xattr_add_entry(entry, name, value, len);
	archive_entry_free(old);
}

/* ---- places -------------------------------------------------------------- */

/*
 * The folder of that path as a chroot to the tree sees it, made with what
 * leads to it if create.  -1 with errno set.
 */
static int
open_folder(int to, const char *path, bool create)
{
	int fd = file_open_in(to, path, O_PATH | O_DIRECTORY);
	own_free char *above = NULL;
	own_fd int in = -1;

	if (fd != -1 || errno != ENOENT || !create || strcmp(path, ".") == 0)
		return fd;
	above = path_dir(path);
	in = open_folder(to, above, true);
	if (in == -1 ||
	    (mkdirat(in, path_base(path), 0755) == -1 && errno != EEXIST))
		return -1;
	return openat(
	    in, path_base(path), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Where a name stands: the folder, opened, and its last part. */
static int
open_parent(const struct unpacking *u, const char *path, bool create,
    int *folder, char **base)
{
	own_free char *copy = mem_dup(path), *dir = NULL;
	size_t n = strlen(copy);

	while (n > 0 && copy[n - 1] == '/')
		copy[--n] = '\0';
	dir = path_dir(copy);
	*base = mem_dup(path_base(copy));
	*folder = open_folder(u->to, dir, create);
	return *folder;
}

/* The path, from the tree's root, of a name in an open folder. */
static char *
real_path(const struct unpacking *u, int folder, const char *base)
{
	own_free char *link = mem_printf("/proc/self/fd/%d", folder);
	own_free char *full = mem_alloc(PATH_MAX);
	size_t root = strlen(u->root);
	ssize_t n = readlink(link, full, PATH_MAX - 1);

	if (n < (ssize_t)root || strncmp(full, u->root, root) != 0 ||
	    (full[root] != '/' && full[root] != '\0' && root > 1))
		return NULL;
	return path_join(path_relative(full + root), base);
}

/*
 * Resolve the folder of an entry as a chroot would, and make room: a folder
 * gives way to what is none, and the other way round.
 */
static int
place_entry(struct unpacking *u, struct archive_entry *entry, struct error *e)
{
	own_free char *name = mem_dup(archive_entry_pathname(entry));
	bool is_dir = archive_entry_filetype(entry) == AE_IFDIR;
	own_free char *base = NULL, *path = NULL;
	own_fd int folder = -1;
	struct stat st;

	if (strcmp(name, ".") == 0) {
		u->times[1] =
		    (struct timespec){ .tv_sec = archive_entry_mtime(entry),
			    .tv_nsec = archive_entry_mtime_nsec(entry) };
		return 0;
	}
	if (open_parent(u, name, true, &folder, &base) == -1)
		return error_errno(e, "%s", name);
	if (fstatat(folder, base, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (bool)S_ISDIR(st.st_mode) != is_dir &&
	    tree_remove(folder, base, e) == -1)
		return error_prefix(e, "%s", name);
	path = real_path(u, folder, base);
	if (path == NULL)
		return error_set(e, EINVAL, "%s: leads out of the tree", name);
	archive_entry_copy_pathname(entry, path);
	return 0;
}

static int
place_link(
    const struct unpacking *u, struct archive_entry *entry, struct error *e)
{
	own_free char *name = mem_dup(archive_entry_hardlink(entry));
	own_free char *base = NULL, *path = NULL;
	own_fd int folder = -1;

	if (name == NULL)
		return 0;
	if (open_parent(u, name, false, &folder, &base) == -1)
		return error_errno(
		    e, "%s: a link to %s", archive_entry_pathname(entry), name);
	path = real_path(u, folder, base);
	if (path == NULL)
		return error_set(e, EINVAL, "%s: leads out of the tree", name);
	archive_entry_copy_hardlink(entry, path);
	return 0;
}

/* ---- layers -------------------------------------------------------------- */

static int
empty_folder(int folder, struct error *e)
{
	own_fd int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own(strlist_clear) struct strlist names = { 0 };

	if (fd == -1)
		return error_errno(e, "an opaque folder");
	if (file_names(fd, ".", &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (tree_remove(fd, names.items[i], e) == -1)
			return -1;
	return 0;
}

static bool
is_whiteout(const char *path)
{
	return strncmp(path_base(path), WHITEOUT, strlen(WHITEOUT)) == 0;
}

/* What earlier layers had of this name goes. */
static int
white_out(const struct unpacking *u, const char *path, struct error *e)
{
	own_free char *base = NULL;
	own_fd int folder = -1;
	const char *name;

	if (open_parent(u, path, false, &folder, &base) == -1)
		return errno == ENOENT ? 0 : error_errno(e, "%s", path);
	if (strcmp(base, OPAQUE) == 0)
		return empty_folder(folder, e);
	name = base + strlen(WHITEOUT);
	if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0)
		return 0; /* AUFS's own records */
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(e, EINVAL, "%s: whites out no name", path);
	return tree_remove(folder, name, e);
}

static int
white_outs(struct unpacking *u, struct error *e)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(u->from, &entry)) == ARCHIVE_OK ||
	    r == ARCHIVE_WARN) {
		int64_t n = archive_entry_size(entry);

		if (count_entry(u, e) == -1 ||
		    (archive_entry_sparse_count(entry) == 0 && n > 0 &&
			count_bytes(u, (uint64_t)n, e) == -1))
			return -1;
		if (tame(entry, e) == -1)
			return error_prefix(e, "%s", u->path);
		if (is_whiteout(archive_entry_pathname(entry)) &&
		    white_out(u, archive_entry_pathname(entry), e) == -1)
			return error_prefix(e, "%s", u->path);
	}
	return r == ARCHIVE_EOF ? 0 : tar_failed(u->from, u->path, e);
}

/* ---- entries ------------------------------------------------------------- */

static int
copy_data(struct unpacking *u, struct error *e)
{
	const void *block;
	size_t n;
	la_int64_t at;
	int r;

	while ((r = archive_read_data_block(u->from, &block, &n, &at)) ==
	    ARCHIVE_OK) {
		if (count_bytes(u, n, e) == -1)
			return -1;
		if (archive_write_data_block(u->disk, block, n, at) <
		    ARCHIVE_WARN)
			return tar_failed(u->disk, u->path, e);
	}
	return r == ARCHIVE_EOF ? 0 : tar_failed(u->from, u->path, e);
}

static bool
is_device(struct archive_entry *entry)
{
	return archive_entry_filetype(entry) == AE_IFCHR ||
	    archive_entry_filetype(entry) == AE_IFBLK;
}

static int
unpack_entry(struct unpacking *u, struct archive_entry *entry, struct error *e)
{
	if (count_entry(u, e) == -1)
		return -1;
	if (tame(entry, e) == -1)
		return error_prefix(e, "%s", u->path);
	if ((u->flags & TAR_LAYER) &&
	    is_whiteout(archive_entry_pathname(entry)))
		return 0;
	if ((u->flags & TAR_NO_DEVICES) && is_device(entry))
		return 0;
	drop_overlay_xattrs(entry);
	if (place_entry(u, entry, e) == -1 || place_link(u, entry, e) == -1)
		return error_prefix(e, "%s", u->path);
	if (archive_write_header(u->disk, entry) < ARCHIVE_WARN)
		return tar_failed(u->disk, u->path, e);
	if (archive_entry_size(entry) > 0 && copy_data(u, e) == -1)
		return -1;
	if (archive_write_finish_entry(u->disk) < ARCHIVE_WARN)
		return tar_failed(u->disk, u->path, e);
	return 0;
}

static int
unpack(struct unpacking *u, struct error *e)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(u->from, &entry)) == ARCHIVE_OK ||
	    r == ARCHIVE_WARN)
		if (unpack_entry(u, entry, e) == -1)
			return -1;
	return r == ARCHIVE_EOF ? 0 : tar_failed(u->from, u->path, e);
}

/* ---- the whole ------------------------------------------------------------- */

static int
open_archive(
    struct archive *a, int fd, int flags, const char *path, struct error *e)
{
	archive_read_support_filter_all(a);
	archive_read_support_format_tar(a);
	if (!(flags & TAR_LAYER)) {
		archive_read_support_format_cpio(a);
		archive_read_support_format_zip(a);
	}
	if (lseek(fd, 0, SEEK_SET) == -1)
		return error_errno(e, "%s", path);
	if (archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK)
		return tar_failed(a, path, e);
	return 0;
}

static int
apply_white_outs(struct unpacking *u, int fd, struct error *e)
{
	own(own_reader) struct archive *a = archive_read_new();

	u->from = a;
	if (open_archive(a, fd, u->flags, u->path, e) == -1 ||
	    white_outs(u, e) == -1)
		return -1;
	u->entries = u->bytes = 0;
	return 0;
}

/* libarchive writes below the working directory. */
static int
unpack_there(struct unpacking *u, int fd, struct error *e)
{
	int how = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
	    ARCHIVE_EXTRACT_UNLINK | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
	    ARCHIVE_EXTRACT_SECURE_NODOTDOT;
	own(own_reader) struct archive *from = archive_read_new();
	own(own_writer) struct archive *disk = archive_write_disk_new();
	own_fd int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (u->flags & TAR_OWNERS)
		how |= ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_XATTR |
		    ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_SPARSE;
	archive_write_disk_set_options(disk, how);
	u->from = from;
	u->disk = disk;
	if (open_archive(from, fd, u->flags, u->path, e) == -1)
		return -1;
	if (fchdir(u->to) == -1)
		return error_errno(e, "%s", u->path);
	r = unpack(u, e);
	if (archive_write_close(disk) != ARCHIVE_OK && r == 0)
		r = tar_failed(disk, u->path, e);
	if (utimensat(AT_FDCWD, ".", u->times, 0) == -1 && r == 0)
		r = error_errno(e, "%s", u->path);
	if (fchdir(here) == -1)
		r = error_errno(e, "%s", u->path);
	return r;
}

int
tar_extract_within(int dir, const char *path, int to, int flags,
    const struct tar_bounds *bounds, struct error *e)
{
	own_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	struct unpacking u = { .path = path,
		.to = to,
		.flags = flags,
		.times = {
		    { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } } };
	own_free char *link = mem_printf("/proc/self/fd/%d", to);
	own_free char *real = mem_alloc(PATH_MAX);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1 ||
	    readlink(link, real, PATH_MAX - 1) == -1)
		return error_errno(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(e, EINVAL, "%s: is not a file", path);
	set_bounds(&u, (uint64_t)st.st_size, bounds);
	u.root = real;
	if ((flags & TAR_LAYER) && apply_white_outs(&u, fd, e) == -1)
		return -1;
	return unpack_there(&u, fd, e);
}

int
tar_extract(int dir, const char *path, int to, int flags, struct error *e)
{
	return tar_extract_within(dir, path, to, flags, NULL, e);
}

/* ---- one compressed file ----------------------------------------------------- */

static bool
is_zero(const char *p, size_t n)
{
	return n > 0 && *p == '\0' && memcmp(p, p + 1, n - 1) == 0;
}

/* Zeros become holes; a disk may have many, so they count for little. */
static int
expand(struct unpacking *u, int to, struct error *e)
{
	const void *block;
	la_int64_t at, end = 0;
	size_t n;
	int r;

	while ((r = archive_read_data_block(u->from, &block, &n, &at)) ==
	    ARCHIVE_OK) {
		end = at + (la_int64_t)n;
		if ((uint64_t)end > LIMIT_TREE_BYTES)
			return error_set(e, EFBIG, "%s: too large", u->path);
		if (is_zero(block, n))
			continue;
		if (count_bytes(u, n, e) == -1)
			return -1;
		if (lseek(to, at, SEEK_SET) == -1 ||
		    file_write_all(to, block, n) == -1)
			return error_errno(e, "%s", u->path);
	}
	if (r != ARCHIVE_EOF)
		return tar_failed(u->from, u->path, e);
	return ftruncate(to, end) == -1 ? error_errno(e, "%s", u->path) : 0;
}

int
tar_expand(int dir, const char *path, int to, struct error *e)
{
	own(own_reader) struct archive *a = archive_read_new();
	own_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	struct unpacking u = { .path = path, .from = a };
	struct archive_entry *entry;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return error_errno(e, "%s", path);
	set_bounds(&u, (uint64_t)st.st_size, NULL);
	archive_read_support_filter_all(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return tar_failed(a, path, e);
	return expand(&u, to, e);
}
