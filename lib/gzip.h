/* SPDX-License-Identifier: Apache-2.0 */
/* gzip (RFC 1952) in memory; the only user of zlib. */
#ifndef LIB_GZIP_H
#define LIB_GZIP_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct strbuf;

/* Whether these bytes begin as gzip does. */
bool gzip_probe(const void *data, size_t n);

/*
 * Add what n bytes of gzip hold to b, at most max bytes.  Several members
 * one after the other are one text.
 */
int gzip_inflate(
    const void *data, size_t n, size_t max, struct strbuf *b, struct error *e);

#endif
