/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk: every file, folder, link and device of the tree, in byte order,
 * each placed as it is met; a folder's own blocks once all in it is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "image-build/ext4.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

#define LINK_MAX_EXT4 65000
#define FAST_SYMLINK 60 /* bytes in the inode, NUL included */

static void
own_extents(struct ext4_extents *all)
{
	free(all->items);
}

/* ---- hard links --------------------------------------------------------- */

static int
link_again(struct ext4 *x, ext2_ino_t ino, const char *path, struct error *e)
{
	struct ext2_inode_large inode;
	errcode_t r = ext2fs_read_inode_full(
	    x->fs, ino, (struct ext2_inode *)&inode, sizeof(inode));

	if (r != 0)
		return ext4_failed(x, r, "inode", e);
	if (inode.i_links_count >= LINK_MAX_EXT4)
		return error_set(e, EMLINK,
		    "%s: %s: more than %d names for one file", x->job->what,
		    path, LINK_MAX_EXT4);
	inode.i_links_count++;
	return ext4_inode_write(x, ino, &inode, e);
}

/* ---- regular files ------------------------------------------------------ */

/* Where the blocks of a file come from and go to. */
struct copy {
	struct ext4 *x;
	int fd;
	const char *path; /* of the source */
	struct ext4_extents *extents;
};

/* Blocks for the data from start to end, which is no hole. */
static int
copy_range(struct copy *c, uint64_t start, uint64_t end, struct error *e)
{
	unsigned size = c->x->fs->blocksize;

	while (start < end) {
		uint64_t want = round_up(end - start, size) / size, got, bytes;
		blk64_t block;

		if (ext4_take_blocks(c->x, want, &block, &got, e) == -1)
			return -1;
		bytes = got * size < end - start ? got * size : end - start;
		ext4_place_file(c->x, block, c->path, start, bytes);
		ext4_extent_add(c->extents, start / size, block, got);
		start += got * size;
	}
	return 0;
}

/* Holes stay holes, as far as whole blocks go. */
static int
copy_file(struct copy *c, uint64_t size, struct error *e)
{
	unsigned block = c->x->fs->blocksize;
	uint64_t done = 0;

	while (done < size) {
		off_t data = lseek(c->fd, (off_t)done, SEEK_DATA), hole;
		uint64_t start, end;

		if (data == -1 && errno == ENXIO)
			return 0;
		if (data == -1) {
			data = (off_t)done; /* the file system has no holes */
			hole = (off_t)size;
		} else {
			hole = lseek(c->fd, data, SEEK_HOLE);
		}
		if (hole == -1)
			return error_errno(e, "%s", c->path);
		start = round_down((uint64_t)data, block);
		if (start < done)
			start = done;
		end = round_up((uint64_t)hole, block);
		if (end > size)
			end = size;
		if (copy_range(c, start, end, e) == -1)
			return -1;
		done = round_up(end, block);
	}
	return 0;
}

static int
write_regular(struct ext4 *x, int dir, const char *name, const char *path,
    const struct stat *st, ext2_ino_t ino, struct ext2_inode_large *inode,
    struct error *e)
{
	own(own_extents) struct ext4_extents extents = { 0 };
	own_free char *source = path_join(x->job->tree, path);
	own_fd int fd =
	    openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);
	struct copy c = { .x = x, .path = source, .extents = &extents };

	if (fd == -1 && errno == EPERM)
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return error_errno(e, "%s", path);
	c.fd = fd;
	if (copy_file(&c, (uint64_t)st->st_size, e) == -1)
		return -1;
	inode->i_size = (uint32_t)st->st_size;
	inode->i_size_high = (uint32_t)((uint64_t)st->st_size >> 32);
	return ext4_inode_extents(x, ino, inode, &extents, e);
}

/* ---- other kinds --------------------------------------------------------- */

