/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as text: base64 (RFC 4648) and percent-encoding (RFC 3986). */
#ifndef LIB_ENCODE_H
#define LIB_ENCODE_H

#include <stddef.h>

struct error;
struct strbuf;

/* Add n bytes as base64 with padding. */
void base64_encode(const void *data, size_t n, struct strbuf *b);

/*
 * Add what n characters of base64 stand for.  Blanks and line ends between
 * them are passed over and padding may be missing, as mail and people have
 * it; anything else is an error, and b is then as it was.
 */
int base64_decode(const char *s, size_t n, struct strbuf *b, struct error *e);

/* Add s with all but letters, digits and -_.~ as %XX; keep stays too. */
void percent_encode(const char *s, const char *keep, struct strbuf *b);

#endif
