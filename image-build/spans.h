/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk before it is written out: a sparse file with all but the contents
 * of files, and spans, which tell what files the rest is read from.  Who
 * wants the disk reads both, in the order of the disk (pass.h), so that
 * nothing is copied before it is known where to.
 */
#ifndef IMAGE_BUILD_SPANS_H
#define IMAGE_BUILD_SPANS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/strbuf.h"

struct error;

#define SPAN_BLOCK 4096 /* spans take whole ones: zeros follow the bytes */

struct span {
	uint64_t at, bytes; /* on the disk */
	uint64_t from; /* where they begin in the file */
	size_t path; /* the file's, in paths */
};

struct spans {
	struct span *items; /* none overlaps another */
	size_t len, cap;
	struct strbuf paths; /* each with its NUL */
};

/* Bytes of the disk that are those of a file.  The path is copied. */
void spans_add(struct spans *s, const char *path, uint64_t from, uint64_t at,
    uint64_t bytes);

/* Bring them in the disk's order, which the functions below rely on. */
void spans_sort(struct spans *s);

/* Number of the first one that ends behind a place; len if none does. */
size_t spans_find(const struct spans *s, uint64_t at);

/* Where a span ends on the disk. */
uint64_t span_end(const struct span *x);

/*
 * Read n bytes of the disk, data from spans and all else from its file disk.
 * A file that became shorter is an error.
 */
int spans_read(const struct spans *s, int disk, uint8_t *to, uint64_t at,
    size_t n, struct error *e);

void spans_clear(struct spans *s);

#endif
