/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing an ext4 file system straight from a tree, in one pass: each file's
 * blocks follow the ones before, inodes are numbered as they come.
 *
 * fs-ext4.c makes the empty file system and closes it, ext4-tree.c walks the
 * source, ext4-inode.c makes inodes and their extents, ext4-dir.c the blocks
 * of directories, ext4-output.c writes them.  What is in the files is read
 * when the disk is written out (spans.h).
 */
#ifndef IMAGE_BUILD_EXT4_H
#define IMAGE_BUILD_EXT4_H

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <sys/stat.h>

#include "image-build/disk.h"
#include "lib/inodes.h"

/* A run of blocks of a file, logically and on disk. */
struct ext4_extent {
	uint64_t logical, physical;
	uint32_t count;
};

struct ext4_extents {
	struct ext4_extent *items;
	size_t len, cap;
};

struct ext4_entry {
	char *name;
	ext2_ino_t ino;
	uint8_t type; /* EXT2_FT_* */
};

struct ext4_dir {
	ext2_ino_t ino, parent;
	struct ext4_entry *items;
	size_t len, cap;
	unsigned subdirs;
};

/* What mke2fs's options ask for. */
struct ext4_options {
	uint64_t inode_ratio; /* bytes of file system for each inode */
	uint64_t inodes; /* or exactly so many */
	uint64_t journal; /* MiB; 0: by size */
	uint64_t resize; /* blocks that it may grow to online, or 0 */
	double reserved; /* percent */
	bool no_journal, no_checksums, no_64bit;
};

#define EXT4_SPARE_INODES 64 /* beside those that go in */

/* Read options as mke2fs would take them; NULL is none. */
int ext4_options(const char *text, struct ext4_options *o, struct error *e);

struct ext4 {
	ext2_filsys fs;
	const struct fs_job *job;
	blk64_t next; /* blocks below are taken */
	ext2_ino_t next_ino; /* inodes below are taken */
	struct inodes links; /* files with several names: their new inodes */
	uint64_t placed; /* bytes of data that have their blocks */
};

/* "what: libext2fs's message"; returns -1. */
int ext4_failed(
    const struct ext4 *x, errcode_t code, const char *what, struct error *e);

int ext4_put_block(
    struct ext4 *x, blk64_t block, const void *data, struct error *e);

/* A block, and those behind it, are to have what the file has at from. */
void ext4_place_file(struct ext4 *x, blk64_t block, const char *path,
    uint64_t from, uint64_t bytes);

/* Take up to want blocks in one run; *got of them begin at *start. */
int ext4_take_blocks(struct ext4 *x, uint64_t want, blk64_t *start,
    uint64_t *got, struct error *e);

/* The next inode, for what is at path in the tree. */
int ext4_take_inode(struct ext4 *x, const char *path, bool is_dir,
    ext2_ino_t *ino, struct error *e);

/*
 * Fill the inode of path from st: type, mode, owner, times.  The caller adds
 * size, links, blocks.
 */
void ext4_inode_init(const struct ext4 *x, const char *path,
    const struct stat *st, struct ext2_inode_large *inode);

void ext4_extent_add(struct ext4_extents *all, uint64_t logical,
    uint64_t physical, uint64_t count);

/* Hang the extents into the inode, in blocks of their own if many. */
int ext4_inode_extents(struct ext4 *x, ext2_ino_t ino,
    struct ext2_inode_large *inode, const struct ext4_extents *extents,
    struct error *e);

int ext4_inode_write(struct ext4 *x, ext2_ino_t ino,
    struct ext2_inode_large *inode, struct error *e);

/* Copy the extended attributes of path, ACLs included, to an inode. */
int ext4_inode_xattrs(
    struct ext4 *x, ext2_ino_t ino, const char *path, struct error *e);

void
ext4_dir_add(struct ext4_dir *d, const char *name, ext2_ino_t ino, mode_t mode);

/* Write the blocks of a directory: one, or a tree of hashes. */
int ext4_dir_write(struct ext4 *x, const struct ext4_dir *d,
    struct ext4_extents *extents, bool *indexed, struct error *e);
void ext4_dir_clear(struct ext4_dir *d);

/* Write all of the job's tree; the root directory included. */
int ext4_tree_write(struct ext4 *x, struct error *e);

#endif
