/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layout and a tree become a disk: file systems, loaders, and what they
 * are made with.  Nothing is mounted and no device is made.
 */
#ifndef IMAGE_BUILD_DISK_H
#define IMAGE_BUILD_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image-build/layout.h"

struct build;
struct error;
struct spans;
struct strbuf;
struct strlist;

/* ---- disk.c ----------------------------------------------------------------- */

/* Measure the tree for each file system of the layout, and place them. */
int disk_measure(struct build *b, struct error *e);

/*
 * Make the file systems whose size is known only then, and the files of
 * loaders; measure again after it.
 */
int disk_prepare(struct build *b, struct error *e);

/*
 * Write disk number d to path, a new sparse file, but for what spans tells
 * that files of the trees have.
 */
int disk_write(struct build *b, size_t d, const char *path, struct spans *spans,
    struct error *e);

/* Copy that into the file; spans is empty then. */
int disk_fill(int fd, struct spans *spans, struct error *e);

/* ---- fs.c, fs-*.c: file systems ---------------------------------------------- */

struct fs_job {
	const char *tree; /* the folder that becomes the root; NULL: empty */
	const struct strlist *empty; /* folders below it to leave empty */
	const char *below; /* the folder's name if it is not the root; ext4 */
	const char *label;
	const char *options; /* as mkfs would take them */
	uint8_t uuid[16];
	uint8_t seed[16]; /* of the directory hashes */
	int fd; /* the disk */
	struct spans *spans; /* and what is left out of it */
	const char *path; /* the disk, for programs */
	const char *scratch; /* a folder for temporary files */
	uint64_t offset, bytes;
	uint64_t content; /* bytes of what goes in, 0 if not known */
	uint64_t inodes; /* how many there must be, 0 if not known */
	unsigned sector; /* of the disk */
	int64_t epoch; /* clamp times to it, or -1 */
	int64_t now; /* "made at", seconds */
	const char *what; /* for progress and messages */
};

/* What a tree holds, counted as a file system has to. */
struct fs_content {
	uint64_t bytes; /* of data and folders, each inode once, in 4 KiB */
	uint64_t inodes;
};

/*
 * Count a tree: points are the paths below it where file systems begin, ""
 * the first; contents, all zero, has one for each.
 */
int fs_measure(const char *tree, const struct strlist *points,
    struct fs_content *contents, struct error *e);

struct fs_kind {
	const char *name, *summary;
	unsigned label_max; /* 0: it has no label */
	bool upper; /* labels are in upper case */

	/*
	 * Bytes that a file system of this kind needs for the contents.
	 * NULL: they are known once it is made, and make() does that.
	 */
	uint64_t (*least)(const struct fs_content *c, const char *options);

	/* Make it at job->offset of the disk. */
	int (*write)(const struct fs_job *job, struct error *e);

	/* Or make it in a file of its own, as large as it wants to be. */
	int (*make)(
	    const struct fs_job *job, const char *file, struct error *e);
};

extern const struct fs_kind fs_btrfs, fs_erofs, fs_ext4, fs_squashfs, fs_swap,
    fs_vfat, fs_xfs;
const struct fs_kind *fs_find(const char *name); /* or NULL */
void fs_names(struct strbuf *b); /* "ext4, swap" */

/* ---- fs-tools.c: what the file systems made by programs share -------------- */

/*
 * Put a file's data in the job's place on the disk, holes left out.  What
 * stays until the formats are made is not copied but noted in job->spans.
 */
int fs_place(
    const struct fs_job *job, const char *file, bool stays, struct error *e);

/* A new file of zeros, as large as the job, for a mkfs to fill. */
int fs_blank(const struct fs_job *job, const char *file, struct error *e);

/* Run a mkfs; its output is told when it fails. */
int
fs_run(const struct fs_job *job, const struct strlist *argv, struct error *e);

/* "1b4e28ba-2fa1-11d2-883f-0016d3cca427" */
#define UUID_TEXT 37
void fs_uuid(const uint8_t uuid[16], char text[UUID_TEXT]);

/* Whether there is nothing in the tree, or no tree. */
bool fs_is_empty(const struct fs_job *job);

/* Copy the tree to a new folder, those of other file systems left empty. */
int fs_copy_tree(const struct fs_job *job, const char *to, struct error *e);

/* ---- verity.c, lvm.c ------------------------------------------------------------ */

/*
 * Hash a file system that is written (dm-verity, format 1, SHA-256) and
 * write the tree; v->root_hash and both partitions' UUIDs follow from it.
 */
int verity_write(struct layout *l, struct verity *v, int fd, const char *seed,
    struct error *e);

/* Write labels and metadata of the physical volumes on disk d. */
int lvm_write(const struct layout *l, size_t d, int fd, const char *seed,
    int64_t now, struct error *e);

/* ---- boot.c, boot-*.c: loaders ------------------------------------------------ */

struct boot_job {
	const struct settings *settings;
	const struct layout *layout;
	const char *tree;
	size_t disk; /* index of the one to boot from */
	const char *esp; /* the folder that becomes the ESP, or NULL */
	const char *scratch; /* for temporary files */
	const char *id; /* of the image's contents, or NULL */
	int64_t now;
	int fd; /* of the disk; -1 while files are staged */
};

struct boot_kind {
	const char *name, *summary;
	bool (*fits)(const struct boot_job *job);

	/* Put files into job->esp; NULL if it has none. */
	int (*stage)(const struct boot_job *job, struct error *e);

	/* Write sectors outside of file systems; NULL if it has none. */
	int (*write)(const struct boot_job *job, struct error *e);
};

extern const struct boot_kind boot_grub_bios, boot_systemd;

/* Let the loaders that fit put their files into a copy of the ESP. */
int boot_stage(struct build *b, struct error *e);

/* Write what stands outside of file systems; names says which were used. */
int boot_write(
    struct build *b, size_t d, int fd, struct strbuf *names, struct error *e);

#endif
