/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ext2, ext3 or ext4 file system read without a mount, by libext2fs, which
 * checks the metadata's checksums.  Whoever made it may mean harm: no folder
 * is entered twice, no more is copied than the file system is large, and
 * every name is one that can be made below the folder it is in.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/disk.h"
#include "lib/error.h"
#include "lib/ext4-private.h"
#include "lib/file.h"
#include "lib/inodes.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"

#define BUFFER (1u << 20)
#define DEEPEST (PATH_MAX / 2)

struct reader {
	ext2_filsys fs;
	const struct ext4_source *from;
	const char *path; /* of the image, for messages */
	int to; /* where the copy begins */
	ext2fs_inode_bitmap seen; /* folders that were entered */
	struct inodes linked; /* files with several names: index + 1 ... */
	struct strlist names; /* ... of the first name */
	uint64_t entries, bytes, room;
	uint64_t steps; /* through metadata, empty entries included */
	char *buffer;
	unsigned left_out; /* attributes */
};

static int
failed(
    const struct reader *r, const char *path, errcode_t code, struct error *e)
{
	return error_set(
	    e, EIO, "%s: /%s: %s", r->path, path, error_message(code));
}

static int
damaged(
    const struct reader *r, const char *path, const char *what, struct error *e)
{
	return error_set(e, EBADMSG, "%s: /%s: %s", r->path, path, what);
}

/* Metadata that leads to the same blocks again and again ends here. */
static bool
too_many_steps(struct reader *r)
{
	return ++r->steps > r->room / 8 + LIMIT_TAR_ENTRIES;
}

/* ---- what a file holds ------------------------------------------------------- */

static int
copy_run(struct reader *r, int out, uint64_t from, uint64_t at, uint64_t n,
    const char *path, struct error *e)
{
	r->bytes += n;
	if (r->bytes > r->room)
		return damaged(
		    r, path, "its files hold more than there is room for", e);
	while (n > 0) {
		size_t want = n < BUFFER ? (size_t)n : BUFFER;

		if (from > INT64_MAX - r->from->offset ||
		    disk_read(r->from->disk, r->buffer, want,
			r->from->offset + from) == -1)
			return damaged(r, path, "its blocks are not there", e);
		if (lseek(out, (off_t)at, SEEK_SET) == -1 ||
		    file_write_all(out, r->buffer, want) == -1)
			return error_errno(e, "/%s", path);
		from += want;
		at += want;
		n -= want;
	}
	return 0;
}

/* Extents come in order; one that goes back is made to confuse. */
static int
copy_extents(struct reader *r, ext2_extent_handle_t handle, int out,
    uint64_t size, const char *path, struct error *e)
{
	struct ext2fs_extent x;
	uint64_t next = 0, block = r->fs->blocksize;
	int op = EXT2_EXTENT_ROOT;
	errcode_t code;

	while ((code = ext2fs_extent_get(handle, op, &x)) == 0) {
		uint64_t at = x.e_lblk * block, n = x.e_len * block;

		op = EXT2_EXTENT_NEXT;
		if (too_many_steps(r))
			return damaged(r, path, "its extents never end", e);
		if (!(x.e_flags & EXT2_EXTENT_FLAGS_LEAF))
			continue;
		if (x.e_lblk < next)
			return damaged(r, path, "its extents overlap", e);
		next = x.e_lblk + x.e_len;
		if ((x.e_flags & EXT2_EXTENT_FLAGS_UNINIT) || at >= size)
			continue;
		if (n > size - at)
			n = size - at;
		if (copy_run(r, out, x.e_pblk * block, at, n, path, e) == -1)
			return -1;
	}
	return code == EXT2_ET_EXTENT_NO_NEXT || code == EXT2_ET_NO_CURRENT_NODE
	    ? 0
	    : failed(r, path, code, e);
}

struct blocks {
	struct reader *r;
	int out;
	uint64_t size;
	const char *path;
	struct error *e;
	int result;
};

