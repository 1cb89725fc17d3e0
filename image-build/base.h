/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bases: trees that were made elsewhere and begin an image.
 *
 * base-source.c finds the file or folder that the caller names and checks it;
 * builtin-tarball.c, -directory.c, -oci.c and -image.c put what it holds into
 * the target.
 */
#ifndef IMAGE_BUILD_BASE_H
#define IMAGE_BUILD_BASE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/digest.h"

struct build;
struct doc;
struct error;
struct step;
struct strbuf;
struct value;

/* ---- base-source.c --------------------------------------------------------- */

struct base_source {
	char *path; /* of the file here, in the cache if it is fetched */
	char *url; /* where it is fetched from, or NULL */
	char *digest; /* SHA-256 that it must have, in hexadecimal, or NULL */
	char *keyring; /* of who must have signed it, or NULL */
	char *signature; /* path of a detached signature of it, or NULL */
};

/*
 * Find out from the environment what the base is and how it is known to be
 * right.  Lists of digests and signatures are fetched, the base is not.
 */
int base_find(struct build *b, struct base_source *s, struct error *e);

/* Have it here, checked. */
int base_fetch(struct build *b, const struct base_source *s, struct error *e);

/* Put what a base holds into the target; scratch is an empty folder. */
typedef int base_unpacker(struct build *b, const struct base_source *s,
    const char *scratch, struct error *e);

/* A step that finds and fetches a base, and checks the tree it becomes. */
int base_unpack(struct build *b, const struct step *step, base_unpacker *unpack,
    struct error *e);

/* The inputs of a step that unpacks the source: see struct native_step. */
int base_inputs(struct build *b, const struct step *step, struct strbuf *text,
    struct error *e);

/* What a step that unpacks it depends on; may fetch it. */
int base_state(struct build *b, const struct base_source *s,
    struct strbuf *text, struct error *e);

void base_source_clear(struct base_source *s);

/*
 * Write down in the lock, or hold to it, what an element begins with.  digest
 * NULL: the file's SHA-256.
 */
int base_pin(struct build *b, const char *element, const struct base_source *s,
    const char *digest, struct error *e);

/* The digest that a list in the manner of sha256sum has for a name. */
int base_digest_of(const char *list, const char *name, char digest[DIGEST_TEXT],
    struct error *e);

/* ---- base.c ---------------------------------------------------------------- */

/* A variable of the phase, NULL where it is not set or empty. */
const char *base_variable(const struct build *b, const char *name);

/* The target's root, opened. */
int base_open_tree(const struct build *b, struct error *e);

/*
 * Whether the folders that the build writes to by name are where their names
 * say: a base with a symlink to the host's /etc is refused.
 */
int base_check(const struct build *b, struct error *e);

/*
 * Whether device nodes can be made in the target; where not, says once that a
 * base's are left out.
 */
bool base_has_devices(int tree);

/* A folder on disk in the build's scratch folder; the caller's. */
char *base_scratch(const struct build *b, const char *name, struct error *e);

/* ---- base-oci.c: which layers, from documents that are foreign -------------- */

struct oci_blob {
	char digest[DIGEST_TEXT];
	uint64_t size;
};

struct oci_image {
	struct oci_blob manifest, config;
	struct oci_blob *layers;
	size_t nlayers;
};

/* Reads a blob of a layout whole, at most max bytes, and checks it. */
typedef int oci_read(void *ctx, const struct oci_blob *blob, size_t max,
    struct strbuf *text, struct error *e);

/*
 * From the text of index.json to the image of an architecture (in Debian's
 * words); ref is the name wanted, or NULL.
 */
int oci_choose(const char *index, size_t len, const char *arch, const char *ref,
    oci_read *read, void *ctx, struct oci_image *image, struct error *e);
void oci_image_clear(struct oci_image *image);

/* ---- builtin-image.c: a whole disk ------------------------------------------- */

/*
 * Copy the system on a disk image (raw or qcow2, compressed or not) into the
 * folder to, and what its fstab mounts from the same disk.  Other
 * file systems than ext4 are mounted for it.  scratch is an empty folder.
 */
int image_read(const char *path, const char *arch, const char *scratch, int to,
    struct error *e);

#endif
