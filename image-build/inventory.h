/* SPDX-License-Identifier: Apache-2.0 */
/* What went into an image, told to people's tools, and checked again. */
#ifndef IMAGE_BUILD_INVENTORY_H
#define IMAGE_BUILD_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image-build/pass.h"
#include "lib/digest.h"

struct build;
struct doc;
struct error;
struct strbuf;
struct strlist;
struct value;

/* ---- installed.c: the packages of a tree --------------------------------- */

struct installed {
	char *name, *version, *arch, *source, *maintainer, *homepage;
};

struct installed_list {
	struct installed *items; /* sorted by name and architecture */
	size_t len, cap;
};

/* From dpkg's status file; a tree without one has no packages. */
int
installed_load(const char *tree, struct installed_list *list, struct error *e);

/* Before, same, after: by name, then architecture. */
int installed_order(const struct installed *a, const struct installed *b);
void installed_clear(struct installed_list *list);

/* ---- checksum.c: digests of what was delivered ----------------------------- */

struct checksum {
	uint64_t bytes;
	uint8_t md5[DIGEST_BYTES], sha256[DIGEST_BYTES];
	bool known, has_md5;
};

/* In the making, as one consumer of a pass over the file. */
struct checksum_run {
	struct digest *md5, *sha256; /* md5 NULL: not wanted */
	uint64_t bytes;
	const struct pass_batch *batch; /* the one in hand */
};

struct pass_consumer checksum_begin(struct checksum_run *r, bool md5);
void checksum_end(struct checksum_run *r, struct checksum *sum);

/* Of a file that is there. */
int checksum_file(
    const char *path, bool md5, struct checksum *sum, struct error *e);

/* Whether a kind ("md5") is wanted: DIB_CHECKSUM names some, or is 1 for all. */
bool checksum_wanted(const char *name);

/* PATH.md5 and PATH.sha256, as the caller chose. */
int
checksum_write(const char *path, const struct checksum *sum, struct error *e);

/* ---- sbom.c, provenance.c: documents as trees --------------------------------- */

struct value *sbom_spdx(struct doc *d, const struct build *b,
    const struct installed_list *packages);
struct value *sbom_cyclonedx(struct doc *d, const struct build *b,
    const struct installed_list *packages);

/* An in-toto statement with SLSA's provenance, version 1. */
struct value *
provenance(struct doc *d, const struct build *b, const struct strlist *products,
    const struct checksum *sums, struct error *e);

/* "2026-01-02T03:04:05Z" */
struct value *inventory_time(struct doc *d, const struct build *b);

/* ---- contents.c -------------------------------------------------------------- */

/* What the image holds, in b->contents and of a build inside the tree. */
int contents_make(struct build *b, struct error *e);

/* The same as NAME.contents. */
int contents_put_beside(const struct build *b, struct error *e);

/* ---- manifest.c ------------------------------------------------------------- */

/* All documents beside the image, and the manifest that lists all files. */
int manifest_write(const struct build *b, const struct strlist *products,
    const struct checksum *sums, struct error *e);

/* ---- sign.c: a file and its signature, FILE.sig ------------------------------- */

/* With an Ed25519 key in PEM, or one of OpenSSH's by ssh-keygen. */
/* Whether a key, private or public, is one of OpenSSH's. */
int sign_is_openssh(const char *key, bool *is, struct error *e);

int sign_file(const char *path, const char *key, struct error *e);
int sign_check(const char *path, const char *key, struct error *e);

#endif
