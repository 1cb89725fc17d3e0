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
struct strbuf;
struct strlist;

/* ---- format.c, format-*.c ------------------------------------------------- */

struct format_job {
	const struct settings *settings;
	const char *raw; /* the finished raw disk; NULL for archives */
	const char *tree; /* what went in */
	const char *scratch; /* a folder for temporary files */
	const char *output; /* path to deliver, replaced atomically */
	const char *seed; /* identifiers are made from it */
	int64_t now; /* "made at", seconds */

	/*
	 * Who reads all of the raw disk in order makes its digests too, if
	 * this is set; with MD5 if that is wanted.
	 */
	struct checksum *raw_sum;
	bool md5;
};

struct format_kind {
	const char *name, *summary;
	const char *ending; /* of the file's name; NULL: the name */
	bool archive; /* made of the tree, needs no disk */
	int (*write)(const struct format_job *job, struct error *e);
};

extern const struct format_kind format_bosh, format_docker, format_erofs,
    format_gce, format_oci, format_qcow2, format_raw, format_squashfs,
    format_tar, format_tar_zst, format_tgz, format_vdi, format_vhd, format_vhdx,
    format_vmdk;
const struct format_kind *format_find(const char *name); /* or NULL */
void format_names(struct strbuf *b); /* "qcow2, raw" */
const char *format_ending(const struct format_kind *kind);

/* Copy a file's data to a new one of so many bytes; holes stay holes. */
int
format_copy(int from, struct file_writer *w, uint64_t bytes, struct error *e);

/* By qemu-img, with its options. */
int format_qemu(const struct format_job *job, const char *type,
    const char *options, struct error *e);

/* ---- deliver.c -------------------------------------------------------------- */

/* Make every format asked for of the tree; their paths go to products. */
int deliver(struct build *b, struct strlist *products, struct error *e);

#endif