static int
write_symlink(struct ext4 *x, int dir, const char *name, const char *path,
    ext2_ino_t ino, struct ext2_inode_large *inode, struct error *e)
{
	own(own_extents) struct ext4_extents extents = { 0 };
	own_free char *block = mem_alloc(x->fs->blocksize);
	ssize_t n = readlinkat(dir, name, block, x->fs->blocksize - 1);
	blk64_t at;
	uint64_t got;

	if (n == -1)
		return error_errno(e, "%s", path);
	inode->i_size = (uint32_t)n;
	if (n < FAST_SYMLINK) {
		memcpy(inode->i_block, block, (size_t)n);
		return 0;
	}
	if (ext4_take_blocks(x, 1, &at, &got, e) == -1)
		return -1;
	ext4_extent_add(&extents, 0, at, 1);
	if (ext4_put_block(x, at, block, e) == -1)
		return -1;
	return ext4_inode_extents(x, ino, inode, &extents, e);
}

/* Small numbers the old way, others the new way, as the kernel reads them. */
static void
put_device(dev_t dev, struct ext2_inode_large *inode)
{
	unsigned a = major(dev), b = minor(dev);

	if (a < 256 && b < 256)
		inode->i_block[0] = a << 8 | b;
	else
		inode->i_block[1] = (b & 0xff) | a << 8 | (b & ~0xffu) << 12;
}

/* ---- the walk ------------------------------------------------------------- */

static int write_dir(struct ext4 *x, int fd, const char *path,
    const struct stat *st, struct ext4_dir *d, struct error *e);

static bool
left_empty(const struct ext4 *x, const char *path)
{
	return x->job->empty != NULL && strlist_has(x->job->empty, path);
}

static int
write_subdir(struct ext4 *x, int dir, const char *name, const char *path,
    const struct stat *st, ext2_ino_t ino, ext2_ino_t parent, struct error *e)
{
	own(ext4_dir_clear) struct ext4_dir d = { .ino = ino,
		.parent = parent };
	own_fd int fd =
	    openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return error_errno(e, "%s", path);
	return write_dir(x, left_empty(x, path) ? -1 : fd, path, st, &d, e);
}

/* What is no folder: the inode and what hangs on it. */
static int
write_other(struct ext4 *x, int dir, const char *name, const char *path,
    const struct stat *st, ext2_ino_t ino, struct error *e)
{
	struct ext2_inode_large inode;

	ext4_inode_init(x, path, st, &inode);
	inode.i_links_count = 1;
	if (S_ISREG(st->st_mode)) {
		if (write_regular(x, dir, name, path, st, ino, &inode, e) == -1)
			return -1;
	} else if (S_ISLNK(st->st_mode)) {
		if (write_symlink(x, dir, name, path, ino, &inode, e) == -1)
			return -1;
	} else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		put_device(st->st_rdev, &inode);
	}
	return ext4_inode_write(x, ino, &inode, e);
}

static int
write_entry(struct ext4 *x, int dir, const char *name, const char *path,
    struct ext4_dir *d, struct error *e)
{
	own_free char *source = mem_printf("/proc/self/fd/%d/%s", dir, name);
	struct stat st;
	uint64_t *first = NULL;
	ext2_ino_t ino;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(e, "%s", path);
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
		first = inodes_at(&x->links, st.st_dev, st.st_ino);
	if (first != NULL && *first != 0) {
		ino = (ext2_ino_t)*first;
		ext4_dir_add(d, name, ino, st.st_mode);
		return link_again(x, ino, path, e);
	}
	if (ext4_take_inode(x, path, S_ISDIR(st.st_mode), &ino, e) == -1)
		return -1;
	ext4_dir_add(d, name, ino, st.st_mode);
	if (S_ISDIR(st.st_mode))
		return write_subdir(x, dir, name, path, &st, ino, d->ino, e);
	if (first != NULL)
		*first = ino;
	if (write_other(x, dir, name, path, &st, ino, e) == -1)
		return -1;
	return ext4_inode_xattrs(x, ino, source, e);
}

/* mke2fs's lost+found: 16 KiB set aside so that e2fsck need not allocate. */
static int
write_lost_found(struct ext4 *x, struct ext4_dir *root, struct error *e)
{
	const struct stat st = { .st_mode = S_IFDIR | 0700,
		.st_atim = { .tv_sec = x->job->now },
		.st_mtim = { .tv_sec = x->job->now },
		.st_ctim = { .tv_sec = x->job->now } };
	static const char name[] = "lost+found";
	own(ext4_dir_clear) struct ext4_dir d = { .parent = EXT2_ROOT_INO };

	if (ext4_take_inode(x, name, true, &d.ino, e) == -1)
		return -1;
	ext4_dir_add(root, name, d.ino, S_IFDIR);
	return write_dir(x, -1, name, &st, &d, e);
}