static int
copy_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t logical, blk64_t ref,
    int ref_offset, void *ctx)
{
	struct blocks *b = ctx;
	uint64_t at = (uint64_t)logical * fs->blocksize, n = fs->blocksize;

	(void)ref;
	(void)ref_offset;
	if (logical < 0 || at >= b->size)
		return 0;
	if (n > b->size - at)
		n = b->size - at;
	b->result = copy_run(b->r, b->out, *block * (uint64_t)fs->blocksize, at,
	    n, b->path, b->e);
	return b->result == 0 ? 0 : BLOCK_ABORT;
}

/* What lies in the inode itself: small files, long symlinks. */
static int
read_small(struct reader *r, ext2_ino_t ino, char *to, size_t n,
    const char *path, struct error *e)
{
	ext2_file_t file;
	unsigned got = 0;
	errcode_t code = ext2fs_file_open(r->fs, ino, 0, &file);

	if (code == 0) {
		code = ext2fs_file_read(file, to, (unsigned)n, &got);
		ext2fs_file_close(file);
	}
	if (code != 0)
		return failed(r, path, code, e);
	return got == n ? 0 : damaged(r, path, "is cut short", e);
}

static int
copy_data(struct reader *r, ext2_ino_t ino, struct ext2_inode_large *inode,
    int out, uint64_t size, const char *path, struct error *e)
{
	struct blocks b = {
		.r = r, .out = out, .size = size, .path = path, .e = e
	};
	ext2_extent_handle_t handle;
	errcode_t code;
	int result;

	if (inode->i_flags & EXT4_INLINE_DATA_FL) {
		if (size > EXT2_INODE_SIZE(r->fs->super))
			return damaged(
			    r, path, "is too large for its inode", e);
		if (read_small(r, ino, r->buffer, size, path, e) == -1)
			return -1;
		return file_write_all(out, r->buffer, size) == -1
		    ? error_errno(e, "/%s", path)
		    : 0;
	}
	if (!(inode->i_flags & EXT4_EXTENTS_FL)) {
		code = ext2fs_block_iterate3(r->fs, ino,
		    BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY, NULL,
		    copy_block, &b);
		if (b.result == -1)
			return -1;
		return code != 0 ? failed(r, path, code, e) : 0;
	}
	code = ext2fs_extent_open2(
	    r->fs, ino, (struct ext2_inode *)inode, &handle);
	if (code != 0)
		return failed(r, path, code, e);
	result = copy_extents(r, handle, out, size, path, e);
	ext2fs_extent_free(handle);
	return result;
}

/* ---- attributes ----------------------------------------------------------------- */

static int
put_xattr(char *name, char *ignored, size_t len, void *ctx)
{
	struct strlist *names = ctx;

	(void)ignored;
	(void)len;
	/* The one is how a file's bytes are kept, the others are an overlay's. */
	if (strcmp(name, "system.data") != 0 &&
	    strncmp(name, "trusted.overlay.", 16) != 0)
		strlist_add(names, name);
	return 0;
}

static int
copy_xattr_values(struct reader *r, struct ext2_xattr_handle *handle, int dir,
    const char *name, const char *path, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *target = mem_printf("/proc/self/fd/%d/%s", dir, name);
	errcode_t code = ext2fs_xattrs_iterate(handle, put_xattr, &names);

	for (size_t i = 0; code == 0 && i < names.len; i++) {
		void *value = NULL;
		size_t n;
		int result;

		code = ext2fs_xattr_get(handle, names.items[i], &value, &n);
		if (code != 0)
			break;
		result = lsetxattr(target, names.items[i], value, n, 0);
		ext2fs_free_mem(&value);
		if (result == -1 && errno == EOPNOTSUPP &&
		    strncmp(names.items[i], "user.", 5) == 0)
			r->left_out++; /* older kernels' tmpfs has none */
		else if (result == -1)
			return error_errno(
			    e, "/%s: attribute %s", path, names.items[i]);
	}
	return code != 0 ? failed(r, path, code, e) : 0;
}

