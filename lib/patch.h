/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some bytes told as what is new in them against other bytes that both sides
 * have: a zstd frame (RFC 8878) with the old bytes as its prefix, as
 * "zstd --patch-from" makes it.  It ends with a checksum.
 */
#ifndef LIB_PATCH_H
#define LIB_PATCH_H

#include <stddef.h>

#include "lib/own.h"

struct strbuf;

struct patcher; /* for one thread at a time */

struct patcher *patcher_new(void);
void patcher_free(struct patcher *p);
OWN_POINTER(patcher)

/* Add the patch that makes n bytes of old_len others to b; none will do. */
void patch_make(struct patcher *p, const void *old, size_t old_len,
    const void *data, size_t n, struct strbuf *b);

/* The way back: 0 if the patch makes exactly n bytes, else -1. */
int patch_undo(struct patcher *p, const void *old, size_t old_len,
    const void *patch, size_t len, void *to, size_t n);

#endif
