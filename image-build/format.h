/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is delivered: the finished disk in the formats asked for, and
 * archives of the tree, with their digests.
 */
#ifndef IMAGE_BUILD_FORMAT_H
#define IMAGE_BUILD_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

struct build;
struct checksum;
struct error;
struct file_writer;
struct settings;
struct spans;
struct strbuf;
struct strlist;

/* ---- format.c, format-*.c ------------------------------------------------- */

struct format_job {
	const struct settings *settings;
	const char *raw; /* the finished disk; NULL for archives */
	const struct spans *spans; /* and what is left out of it */
	const char *tree; /* what went in */
	const char *scratch; /* a folder for temporary files */
	const char *output; /* path to deliver, replaced atomically */
	const char *seed; /* identifiers are made from it */
	int64_t now; /* "made at", seconds */

	/*
	 * Who knows all bytes of the output in their order makes its digests
	 * too, if this is set; with MD5 if that is wanted.
	 */
	struct checksum *sum;
	bool md5;
};

struct format_kind {
	const char *name, *summary;
	const char *ending; /* of the file's name; NULL: the name */
	bool archive; /* made of the tree, needs no disk */

	/*
	 * Whether it reads the disk's file itself, which has to have
	 * everything in it then.  NULL: it never does.
	 */
	bool (*by_file)(const struct settings *s);
	int (*write)(const struct format_job *job, struct error *e);
};

extern const struct format_kind format_bosh, format_docker, format_erofs,
    format_gce, format_oci, format_qcow2, format_raw, format_squashfs,
    format_tar, format_tar_zst, format_tgz, format_vdi, format_vhd, format_vhdx,
    format_vmdk;
const struct format_kind *format_find(const char *name); /* or NULL */
void format_names(struct strbuf *b); /* "qcow2, raw" */
const char *format_ending(const struct format_kind *kind);

/* Bytes of the disk. */
int format_disk_bytes(
    const struct format_job *job, uint64_t *bytes, struct error *e);

/*
 * Copy the disk to a new file of so many bytes, at least as many; holes stay
 * holes.  sum receives the digests of the disk's own bytes; NULL: none.
 */
int format_copy(const struct format_job *job, struct file_writer *w,
    uint64_t bytes, struct checksum *sum, struct error *e);

bool format_always(const struct settings *s); /* true */

/* By qemu-img, with its options. */
int format_qemu(const struct format_job *job, const char *type,
    const char *options, struct error *e);

/* ---- deliver.c -------------------------------------------------------------- */

/* Make every format asked for of the tree; their paths go to products. */
int deliver(struct build *b, struct strlist *products, struct error *e);

#endif
