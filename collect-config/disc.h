/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small discs by which a platform hands data to a machine: ISO 9660 (ECMA
 * 119, with Rock Ridge and Joliet names) and FAT, found by volume label and
 * read without mounting them.
 */
#ifndef COLLECT_CONFIG_DISC_H
#define COLLECT_CONFIG_DISC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct error;
struct strbuf;
struct strlist;

#define DISC_LABEL 129 /* longest label and its NUL, in UTF-8 */

struct disc_format; /* how to read one kind of file system */

struct disc {
	int fd; /* -1: none */
	const struct disc_format *format;
	char label[DISC_LABEL];
	char *name; /* of the device, "sr0" */
};

struct disc_format {
	const char *name;
	/* Whether fd holds this format, and under which label. */
	bool (*probe)(int fd, char label[DISC_LABEL]);
	/* Add a file to b; ENOENT if there is none of that path. */
	int (*read)(int fd, const char *path, size_t max, struct strbuf *b,
	    struct error *e);
};

extern const struct disc_format disc_iso;
extern const struct disc_format disc_fat;

/*
 * Look on all block devices for a disc labelled label, without regard to
 * case.  Returns whether there is one; it is then open.
 */
bool disc_find(const struct config *c, const char *label, struct disc *disc);

/* Likewise one that has a file at path, which is read into b. */
bool disc_find_file(const struct config *c, const char *path, struct disc *disc,
    struct strbuf *b);

/* Add "LABEL=device" of each disc that there is to l. */
void disc_list(const struct config *c, struct strlist *l);

/* Say what fd (kept, not owned) holds.  Returns false if it is no disc. */
bool disc_probe(int fd, struct disc *disc);

/*
 * Add the file at path ("a/b") to b.  Errors: ENOENT when there is none, EFBIG
 * beyond max bytes, EIO or EPROTO for a damaged disc.
 */
int disc_read(const struct disc *disc, const char *path, size_t max,
    struct strbuf *b, struct error *e);

/* For the formats: n bytes at the offset at, or false. */
bool disc_pread(int fd, void *to, size_t n, uint64_t at);

void disc_close(struct disc *disc);

#endif
