/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ext2, ext3 or ext4 file system read without a mount, by libext2fs.  Only
 * programs that use this are linked with it.
 */
#ifndef LIB_EXT4_H
#define LIB_EXT4_H

#include <stdbool.h>
#include <stdint.h>

struct disk_source;
struct error;

struct ext4_source {
	const struct disk_source *disk;
	const char *name; /* of the disk, for messages */
	uint64_t offset; /* where in it the file system begins */
	bool devices; /* device nodes are wanted, too */
	/*
	 * Whether a path's bytes are wanted: then nothing but the folders and
	 * these files is made, without owners, times, attributes and links.
	 * NULL: all is.
	 */
	bool (*wants)(void *ctx, const char *path);
	void *ctx;
};

/*
 * Copy it into the folder to, with all attributes.  lost+found stays behind,
 * and so do device nodes unless they are wanted.
 */
int ext4_read(const struct ext4_source *from, int to, struct error *e);

#endif
