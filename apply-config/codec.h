/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of the files in the state folder: whole numbers of seven bits a
 * byte, the low ones first, all but the last byte with the high bit set; runs
 * of bytes with their length in front; and at the end a checksum of eight
 * bytes.  A file that was cut off or changed is found out.
 */
#ifndef APPLY_CONFIG_CODEC_H
#define APPLY_CONFIG_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* SipHash-2-4 with a key of 16 bytes, in pieces. */
struct hash {
	uint64_t v[4];
	uint64_t tail; /* bytes that do not fill a word yet */
	uint64_t len;
};

void hash_begin(struct hash *h, const uint8_t key[16]);
void hash_add(struct hash *h, const void *data, size_t n);
uint64_t hash_end(struct hash *h);

/* Of one piece, with a key that everybody knows: it tells damage, no malice. */
uint64_t hash_known(const void *data, size_t n);

void encode_number(struct strbuf *b, uint64_t n);
void encode_bytes(struct strbuf *b, const void *data, size_t n);
void encode_text(struct strbuf *b, const char *s); /* NULL is "" */
void encode_end(struct strbuf *b); /* the checksum */

struct decoder {
	const char *at, *end;
	bool bad; /* something was missing: what follows is 0 or empty */
};

/* Returns false if the checksum is not right. */
bool decode_begin(struct decoder *d, const char *data, size_t n);
uint64_t decode_number(struct decoder *d);

/* Borrowed from the data; never NULL. */
const char *decode_bytes(struct decoder *d, size_t *n);

/* A copy with a NUL; the caller's. */
char *decode_text(struct decoder *d);

#endif
