/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of lib/ext4 share. */
#ifndef LIB_EXT4_PRIVATE_H
#define LIB_EXT4_PRIVATE_H

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/ext4.h"
#include "lib/inodes.h"
#include "lib/strlist.h"

struct error;

/* Opens a source by the name that it has. */
extern const io_manager ext4_io;
char *ext4_io_name(const struct ext4_source *from); /* the caller's */

/* ---- ext4-read.c, ext4-file.c: copying the tree ------------------------------ */

#define EXT4_READ_BUFFER (1u << 20)

struct ext4_reader {
	ext2_filsys fs;
	const struct ext4_source *from;
	const char *path; /* of the image, for messages */
	int to; /* where the copy begins */
	ext2fs_inode_bitmap seen; /* folders that were entered */
	struct inodes linked; /* files with several names: index + 1 ... */
	struct strlist names; /* ... of the first name */
	uint64_t entries, bytes, room;
	uint64_t steps; /* through metadata, empty entries included */
	char *buffer; /* EXT4_READ_BUFFER bytes */
	unsigned left_out; /* attributes */
};

/* "IMAGE: /path: what"; both return -1. */
int ext4_read_failed(const struct ext4_reader *r, const char *path,
    errcode_t code, struct error *e);
int ext4_read_damaged(const struct ext4_reader *r, const char *path,
    const char *what, struct error *e);

/* Metadata that leads to the same blocks again and again ends with this. */
bool ext4_too_many_steps(struct ext4_reader *r);

/* Anything but a folder, with its attributes; a further name of it. */
int ext4_put_file(struct ext4_reader *r, ext2_ino_t ino,
    struct ext2_inode_large *inode, int dir, const char *name, const char *path,
    struct error *e);
int ext4_put_link(struct ext4_reader *r, ext2_ino_t ino, int dir,
    const char *name, const char *path, struct error *e);
int ext4_put_attributes(struct ext4_reader *r, ext2_ino_t ino,
    const struct ext2_inode_large *inode, int dir, const char *name,
    const char *path, struct error *e);

#endif
