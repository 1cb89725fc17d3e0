/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks, inodes, extents, extended attributes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "image-build/ext4.h"

#include <ext2fs/ext3_extents.h>

#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"

#define EXTENT_BLOCKS_MAX 32768u /* in one extent that is initialised */
#define IN_INODE 4 /* extents that fit there */

/* ---- allocation -------------------------------------------------------- */

static int
full(const struct ext4 *x, struct error *e)
{
	return error_set(e, ENOSPC,
	    "%s: %.1f MiB are too small for what goes in (%.1f MiB of %.1f "
	    "MiB have their place)",
	    x->job->what, (double)x->job->bytes / 0x1p20,
	    (double)x->placed / 0x1p20, (double)x->job->content / 0x1p20);
}

int
ext4_take_blocks(struct ext4 *x, uint64_t want, blk64_t *start, uint64_t *got,
    struct error *e)
{
	ext2_filsys fs = x->fs;
	blk64_t last = ext2fs_blocks_count(fs->super) - 1, first, stop;

	if (x->next > last ||
	    ext2fs_find_first_zero_block_bitmap2(
		fs->block_map, x->next, last, &first) != 0)
		return full(x, e);
	stop = first + want - 1 > last ? last : first + want - 1;
	if (ext2fs_find_first_set_block_bitmap2(
		fs->block_map, first, stop, &stop) != 0)
		stop++; /* all are free; else stop is the first taken */
	*start = first;
	*got = stop - first;
	ext2fs_block_alloc_stats_range(fs, first, (blk_t)*got, 1);
	x->next = stop;
	return 0;
}

/*
 * Who knows a file by a handle, as an overlay does that has a copy of it, asks
 * for its number with its generation.  So what has the same number in another
 * image, or later in this file system, must not have the same generation: it
 * comes from the path.  0 would mean any, and is the root's.
 */
static uint32_t
generation(const char *path)
{
	return *path == '\0'
	    ? 0
	    : ext2fs_crc32c_le(~0U, (const uint8_t *)path, strlen(path)) | 1;
}

int
ext4_take_inode(struct ext4 *x, const char *path, bool is_dir, ext2_ino_t *ino,
    struct error *e)
{
	struct ext2_inode_large inode = { .i_generation = generation(path) };

	if (x->next_ino > x->fs->super->s_inodes_count)
		return error_set(e, ENOSPC,
		    "%s: all %u inodes are used (mkfs option -i makes more)",
		    x->job->what, x->fs->super->s_inodes_count);
	*ino = x->next_ino++;
	ext2fs_inode_alloc_stats2(x->fs, *ino, 1, is_dir);
	/* Checksums of its blocks, which come first, read it from there. */
	return ext4_inode_write(x, *ino, &inode, e);
}

/* ---- inodes ------------------------------------------------------------ */

/*
 * Seconds beyond 32 bits and nanoseconds share the extra field; times later
 * than the epoch that was asked for become that epoch.
 */
static void
put_time(
    const struct ext4 *x, struct timespec t, uint32_t *seconds, uint32_t *extra)
{
	int64_t s = t.tv_sec;
	uint32_t ns = (uint32_t)t.tv_nsec;

	if (x->job->epoch >= 0 && s >= x->job->epoch) {
		s = x->job->epoch;
		ns = 0;
	}
	*seconds = (uint32_t)s;
	*extra = ns << 2 | (uint32_t)(((s - (int32_t)s) >> 32) & 3);
}

void
ext4_inode_init(const struct ext4 *x, const char *path, const struct stat *st,
    struct ext2_inode_large *inode)
{
	const struct timespec now = { .tv_sec = x->job->now };

	*inode = (struct ext2_inode_large){ .i_mode = (uint16_t)st->st_mode,
		.i_generation = generation(path) };
	inode->i_extra_isize = 32;
	inode->i_uid = (uint16_t)st->st_uid;
	ext2fs_set_i_uid_high(*inode, (uint16_t)(st->st_uid >> 16));
	inode->i_gid = (uint16_t)st->st_gid;
	ext2fs_set_i_gid_high(*inode, (uint16_t)(st->st_gid >> 16));
	/* Reading the tree changes access times: they would never repeat. */
	put_time(x, x->job->epoch >= 0 ? st->st_mtim : st->st_atim,
	    &inode->i_atime, &inode->i_atime_extra);
	put_time(x, st->st_mtim, &inode->i_mtime, &inode->i_mtime_extra);
	put_time(x, x->job->epoch >= 0 ? st->st_mtim : st->st_ctim,
	    &inode->i_ctime, &inode->i_ctime_extra);
	put_time(x, now, &inode->i_crtime, &inode->i_crtime_extra);
}

int
ext4_inode_write(struct ext4 *x, ext2_ino_t ino, struct ext2_inode_large *inode,
    struct error *e)
{
	errcode_t r = ext2fs_write_inode_full(
	    x->fs, ino, (struct ext2_inode *)inode, sizeof(*inode));

	return r == 0 ? 0 : ext4_failed(x, r, "inode", e);
}

/* ---- extents ----------------------------------------------------------- */

void
ext4_extent_add(struct ext4_extents *all, uint64_t logical, uint64_t physical,
    uint64_t count)
{
	while (count > 0) {
		struct ext4_extent *last =
		    all->len > 0 ? &all->items[all->len - 1] : NULL;
		uint32_t n = count > EXTENT_BLOCKS_MAX ? EXTENT_BLOCKS_MAX
						       : (uint32_t)count;

		if (last != NULL && last->logical + last->count == logical &&
		    last->physical + last->count == physical &&
		    last->count < EXTENT_BLOCKS_MAX) {
			if (n > EXTENT_BLOCKS_MAX - last->count)
				n = EXTENT_BLOCKS_MAX - last->count;
			last->count += n;
		} else {
			all->items = mem_grow(all->items, &all->cap,
			    all->len + 1, sizeof(*all->items));
			all->items[all->len++] =
			    (struct ext4_extent){ logical, physical, n };
		}
		logical += n;
		physical += n;
		count -= n;
	}
}