static int
copy_xattrs(struct reader *r, ext2_ino_t ino, int dir, const char *name,
    const char *path, struct error *e)
{
	struct ext2_xattr_handle *handle;
	errcode_t code = ext2fs_xattrs_open(r->fs, ino, &handle);
	int result;

	if (code != 0)
		return failed(r, path, code, e);
	code = ext2fs_xattrs_read(handle);
	result = code != 0 ? failed(r, path, code, e)
			   : copy_xattr_values(r, handle, dir, name, path, e);
	ext2fs_xattrs_close(&handle);
	return result;
}

/* The extra field has two bits of the seconds, and the nanoseconds. */
static struct timespec
time_of(const struct ext2_inode_large *inode, uint32_t seconds, uint32_t extra)
{
	struct timespec t = { .tv_sec = (int32_t)seconds };

	if (inode->i_extra_isize < 24)
		return t;
	t.tv_sec += (int64_t)(extra & 3) << 32;
	t.tv_nsec = extra >> 2;
	if (t.tv_nsec > 999999999)
		t.tv_nsec = 0;
	return t;
}

/* Owner, mode, attributes (which a change of owner takes away), times. */
static int
copy_attributes(struct reader *r, ext2_ino_t ino,
    const struct ext2_inode_large *inode, int dir, const char *name,
    const char *path, struct error *e)
{
	const struct timespec times[2] = { time_of(inode, inode->i_atime,
					       inode->i_atime_extra),
		time_of(inode, inode->i_mtime, inode->i_mtime_extra) };
	uid_t uid = inode->i_uid | (uid_t)inode->i_uid_high << 16;
	gid_t gid = inode->i_gid | (gid_t)inode->i_gid_high << 16;

	if (fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(e, "/%s: owner", path);
	if (!LINUX_S_ISLNK(inode->i_mode) &&
	    fchmodat(dir, name, inode->i_mode & 07777, 0) == -1)
		return error_errno(e, "/%s: mode", path);
	if (copy_xattrs(r, ino, dir, name, path, e) == -1)
		return -1;
	if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(e, "/%s: times", path);
	return 0;
}

/* ---- files of each kind ------------------------------------------------------------ */

static int
put_regular(struct reader *r, ext2_ino_t ino, struct ext2_inode_large *inode,
    int dir, const char *name, const char *path, struct error *e)
{
	uint64_t size = EXT2_I_SIZE(inode);
	own_fd int out = openat(dir, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (out == -1)
		return error_errno(e, "/%s", path);
	if (size > INT64_MAX || ftruncate(out, (off_t)size) == -1)
		return damaged(r, path, "its size is out of bounds", e);
	return copy_data(r, ino, inode, out, size, path, e);
}

static int
put_symlink(struct reader *r, ext2_ino_t ino, struct ext2_inode_large *inode,
    int dir, const char *name, const char *path, struct error *e)
{
	own_free char *target = mem_alloc(PATH_MAX);
	uint64_t size = EXT2_I_SIZE(inode);

	if (size == 0 || size >= PATH_MAX)
		return damaged(r, path, "a symlink of no possible length", e);
	if (ext2fs_is_fast_symlink((struct ext2_inode *)inode)) {
		if (size >= sizeof(inode->i_block))
			return damaged(
			    r, path, "a symlink of no possible length", e);
		memcpy(target, inode->i_block, size);
	} else if (read_small(r, ino, target, size, path, e) == -1) {
		return -1;
	}
	if (symlinkat(target, dir, name) == -1)
		return error_errno(e, "/%s", path);
	return 0;
}

static dev_t
device_of(const struct ext2_inode_large *inode)
{
	uint32_t old = inode->i_block[0], new = inode->i_block[1];

	if (old != 0)
		return makedev(old >> 8 & 0xff, old & 0xff);
	return makedev(new >> 8 & 0xfff, (new & 0xff) | (new >> 12 & 0xfff00));
}

static int
put_file(struct reader *r, ext2_ino_t ino, struct ext2_inode_large *inode,
    int dir, const char *name, const char *path, struct error *e)
{
	mode_t mode = inode->i_mode;

	if (inode->i_flags & EXT4_ENCRYPT_FL)
		return damaged(r, path, "is encrypted", e);
	if (S_ISREG(mode))
		return put_regular(r, ino, inode, dir, name, path, e);
	if (S_ISLNK(mode))
		return put_symlink(r, ino, inode, dir, name, path, e);
	if (!S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) &&
	    !S_ISSOCK(mode))
		return damaged(r, path, "is of no known kind", e);
	if (mknodat(dir, name, mode, device_of(inode)) == -1)
		return error_errno(e, "/%s", path);
	return 0;
}

/* 1: a further name of a file that is there, now linked to it. */
static int
put_link(struct reader *r, ext2_ino_t ino, int dir, const char *name,
    const char *path, struct error *e)
{
	uint64_t *seen = inodes_at(&r->linked, 1, ino);

	if (*seen == 0) {
		strlist_add(&r->names, path);
		*seen = r->names.len;
		return 0;
	}
	if (linkat(r->to, r->names.items[*seen - 1], dir, name, 0) == -1)
		return error_errno(e, "/%s", path);
	return 1;
}

/* ---- folders ------------------------------------------------------------------------- */

struct names {
	struct strlist names;
	ext2_ino_t *inodes;
	size_t cap;
	struct reader *r;
	bool bad, many;
};

static int
add_name(ext2_ino_t dir, int entry, struct ext2_dir_entry *d, int offset,
    int block, char *buf, void *ctx)
{
	struct names *n = ctx;
	size_t len = (size_t)ext2fs_dirent_name_len(d);

	(void)dir;
	(void)entry;
	(void)offset;
	(void)block;
	(void)buf;
	n->many = too_many_steps(n->r);
	if (n->many)
		return DIRENT_ABORT;
	if (d->inode == 0 || (len == 1 && d->name[0] == '.') ||
	    (len == 2 && d->name[0] == '.' && d->name[1] == '.'))
		return 0;
	n->bad = len == 0 || memchr(d->name, '/', len) != NULL ||
	    memchr(d->name, '\0', len) != NULL;
	n->many = ++n->r->entries > LIMIT_TAR_ENTRIES;
	if (n->bad || n->many)
		return DIRENT_ABORT;
	n->inodes =
	    mem_grow(n->inodes, &n->cap, n->names.len + 1, sizeof(*n->inodes));
	n->inodes[n->names.len] = d->inode;
	strlist_addn(&n->names, d->name, len);
	return 0;
}

static void
names_clear(struct names *n)
{
	strlist_clear(&n->names);
	free(n->inodes);
}

static int put_folder(struct reader *r, ext2_ino_t ino, int dir,
    const char *path, unsigned depth, struct error *e);

static int
put_subfolder(struct reader *r, ext2_ino_t ino, int dir, const char *name,
    const char *path, unsigned depth, struct error *e)
{
	own_fd int fd = -1;

	if (mkdirat(dir, name, 0700) == -1 && errno != EEXIST)
		return error_errno(e, "/%s", path);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return error_errno(e, "/%s", path);
	return put_folder(r, ino, fd, path, depth, e);
}

/* Folders, and bytes that are wanted: a name that is a link is not one. */
static int
put_wanted(struct reader *r, ext2_ino_t ino, struct ext2_inode_large *inode,
    int dir, const char *name, const char *path, unsigned depth,
    struct error *e)
{
	if (LINUX_S_ISDIR(inode->i_mode))
		return put_subfolder(r, ino, dir, name, path, depth + 1, e);
	if (!LINUX_S_ISREG(inode->i_mode) ||
	    !r->from->wants(r->from->ctx, path))
		return 0;
	return put_file(r, ino, inode, dir, name, path, e);
}

static int
put_entry(struct reader *r, ext2_ino_t ino, int dir, const char *name,
    const char *path, unsigned depth, struct error *e)
{
	struct ext2_inode_large inode = { 0 };
	errcode_t code = ext2fs_read_inode_full(
	    r->fs, ino, (struct ext2_inode *)&inode, sizeof(inode));
	int done = 0;

	if (code != 0)
		return failed(r, path, code, e);
	if (!r->from->devices &&
	    (LINUX_S_ISCHR(inode.i_mode) || LINUX_S_ISBLK(inode.i_mode)))
		return 0;
	if (r->from->wants != NULL)
		return put_wanted(r, ino, &inode, dir, name, path, depth, e);
	if (LINUX_S_ISDIR(inode.i_mode)) {
		if (put_subfolder(r, ino, dir, name, path, depth + 1, e) == -1)
			return -1;
	} else {
		if (inode.i_links_count > 1)
			done = put_link(r, ino, dir, name, path, e);
		if (done == 0)
			done = put_file(r, ino, &inode, dir, name, path, e);
		if (done != 0)
			return done == 1 ? 0 : -1;
	}
	return copy_attributes(r, ino, &inode, dir, name, path, e);
}

static int
put_names(struct reader *r, const struct names *n, int dir, const char *path,
    unsigned depth, struct error *e)
{
	for (size_t i = 0; i < n->names.len; i++) {
		const char *name = n->names.items[i];
		own_free char *below = path_join(path, name);

		if (depth == 0 && strcmp(name, "lost+found") == 0)
			continue;
		if (put_entry(r, n->inodes[i], dir, name, path_relative(below),
			depth, e) == -1)
			return -1;
		log_tick();
	}
	return 0;
}

static int
put_folder(struct reader *r, ext2_ino_t ino, int dir, const char *path,
    unsigned depth, struct error *e)
{
	own(names_clear) struct names n = { .r = r };
	errcode_t code;

	if (ino > r->fs->super->s_inodes_count)
		return damaged(r, path, "has no inode", e);
	if (ext2fs_test_inode_bitmap2(r->seen, ino))
		return damaged(r, path, "folders lead in circles", e);
	if (depth > DEEPEST)
		return damaged(r, path, "folders are nested too deeply", e);
	ext2fs_mark_inode_bitmap2(r->seen, ino);
	code = ext2fs_dir_iterate2(
	    r->fs, ino, DIRENT_FLAG_INCLUDE_EMPTY, NULL, add_name, &n);
	if (code != 0)
		return failed(r, path, code, e);
	if (n.bad)
		return damaged(r, path, "has a name that leads elsewhere", e);
	if (n.many)
		return damaged(r, path, "too many files", e);
	return put_names(r, &n, dir, path, depth, e);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int
read_all(struct reader *r, struct error *e)
{
	struct ext2_inode_large root = { 0 };
	errcode_t code;

	if (ext2fs_has_feature_journal_needs_recovery(r->fs->super))
		return error_set(e, EBADMSG,
		    "%s: its file system was in use when it was copied: its "
		    "journal is not empty",
		    r->path);
	r->room = ext2fs_blocks_count(r->fs->super) * r->fs->blocksize;
	code = ext2fs_allocate_inode_bitmap(r->fs, "seen", &r->seen);
	if (code == 0)
		code = ext2fs_read_inode_full(r->fs, EXT2_ROOT_INO,
		    (struct ext2_inode *)&root, sizeof(root));
	if (code != 0)
		return failed(r, "", code, e);
	if (put_folder(r, EXT2_ROOT_INO, r->to, "", 0, e) == -1)
		return -1;
	return r->from->wants != NULL
	    ? 0
	    : copy_attributes(r, EXT2_ROOT_INO, &root, r->to, ".", "", e);
}

int
ext4_read(const struct ext4_source *from, int to, struct error *e)
{
	own_free char *buffer = mem_alloc(BUFFER);
	own_free char *name = ext4_io_name(from);
	struct reader r = {
		.from = from, .path = from->name, .to = to, .buffer = buffer
	};
	errcode_t code;
	int result;

	code = ext2fs_open2(name, NULL, EXT2_FLAG_64BITS, 0, 0, ext4_io, &r.fs);
	if (code != 0)
		return error_set(e, EINVAL, "%s: its file system: %s",
		    from->name, error_message(code));
	result = read_all(&r, e);
	if (result == 0 && r.left_out > 0)
		log_warn("%u attributes of users (user.*) are left out: the "
			 "build's file system has none",
		    r.left_out);
	if (r.seen != NULL)
		ext2fs_free_inode_bitmap(r.seen);
	ext2fs_free(r.fs);
	inodes_clear(&r.linked);
	strlist_clear(&r.names);
	return result;
}
