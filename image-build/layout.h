/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block-device description as data: disks, partitions, volumes, file
 * systems, and how they are measured and placed.  No effects.
 *
 * layout-parse.c makes it of diskimage-builder's YAML, layout.c computes
 * sizes and places, layout-lvm.c those of volume groups, layout-print.c
 * tells it to people and to /etc/fstab.
 */
#ifndef IMAGE_BUILD_LAYOUT_H
#define IMAGE_BUILD_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/strlist.h"

struct disk;
struct error;
struct strbuf;
struct value;

/* ---- table-*.c: partition tables ---------------------------------------- */

struct table_kind {
	const char *name, *summary;
	const char *type; /* of a partition that names none */
	uint64_t grain; /* a percentage is a multiple of it, in bytes */

	/* Look at types, flags and counts; give the partitions numbers. */
	int (*check)(struct disk *disk, struct error *e);

	/* Where the first partition may begin. */
	uint64_t (*first)(const struct disk *disk);

	/* Bytes kept free before partition i, beyond its alignment. */
	uint64_t (*lead)(const struct disk *disk, size_t i);

	/* Bytes kept free at the disk's end when partition i is placed. */
	uint64_t (*tail)(const struct disk *disk, size_t i);

	/* Write the table to fd, a disk of the computed size. */
	int (*write)(
	    const struct disk *disk, int fd, const char *seed, struct error *e);
};

extern const struct table_kind table_gpt, table_mbr;
const struct table_kind *table_find(const char *name); /* or NULL */

/* ---- the description ------------------------------------------------------ */

struct partition {
	char *name;
	char *type; /* as given: "8300", "EF02", "0x83", a GUID */
	bool boot, primary;
	double percent; /* of what is left, or 0 */
	bool fit; /* as large as what goes in wants */
	char *as; /* ... into the partition of this name, or NULL: into it */
	uint64_t asked; /* bytes, if neither of those */
	uint64_t minimum; /* bytes; what a percentage is never below */
	unsigned number; /* in the table, from 1; logical ones from 5 */
	uint8_t uuid[16]; /* made from the seed, or from a root hash */
	uint64_t start, bytes; /* computed */
};

struct disk {
	char *name;
	uint64_t asked; /* bytes, or 0: what fits */
	uint64_t bytes; /* computed */
	unsigned sector;
	const struct table_kind *table; /* NULL: none, it holds one thing */
	uint64_t align;
	struct partition *partitions;
	size_t npartitions;
};

/* A part of a disk: one partition, or the whole of it (partition -1). */
struct place {
	size_t disk;
	ssize_t partition;
};

struct physical_volume {
	char *name, *base;
	struct place at;
};

struct volume_group {
	char *name;
	struct strlist pvs;
};

enum volume_unit {
	VOLUME_BYTES,
	VOLUME_EXTENTS,
	VOLUME_PERCENT_GROUP,
	VOLUME_PERCENT_FREE,
};

struct volume {
	char *name, *group;
	enum volume_unit unit;
	double asked; /* in that unit */
	size_t pv; /* computed: index of the physical volume that holds it */
	uint64_t first, extents; /* computed: within the physical volume */
};

struct filesystem {
	char *name; /* of the mkfs node */
	char *base; /* of the partition, volume or disk that holds it */
	char *type, *label, *options;
	uint8_t uuid[16];
	char *mount_point; /* or NULL */
	char *mount_options;
	unsigned dump, pass;
	bool in_fstab;
	struct place at;
	ssize_t volume; /* index, or -1 for none */
	uint64_t content; /* bytes that it must have, when it is measured */
	uint64_t used, inodes; /* of what goes in */
	char *tree; /* the folder that goes in, if not the mount point's */
	char *made; /* a file that holds it already, or NULL */
	uint64_t start, bytes; /* computed, from the disk's beginning */
};

/* A partition with the hash tree (dm-verity) of another one's file system. */
struct verity {
	char *name, *base; /* of the partition that holds the hashes */
	char *data; /* name of the file system that they are of */
	struct place at;
	size_t filesystem; /* index */
	char root_hash[65]; /* once it is written */
};

struct layout {
	struct disk *disks;
	size_t ndisks;
	struct filesystem *filesystems;
	size_t nfilesystems; /* sorted by mount point in byte order */
	struct physical_volume *pvs;
	size_t npvs;
	struct volume_group *groups;
	size_t ngroups;
	struct volume *volumes;
	size_t nvolumes;
	struct verity *verities;
	size_t nverities;
};

struct layout_defaults {
	const char *root_type, *root_label; /* for mkfs_root */
	const char *options; /* ... if it is ext4, or NULL */
	const char *other_options; /* ... if it is not, or NULL */
	const char *seed; /* UUIDs are made from it and the node's name */
	unsigned sector; /* DIB_BLOCK_SIZE, or 0 */
};

/* Make a layout of the YAML tree; source names it in messages. */
int layout_parse(struct layout *l, const struct value *yaml, const char *source,
    const struct layout_defaults *d, struct error *e);

/*
 * Compute sizes and places.  total is the size asked for image0 in bytes, 0
 * for what fits; each file system's content says what goes into it.
 */
int layout_compute(struct layout *l, uint64_t total, struct error *e);

/* "12 GiB", "1.5T" and so on to bytes, as the element contract has sizes. */
int layout_size(const char *text, uint64_t *bytes, struct error *e);

/* The file system that is mounted at "/", or NULL. */
const struct filesystem *layout_root(const struct layout *l);

/* By name, or NULL. */
struct disk *layout_disk(const struct layout *l, const char *name);

/* The hash tree's size for so many bytes of data, its superblock included. */
uint64_t layout_verity_bytes(uint64_t data);

/* The text of /etc/fstab. */
void layout_fstab(const struct layout *l, struct strbuf *b);

/*
 * The devices as scripts would see them: "[image0]=/dev/... [root]=...".
 * device is image0's.
 */
void
layout_devices(const struct layout *l, const char *device, struct strbuf *b);

/* Lines for people: the plan. */
void layout_print(const struct layout *l, struct strbuf *b);
void layout_clear(struct layout *l);

/* ---- layout-lvm.c --------------------------------------------------------- */

#define LVM_EXTENT ((uint64_t)4 << 20)
#define LVM_DATA ((uint64_t)1 << 20) /* where a physical volume's data begin */

/* The node's map to physical volumes, groups and volumes; names are added. */
int lvm_parse(struct layout *l, const struct value *v, struct strlist *names,
    struct error *e);

/* What the file systems in its group want of a physical volume, in bytes. */
uint64_t lvm_wanted(const struct layout *l, const struct physical_volume *pv);

/* Give each volume its extents, once the partitions are placed. */
int lvm_place(struct layout *l, struct error *e);

/* Where a volume's data begin on its disk, and its size. */
void lvm_volume(const struct layout *l, const struct volume *v, size_t *disk,
    uint64_t *start, uint64_t *bytes);

#endif
