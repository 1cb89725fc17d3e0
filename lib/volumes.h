/* SPDX-License-Identifier: Apache-2.0 */
/* What is on a disk that others made: its partitions, and what each holds. */
#ifndef LIB_VOLUMES_H
#define LIB_VOLUMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk_source;
struct error;

enum volume_kind {
	VOLUME_UNKNOWN,
	VOLUME_EXT, /* ext2, ext3, ext4 */
	VOLUME_XFS,
	VOLUME_BTRFS,
	VOLUME_SQUASHFS,
	VOLUME_EROFS,
	VOLUME_VFAT,
	VOLUME_SWAP,
	VOLUME_LVM,
	VOLUME_LUKS,
};

struct disk_volume {
	unsigned number; /* of the partition; 0: the whole disk */
	uint64_t offset, bytes;
	enum volume_kind kind;
	bool is_root; /* its type says so */
	bool taken; /* it was copied */
	char label[257], uuid[37]; /* of the file system */
	char part_label[37], part_uuid[37];
};

struct volumes {
	struct disk_volume *items;
	size_t len, cap;
};

/*
 * The partitions of a disk, or the file system that is all of it.  arch is
 * the architecture, in Debian's words, whose root is looked for; NULL: any.
 */
int volumes_read(const struct disk_source *d, const char *arch,
    struct volumes *v, struct error *e);
const char *volume_kind_name(enum volume_kind kind);

/* The one with the system, or NULL: it cannot be told. */
struct disk_volume *volumes_root(const struct volumes *v);

/* What a line of fstab calls by this name, or NULL. */
struct disk_volume *volumes_named(const struct volumes *v, const char *name);
void volumes_clear(struct volumes *v);

#endif
