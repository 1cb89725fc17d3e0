/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4) and its HMAC (RFC 2104), older digests for protocols
 * and formats that want them; the only user of libcrypto.
 */
#ifndef LIB_DIGEST_H
#define LIB_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define DIGEST_BYTES 32
#define DIGEST_TEXT 65 /* hexadecimal, with its NUL */

struct digest; /* a digest being computed */

enum digest_kind {
	DIGEST_SHA256,
	DIGEST_SHA1, /* 20 bytes */
	DIGEST_MD5, /* 16 bytes */
};

struct digest *digest_new(void); /* of SHA-256 */
struct digest *digest_open(enum digest_kind kind);
void digest_add(struct digest *d, const void *data, size_t n);
void digest_end(struct digest *d, uint8_t out[DIGEST_BYTES]); /* frees d */
void digest_next(struct digest *d, uint8_t out[DIGEST_BYTES]); /* begins anew */
size_t digest_size(enum digest_kind kind); /* in bytes */

/* All in one, for n bytes. */
void digest_buffer(const void *data, size_t n, uint8_t out[DIGEST_BYTES]);

/* The same, in lower-case hexadecimal. */
void digest_text(const void *data, size_t n, char text[DIGEST_TEXT]);

/*
 * Of a file from where it stands to its end, *bytes of them unless that is
 * NULL; -1 with errno.
 */
int digest_file(int fd, char text[DIGEST_TEXT], uint64_t *bytes);

/* HMAC-SHA-256 of n bytes. */
void digest_hmac(const void *key, size_t key_len, const void *data, size_t n,
    uint8_t out[DIGEST_BYTES]);

/* SHA-1 (FIPS 180-4), for protocols that are old enough to want it. */
#define DIGEST_SHA1_BYTES 20
void digest_sha1(const void *data, size_t n, uint8_t out[DIGEST_SHA1_BYTES]);

/* Lower-case hexadecimal; of the first n bytes 2 n + 1 characters. */
void digest_print(const uint8_t sum[DIGEST_BYTES], char text[DIGEST_TEXT]);
void digest_printn(const uint8_t *sum, size_t n, char *text);

/* Read it back; the n characters may be upper-case, and must be all of it. */
bool digest_parse(const char *text, size_t n, uint8_t sum[DIGEST_BYTES]);

#define DIGEST_SHA1_TEXT 41

/* SHA-1, only for names that others made with it, in hexadecimal. */
void digest_sha1_text(const void *data, size_t n, char text[DIGEST_SHA1_TEXT]);

/*
 * A UUID made from a seed and a name: the same every time, RFC 9562's
 * version 8.  In network byte order.
 */
void digest_uuid(const char *seed, const char *name, uint8_t uuid[16]);

#endif
