/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small pieces compressed alone, one after the other, as disk formats have
 * them; zstd beside lib/patch.c, deflate beside lib/gzip.c.
 */
#ifndef LIB_COMPRESS_H
#define LIB_COMPRESS_H

#include <stddef.h>

#include "lib/own.h"

enum compress_kind {
	COMPRESS_DEFLATE, /* RFC 1951 */
	COMPRESS_ZSTD, /* RFC 8878 */
};

struct compressor; /* for one thread at a time */

struct compressor *compressor_new(enum compress_kind kind);
void compressor_free(struct compressor *c);
OWN_POINTER(compressor)

/* Returns the compressed size; 0 if it would not be below room bytes. */
size_t compressor_run(
    struct compressor *c, const void *from, size_t n, void *to, size_t room);

/* The way back: 0 if from is what n bytes were compressed to, else -1. */
int compressor_undo(
    enum compress_kind kind, const void *from, size_t len, void *to, size_t n);

#endif
