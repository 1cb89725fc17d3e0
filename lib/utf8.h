/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 by hand: RFC 3629, with one addition.  Lone surrogates, which JSON
 * escapes can make, are encoded in three bytes; utf8_length refuses them in
 * foreign text, utf8_decode reads back what utf8_encode wrote.
 */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* Bytes of the well-formed character at s (n bytes are there), or 0. */
size_t utf8_length(const char *s, size_t n);

/* Decode what is known to be well formed, or 0xFFFD and 1 byte. */
size_t utf8_decode(const char *s, size_t n, uint32_t *code);

/* Write 1 to 4 bytes; returns how many.  code is at most 0x10FFFF. */
size_t utf8_encode(uint32_t code, char *to);

/* Append s to b with U+FFFD for each byte that is not part of a character. */
void utf8_clean(struct strbuf *b, const char *s, size_t n);

/* Whether all n bytes are well-formed UTF-8. */
bool utf8_valid(const char *s, size_t n);

#endif
