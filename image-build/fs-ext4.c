/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ext4 plug-in: an empty file system by libext2fs with every identifier
 * and time chosen, filled by ext4-tree.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-build/ext4.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"

#define BLOCK 4096
#define FLEX_GROUPS_LOG 4
#define GROUP_BLOCKS (8 * BLOCK)
#define EXTRA_INODE_BYTES 32

int
ext4_failed(
    const struct ext4 *x, errcode_t code, const char *what, struct error *e)
{
	if (code == EXT2_ET_BLOCK_ALLOC_FAIL || code == EXT2_ET_TOOSMALL ||
	    code == EXT2_ET_JOURNAL_TOO_SMALL)
		return error_set(e, ENOSPC,
		    "%s: %.1f MiB are too small for what goes in (%s: %s)",
		    x->job->what, (double)x->job->bytes / 0x1p20, what,
		    error_message(code));
	return error_set(
	    e, EIO, "%s: %s: %s", x->job->what, what, error_message(code));
}

/* ---- the empty file system --------------------------------------------- */

static void
features(const struct ext4_options *o, struct ext2_super_block *s)
{
	s->s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR |
	    EXT2_FEATURE_COMPAT_DIR_INDEX | EXT2_FEATURE_COMPAT_RESIZE_INODE;
	s->s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE |
	    EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT |
	    EXT4_FEATURE_INCOMPAT_FLEX_BG;
	s->s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER |
	    EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
	    EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
	    EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
	    EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
	    EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
	if (o->no_checksums) {
		s->s_feature_ro_compat &= ~EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
		s->s_feature_ro_compat |= EXT4_FEATURE_RO_COMPAT_GDT_CSUM;
	}
	if (o->no_64bit)
		s->s_feature_incompat &= ~EXT4_FEATURE_INCOMPAT_64BIT;
}

/* As many as the options say, and never fewer than go in. */
static uint32_t
inode_count(const struct fs_job *job, const struct ext4_options *o)
{
	uint64_t n = o->inodes ? o->inodes : job->bytes / o->inode_ratio;
	uint64_t least = job->inodes + EXT4_SPARE_INODES;

	if (o->inodes == 0 && n < least)
		n = least;
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/*
 * Blocks set aside for descriptors of groups to come.  0 lets libext2fs
 * choose: growth to a thousand times the size.
 */
static uint16_t
reserved_blocks(uint64_t blocks, const struct ext4_options *o)
{
	uint64_t per_block = BLOCK / (o->no_64bit ? 32 : 64);
	uint64_t have, want;

	if (o->resize <= blocks)
		return 0;
	have =
	    round_up(round_up(blocks, GROUP_BLOCKS) / GROUP_BLOCKS, per_block) /
	    per_block;
	want = round_up(round_up(o->resize, GROUP_BLOCKS) / GROUP_BLOCKS,
		   per_block) /
	    per_block;
	return want - have > BLOCK / 4 ? BLOCK / 4 : (uint16_t)(want - have);
}

static int
initialize(struct ext4 *x, const struct ext4_options *o, struct error *e)
{
	const struct fs_job *job = x->job;
	struct ext2_super_block param = { 0 };
	own_free char *name = mem_printf("/proc/self/fd/%d", job->fd);
	own_free char *offset =
	    mem_printf("offset=%llu", (unsigned long long)job->offset);
	uint64_t blocks = job->bytes / BLOCK;
	errcode_t r;

	ext2fs_blocks_count_set(&param, blocks);
	ext2fs_r_blocks_count_set(
	    &param, (blk64_t)((double)blocks * o->reserved / 100));
	param.s_inodes_count = inode_count(job, o);
	param.s_rev_level = EXT2_DYNAMIC_REV;
	param.s_log_block_size = 2;
	param.s_inode_size = 256;
	if (!o->no_64bit)
		param.s_desc_size = EXT2_MIN_DESC_SIZE_64BIT;
	param.s_reserved_gdt_blocks = reserved_blocks(blocks, o);
	param.s_log_groups_per_flex = FLEX_GROUPS_LOG;
	features(o, &param);
	r = ext2fs_initialize(
	    name, EXT2_FLAG_64BITS, &param, unix_io_manager, &x->fs);
	if (r != 0)
		return ext4_failed(x, r, "initialize", e);
	r = io_channel_set_options(x->fs->io, offset);
	if (r != 0)
		return ext4_failed(x, r, offset, e);
	return 0;
}

/* Everything in the superblock that could differ from run to run. */
static void
identify(struct ext4 *x)
{
	struct ext2_super_block *s = x->fs->super;
	const struct fs_job *job = x->job;
	uint32_t now = (uint32_t)(job->now > 0 ? job->now : 1);

	x->fs->now = now;
	s->s_mkfs_time = s->s_wtime = s->s_lastcheck = now;
	s->s_checkinterval = 0;
	s->s_max_mnt_count = -1;
	memcpy(s->s_uuid, job->uuid, sizeof(s->s_uuid));
	memcpy(s->s_volume_name, job->label,
	    strnlen(job->label, sizeof(s->s_volume_name)));
	memcpy(s->s_hash_seed, job->seed, sizeof(s->s_hash_seed));
	s->s_def_hash_version = EXT2_HASH_HALF_MD4;
	s->s_flags |= EXT2_FLAGS_SIGNED_HASH;
	s->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
	s->s_min_extra_isize = s->s_want_extra_isize = EXTRA_INODE_BYTES;
	if (ext2fs_has_feature_metadata_csum(s))
		s->s_checksum_type = EXT2_CRC32C_CHKSUM;
	ext2fs_init_csum_seed(x->fs);
}

/*
 * The groups' tables, all zero already in a new file; inodes below 11; the
 * inode that lets the file system grow; the journal.
 */
static int
lay_out(struct ext4 *x, const struct ext4_options *o, struct error *e)
{
	ext2_filsys fs = x->fs;
	uint64_t journal = o->journal * 256; /* blocks of 4 KiB */
	errcode_t r;

	r = ext2fs_allocate_tables(fs);
	if (r != 0)
		return ext4_failed(x, r, "group tables", e);
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		ext2fs_bg_flags_set(fs, g, EXT2_BG_INODE_ZEROED);
		ext2fs_group_desc_csum_set(fs, g);
	}
	for (ext2_ino_t i = 1; i < EXT2_FIRST_INO(fs->super); i++)
		ext2fs_inode_alloc_stats2(fs, i, 1, i == EXT2_ROOT_INO);
	r = ext2fs_update_bb_inode(fs, NULL);
	if (r == 0)
		r = ext2fs_create_resize_inode(fs);
	if (r != 0)
		return ext4_failed(x, r, "reserved inodes", e);
	if (o->no_journal)
		return 0;
	if (journal == 0) {
		int n =
		    ext2fs_default_journal_size(ext2fs_blocks_count(fs->super));

		journal = n > 0 ? (uint64_t)n : 0;
	}
	if (journal == 0)
		return 0;
	r = ext2fs_add_journal_inode2(fs, (blk_t)journal, ~0ULL,
	    EXT2_MKJOURNAL_LAZYINIT | EXT2_MKJOURNAL_NO_MNT_CHECK);
	return r == 0 ? 0 : ext4_failed(x, r, "journal", e);
}

