/* SPDX-License-Identifier: Apache-2.0 */
/* A file of an ext4 file system copied: its data, attributes, further names. */
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
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strlist.h"

int
ext4_read_failed(const struct ext4_reader *r, const char *path, errcode_t code,
    struct error *e)
{
	return error_set(
	    e, EIO, "%s: /%s: %s", r->path, path, error_message(code));
}

int
ext4_read_damaged(const struct ext4_reader *r, const char *path,
    const char *what, struct error *e)
{
	return error_set(e, EBADMSG, "%s: /%s: %s", r->path, path, what);
}

/* Metadata that leads to the same blocks again and again ends here. */
bool
ext4_too_many_steps(struct ext4_reader *r)
{
	return ++r->steps > r->room / 8 + LIMIT_TAR_ENTRIES;
}

/* ---- what a file holds ------------------------------------------------------- */

static int
copy_run(struct ext4_reader *r, int out, uint64_t from, uint64_t at, uint64_t n,
    const char *path, struct error *e)
{
	r->bytes += n;
	if (r->bytes > r->room)
		return ext4_read_damaged(
		    r, path, "its files hold more than there is room for", e);
	while (n > 0) {
		size_t want =
		    n < EXT4_READ_BUFFER ? (size_t)n : EXT4_READ_BUFFER;

		if (from > INT64_MAX - r->from->offset ||
		    disk_read(r->from->disk, r->buffer, want,
			r->from->offset + from) == -1)
			return ext4_read_damaged(
			    r, path, "its blocks are not there", e);
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
copy_extents(struct ext4_reader *r, ext2_extent_handle_t handle, int out,
    uint64_t size, const char *path, struct error *e)
{
	struct ext2fs_extent x;
	uint64_t next = 0, block = r->fs->blocksize;
	int op = EXT2_EXTENT_ROOT;
	errcode_t code;

	while ((code = ext2fs_extent_get(handle, op, &x)) == 0) {
		uint64_t at = x.e_lblk * block, n = x.e_len * block;

		op = EXT2_EXTENT_NEXT;
		if (ext4_too_many_steps(r))
			return ext4_read_damaged(
			    r, path, "its extents never end", e);
		if (!(x.e_flags & EXT2_EXTENT_FLAGS_LEAF))
			continue;
		if (x.e_lblk < next)
			return ext4_read_damaged(
			    r, path, "its extents overlap", e);
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
	    : ext4_read_failed(r, path, code, e);
}

struct blocks {
	struct ext4_reader *r;
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
read_small(struct ext4_reader *r, ext2_ino_t ino, char *to, size_t n,
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
		return ext4_read_failed(r, path, code, e);
	return got == n ? 0 : ext4_read_damaged(r, path, "is cut short", e);
}

static int
copy_data(struct ext4_reader *r, ext2_ino_t ino, struct ext2_inode_large *inode,
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
			return ext4_read_damaged(
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
		return code != 0 ? ext4_read_failed(r, path, code, e) : 0;
	}
	code = ext2fs_extent_open2(
	    r->fs, ino, (struct ext2_inode *)inode, &handle);
	if (code != 0)
		return ext4_read_failed(r, path, code, e);
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
copy_xattr_values(struct ext4_reader *r, struct ext2_xattr_handle *handle,
    int dir, const char *name, const char *path, struct error *e)
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
	return code != 0 ? ext4_read_failed(r, path, code, e) : 0;
}

static int
copy_xattrs(struct ext4_reader *r, ext2_ino_t ino, int dir, const char *name,
    const char *path, struct error *e)
{
	struct ext2_xattr_handle *handle;
	errcode_t code = ext2fs_xattrs_open(r->fs, ino, &handle);
	int result;

	if (code != 0)
		return ext4_read_failed(r, path, code, e);
	code = ext2fs_xattrs_read(handle);
	result = code != 0 ? ext4_read_failed(r, path, code, e)
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
int
ext4_put_attributes(struct ext4_reader *r, ext2_ino_t ino,
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
put_regular(struct ext4_reader *r, ext2_ino_t ino,
    struct ext2_inode_large *inode, int dir, const char *name, const char *path,
    struct error *e)
{
	uint64_t size = EXT2_I_SIZE(inode);
	own_fd int out = openat(dir, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (out == -1)
		return error_errno(e, "/%s", path);
	if (size > INT64_MAX || ftruncate(out, (off_t)size) == -1)
		return ext4_read_damaged(
		    r, path, "its size is out of bounds", e);
	return copy_data(r, ino, inode, out, size, path, e);
}

static int
put_symlink(struct ext4_reader *r, ext2_ino_t ino,
    struct ext2_inode_large *inode, int dir, const char *name, const char *path,
    struct error *e)
{
	own_free char *target = mem_alloc(PATH_MAX);
	uint64_t size = EXT2_I_SIZE(inode);

	if (size == 0 || size >= PATH_MAX)
		return ext4_read_damaged(
		    r, path, "a symlink of no possible length", e);
	if (ext2fs_is_fast_symlink((struct ext2_inode *)inode)) {
		if (size >= sizeof(inode->i_block))
			return ext4_read_damaged(
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

int
ext4_put_file(struct ext4_reader *r, ext2_ino_t ino,
    struct ext2_inode_large *inode, int dir, const char *name, const char *path,
    struct error *e)
{
	mode_t mode = inode->i_mode;

	if (inode->i_flags & EXT4_ENCRYPT_FL)
		return ext4_read_damaged(r, path, "is encrypted", e);
	if (S_ISREG(mode))
		return put_regular(r, ino, inode, dir, name, path, e);
	if (S_ISLNK(mode))
		return put_symlink(r, ino, inode, dir, name, path, e);
	if (!S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) &&
	    !S_ISSOCK(mode))
		return ext4_read_damaged(r, path, "is of no known kind", e);
	if (mknodat(dir, name, mode, device_of(inode)) == -1)
		return error_errno(e, "/%s", path);
	return 0;
}

/* 1: a further name of a file that is there, now linked to it. */
int
ext4_put_link(struct ext4_reader *r, ext2_ino_t ino, int dir, const char *name,
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