static int
write_names(struct ext4 *x, int fd, const char *path, struct ext4_dir *d,
    struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (file_names(fd, ".", &names, e) == -1)
		return error_prefix(e, "%s", path);
	for (size_t i = 0; i < names.len; i++) {
		own_free char *below = mem_printf(
		    "%s%s%s", path, *path ? "/" : "", names.items[i]);

		if (*path == '\0' && strcmp(names.items[i], "lost+found") == 0)
			continue;
		if (write_entry(x, fd, names.items[i], below, d, e) == -1)
			return -1;
	}
	return 0;
}

/* fd is the source folder, or -1 for one that stays empty. */
static int
write_dir(struct ext4 *x, int fd, const char *path, const struct stat *st,
    struct ext4_dir *d, struct error *e)
{
	own(own_extents) struct ext4_extents extents = { 0 };
	struct ext2_inode_large inode;
	uint64_t blocks;
	bool indexed;

	if (d->ino == EXT2_ROOT_INO && write_lost_found(x, d, e) == -1)
		return -1;
	if (fd != -1 && write_names(x, fd, path, d, e) == -1)
		return -1;
	if (ext4_dir_write(x, d, &extents, &indexed, e) == -1)
		return -1;
	ext4_inode_init(x, path, st, &inode);
	inode.i_links_count =
	    d->subdirs + 2 > LINK_MAX_EXT4 ? 1 : (uint16_t)(d->subdirs + 2);
	if (ext4_inode_extents(x, d->ino, &inode, &extents, e) == -1)
		return -1;
	blocks = extents.items[extents.len - 1].logical +
	    extents.items[extents.len - 1].count;
	inode.i_size = (uint32_t)(blocks * x->fs->blocksize);
	if (indexed)
		inode.i_flags |= EXT2_INDEX_FL;
	if (ext4_inode_write(x, d->ino, &inode, e) == -1)
		return -1;
	if (fd != -1) {
		own_free char *source = mem_printf("/proc/self/fd/%d/.", fd);

		return ext4_inode_xattrs(x, d->ino, source, e);
	}
	return 0;
}

/* An empty file system's root belongs to root and is made now. */
static int
write_empty(struct ext4 *x, struct ext4_dir *root, struct error *e)
{
	const struct stat st = { .st_mode = S_IFDIR | 0755,
		.st_atim = { .tv_sec = x->job->now },
		.st_mtim = { .tv_sec = x->job->now },
		.st_ctim = { .tv_sec = x->job->now } };

	return write_dir(x, -1, "", &st, root, e);
}

/* The tree as the one folder of a root that is otherwise empty. */
static int
write_below(struct ext4 *x, int fd, const struct stat *st,
    struct ext4_dir *root, struct error *e)
{
	own(ext4_dir_clear) struct ext4_dir d = { .parent = EXT2_ROOT_INO };

	if (ext4_take_inode(x, "", true, &d.ino, e) == -1)
		return -1;
	ext4_dir_add(root, x->job->below, d.ino, S_IFDIR);
	if (write_dir(x, fd, "", st, &d, e) == -1)
		return -1;
	return write_empty(x, root, e);
}

int
ext4_tree_write(struct ext4 *x, struct error *e)
{
	own(ext4_dir_clear) struct ext4_dir root = { .ino = EXT2_ROOT_INO,
		.parent = EXT2_ROOT_INO };
	own_fd int fd = -1;
	struct stat st;

	if (x->job->tree == NULL)
		return write_empty(x, &root, e);
	fd = open(x->job->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return error_errno(e, "%s", x->job->tree);
	if ((x->job->below != NULL ? write_below(x, fd, &st, &root, e)
				   : write_dir(x, fd, "", &st, &root, e)) == -1)
		return -1;
	return 0;
}