static int
finish(struct ext4 *x, struct error *e)
{
	ext2_filsys fs = x->fs;
	errcode_t r;

	fs->super->s_kbytes_written = 0;
	ext2fs_mark_super_dirty(fs);
	ext2fs_mark_ib_dirty(fs);
	ext2fs_mark_bb_dirty(fs);
	/* The file only lasts until the formats are made: no need to sync. */
	r = ext2fs_close2(fs, EXT2_FLAG_FLUSH_NO_SYNC);
	if (r != 0)
		return ext4_failed(x, r, "close", e);
	x->fs = NULL;
	return 0;
}

static void
release(struct ext4 *x)
{
	if (x->fs != NULL)
		ext2fs_free(x->fs);
	inodes_clear(&x->links);
}

static int
write_ext4(const struct fs_job *job, struct error *e)
{
	struct ext4_options o;
	own(release) struct ext4 x = { .job = job };

	if (ext4_options(job->options, &o, e) == -1)
		return error_prefix(e, "%s", job->what);
	if (job->bytes < 2 << 20)
		return error_set(e, ENOSPC, "%s: below 2 MiB", job->what);
	initialize_ext2_error_table();
	if (initialize(&x, &o, e) == -1)
		return -1;
	identify(&x);
	if (lay_out(&x, &o, e) == -1)
		return -1;
	x.next = x.fs->super->s_first_data_block;
	x.next_ino = EXT2_FIRST_INO(x.fs->super);
	if (ext4_tree_write(&x, e) == -1)
		return -1;
	return finish(&x, e);
}

/*
 * Data, inode tables, the journal, and what grows with the size: bitmaps,
 * descriptors and their copies.
 */
static uint64_t
least(const struct fs_content *c, const char *options)
{
	struct ext4_options o;
	struct error none;
	uint64_t inodes = c->inodes + EXT4_SPARE_INODES, fixed;
	double part;

	if (ext4_options(options, &o, &none) == -1)
		return c->bytes;
	fixed = c->bytes + (16 << 20);
	if (!o.no_journal)
		fixed += o.journal != 0 ? o.journal << 20 : c->bytes / 32;
	if (o.inodes != 0)
		fixed += o.inodes * 256;
	part = 1 - o.reserved / 100 - 0.01;
	if (o.inodes == 0)
		part -= 256.0 / (double)o.inode_ratio;
	/* Few large files or many small ones, whichever takes more. */
	if (o.inodes == 0 && fixed / o.inode_ratio < inodes)
		fixed += inodes * 256;
	return (uint64_t)((double)fixed / (part > 0.1 ? part : 0.1));
}

const struct fs_kind fs_ext4 = {
	.name = "ext4",
	.summary = "journaled, read and written; made without mounting",
	.label_max = 16,
	.least = least,
	.write = write_ext4,
};