static void
header_put(uint8_t *to, size_t entries, size_t max, unsigned depth)
{
	struct ext3_extent_header h = { .eh_magic = htole16(EXT3_EXT_MAGIC),
		.eh_entries = htole16((uint16_t)entries),
		.eh_max = htole16((uint16_t)max),
		.eh_depth = htole16((uint16_t)depth) };

	memcpy(to, &h, sizeof(h));
}

/* Extents at depth 0, pointers to the blocks of the level below otherwise. */
static void
entries_put(uint8_t *to, const struct ext4_extent *items, size_t n, bool leaf)
{
	for (size_t i = 0; i < n; i++) {
		const struct ext4_extent *x = &items[i];
		struct ext3_extent ex = { .ee_block =
					      htole32((uint32_t)x->logical),
			.ee_len = htole16((uint16_t)x->count),
			.ee_start_hi = htole16((uint16_t)(x->physical >> 32)),
			.ee_start = htole32((uint32_t)x->physical) };
		struct ext3_extent_idx ix = { .ei_block = ex.ee_block,
			.ei_leaf = ex.ee_start,
			.ei_leaf_hi = ex.ee_start_hi };

		if (leaf)
			memcpy(to + 12 + 12 * i, &ex, 12);
		else
			memcpy(to + 12 + 12 * i, &ix, 12);
	}
}

/* Write one level into blocks; up receives a pointer to each. */
static int
write_level(struct ext4 *x, ext2_ino_t ino, const struct ext4_extents *level,
    unsigned depth, struct ext4_extents *up, struct error *e)
{
	size_t room = (x->fs->blocksize - 12 - 4) / 12;
	own_free uint8_t *block = mem_alloc(x->fs->blocksize);

	for (size_t i = 0; i < level->len; i += room) {
		size_t n = level->len - i < room ? level->len - i : room;
		blk64_t at;
		uint64_t got;
		errcode_t r;

		if (ext4_take_blocks(x, 1, &at, &got, e) == -1)
			return -1;
		memset(block, 0, x->fs->blocksize);
		header_put(block, n, room, depth);
		entries_put(block, level->items + i, n, depth == 0);
		r = ext2fs_extent_block_csum_set(
		    x->fs, ino, (struct ext3_extent_header *)block);
		if (r != 0)
			return ext4_failed(x, r, "extents", e);
		if (ext4_put_block(x, at, block, e) == -1)
			return -1;
		up->items = mem_grow(
		    up->items, &up->cap, up->len + 1, sizeof(*up->items));
		up->items[up->len++] =
		    (struct ext4_extent){ .logical = level->items[i].logical,
			    .physical = at };
	}
	return 0;
}

static void
own_extents(struct ext4_extents *all)
{
	free(all->items);
}

int
ext4_inode_extents(struct ext4 *x, ext2_ino_t ino,
    struct ext2_inode_large *inode, const struct ext4_extents *extents,
    struct error *e)
{
	own(own_extents) struct ext4_extents level = { 0 };
	const struct ext4_extents *top = extents;
	uint8_t *root = (uint8_t *)inode->i_block;
	uint64_t blocks = 0;
	unsigned depth = 0;

	for (size_t i = 0; i < extents->len; i++)
		blocks += extents->items[i].count;
	for (; top->len > IN_INODE; depth++) {
		struct ext4_extents up = { 0 };

		if (write_level(x, ino, top, depth, &up, e) == -1) {
			own_extents(&up);
			return -1;
		}
		blocks += up.len;
		own_extents(&level);
		level = up;
		top = &level;
	}
	header_put(root, top->len, IN_INODE, depth);
	entries_put(root, top->items, top->len, depth == 0);
	inode->i_flags |= EXT4_EXTENTS_FL;
	blocks *= x->fs->blocksize / 512;
	inode->i_blocks = (uint32_t)blocks;
	inode->osd2.linux2.l_i_blocks_hi = (uint16_t)(blocks >> 32);
	return 0;
}

/* ---- extended attributes ------------------------------------------------ */

static int
set_xattr(struct ext4 *x, struct ext2_xattr_handle *h, const char *path,
    const char *name, struct error *e)
{
	own_free char *value = mem_alloc(65536);
	ssize_t n = lgetxattr(path, name, value, 65536);
	errcode_t r;

	if (n == -1)
		return error_errno(e, "%s: %s", path, name);
	r = ext2fs_xattr_set(h, name, value, (size_t)n);
	return r == 0 ? 0 : ext4_failed(x, r, name, e);
}

int
ext4_inode_xattrs(
    struct ext4 *x, ext2_ino_t ino, const char *path, struct error *e)
{
	char names[65536];
	ssize_t n = llistxattr(path, names, sizeof(names));
	struct ext2_xattr_handle *h;
	errcode_t r;
	int result = 0;

	if (n == -1 && errno == EOPNOTSUPP)
		return 0;
	if (n == -1)
		return error_errno(e, "%s: extended attributes", path);
	if (n == 0)
		return 0;
	r = ext2fs_xattrs_open(x->fs, ino, &h);
	if (r != 0)
		return ext4_failed(x, r, "extended attributes", e);
	r = ext2fs_xattrs_read(h);
	if (r != 0)
		result = ext4_failed(x, r, "extended attributes", e);
	for (char *s = names; result == 0 && s < names + n; s += strlen(s) + 1)
		result = set_xattr(x, h, path, s, e);
	ext2fs_xattrs_close(&h);
	return result;
}
