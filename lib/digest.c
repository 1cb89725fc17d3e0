/* SPDX-License-Identifier: Apache-2.0 */
/* libcrypto's EVP interface behind four functions. */
#include "lib/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bytes.h"

/* EVP fails only when memory is out or the algorithm is forbidden. */
static void
must(int ok)
{
	if (ok != 1)
		abort();
}

static const EVP_MD *
method(enum digest_kind kind)
{
	switch (kind) {
	case DIGEST_SHA1:
		return EVP_sha1();
	case DIGEST_MD5:
		return EVP_md5();
	default:
		return EVP_sha256();
	}
}

struct digest *
digest_open(enum digest_kind kind)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	must(c != NULL && EVP_DigestInit_ex(c, method(kind), NULL));
	return (struct digest *)c;
}

struct digest *
digest_new(void)
{
	return digest_open(DIGEST_SHA256);
}

size_t
digest_size(enum digest_kind kind)
{
	return (size_t)EVP_MD_get_size(method(kind));
}

void
digest_add(struct digest *d, const void *data, size_t n)
{
	must(EVP_DigestUpdate((EVP_MD_CTX *)d, data, n));
}

void
digest_end(struct digest *d, uint8_t out[DIGEST_BYTES])
{
	must(EVP_DigestFinal_ex((EVP_MD_CTX *)d, out, NULL));
	EVP_MD_CTX_free((EVP_MD_CTX *)d);
}

void
digest_next(struct digest *d, uint8_t out[DIGEST_BYTES])
{
	must(EVP_DigestFinal_ex((EVP_MD_CTX *)d, out, NULL));
	must(EVP_DigestInit_ex((EVP_MD_CTX *)d, NULL, NULL));
}

void
digest_buffer(const void *data, size_t n, uint8_t out[DIGEST_BYTES])
{
	struct digest *d = digest_new();

	digest_add(d, data, n);
	digest_end(d, out);
}

void
digest_hmac(const void *key, size_t key_len, const void *data, size_t n,
    uint8_t out[DIGEST_BYTES])
{
	unsigned len = DIGEST_BYTES;

	must(HMAC(EVP_sha256(), key_len > 0 ? key : "", (int)key_len, data, n,
		 out, &len) != NULL);
}

void
digest_sha1(const void *data, size_t n, uint8_t out[DIGEST_SHA1_BYTES])
{
	must(EVP_Digest(data, n, out, NULL, EVP_sha1(), NULL));
}

void
digest_printn(const uint8_t *sum, size_t n, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n && i < DIGEST_BYTES; i++) {
		*text++ = digits[sum[i] >> 4];
		*text++ = digits[sum[i] & 15];
	}
	*text = '\0';
}

void
digest_print(const uint8_t sum[DIGEST_BYTES], char text[DIGEST_TEXT])
{
	digest_printn(sum, DIGEST_BYTES, text);
}

bool
digest_parse(const char *text, size_t n, uint8_t sum[DIGEST_BYTES])
{
	if (n != 2 * DIGEST_BYTES)
		return false;
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);

		if (high == -1 || low == -1)
			return false;
		sum[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void
digest_sha1_text(const void *data, size_t n, char text[DIGEST_SHA1_TEXT])
{
	uint8_t sum[DIGEST_BYTES];

	digest_sha1(data, n, sum);
	digest_printn(sum, DIGEST_SHA1_BYTES, text);
}

void
digest_uuid(const char *seed, const char *name, uint8_t uuid[16])
{
	struct digest *d = digest_new();
	uint8_t sum[DIGEST_BYTES];

	digest_add(d, seed, strlen(seed) + 1);
	digest_add(d, name, strlen(name));
	digest_end(d, sum);
	memcpy(uuid, sum, 16);
	uuid[6] = (uuid[6] & 0x0f) | 0x80;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

void
digest_text(const void *data, size_t n, char text[DIGEST_TEXT])
{
	uint8_t sum[DIGEST_BYTES];

	digest_buffer(data, n, sum);
	digest_print(sum, text);
}

int
digest_file(int fd, char text[DIGEST_TEXT], uint64_t *bytes)
{
	struct digest *d = digest_new();
	uint8_t buf[1 << 14], sum[DIGEST_BYTES];
	uint64_t all = 0;
	ssize_t n;

	for (; (n = read(fd, buf, sizeof(buf))) > 0; all += (uint64_t)n)
		digest_add(d, buf, (size_t)n);
	digest_end(d, sum);
	if (bytes != NULL)
		*bytes = all;
	if (n == -1)
		return -1;
	digest_print(sum, text);
	return 0;
}
