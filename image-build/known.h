/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests of files that an earlier build has read: those of a layer in the
 * store are the same file, by number, size and times, until somebody writes
 * to it.  The change time cannot be set, and one that is only a moment old
 * is not relied on.
 */
#ifndef IMAGE_BUILD_KNOWN_H
#define IMAGE_BUILD_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/digest.h"

struct build;
struct contents;
struct error;

struct known_file {
	uint64_t inode, bytes;
	int64_t modified, changed; /* nanoseconds since 1970 */
	uint8_t sum[DIGEST_BYTES];
};

struct known {
	struct known_file *old; /* by inode */
	size_t nold, old_cap;
	struct known_file
	    *now; /* as they are asked for; inode 0: not to keep */
	size_t n, cap;
	dev_t device;
	int64_t recent; /* what changed since then is not kept */
};

/* What was remembered for images of this name.  tree is open on the target. */
int
known_load(const struct build *b, int tree, struct known *k, struct error *e);

/* For contents_scan: a struct known. */
bool known_find(void *ctx, const struct stat *st, uint8_t sum[DIGEST_BYTES]);

/* Remember what the scan found; c has a file for each that was asked for. */
int known_save(const struct build *b, struct known *k, const struct contents *c,
    struct error *e);
void known_clear(struct known *k);

#endif
