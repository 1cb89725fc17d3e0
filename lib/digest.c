/* SPDX-License-Identifier: Apache-2.0 */
/* libcrypto's EVP interface behind four functions. */
#include "lib/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* EVP fails only when memory is out or the algorithm is forbidden. */
static void
must(int ok)
{
	if (ok != 1)
		abort();
}

struct digest *
digest_new(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	must(c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL));
	return (struct digest *)c;
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
digest_print(const uint8_t sum[DIGEST_BYTES], char text[DIGEST_TEXT])
{
	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", sum[i]);
}

void
digest_sha1_text(const void *data, size_t n, char text[DIGEST_SHA1_TEXT])
{
	uint8_t sum[20];

	must(EVP_Digest(data, n, sum, NULL, EVP_sha1(), NULL));
	for (int i = 0; i < 20; i++)
		snprintf(text + 2 * i, 3, "%02x", sum[i]);
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
digest_file(int fd, char text[DIGEST_TEXT])
{
	struct digest *d = digest_new();
	uint8_t buf[1 << 14], sum[DIGEST_BYTES];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		digest_add(d, buf, (size_t)n);
	digest_end(d, sum);
	if (n == -1)
		return -1;
	digest_print(sum, text);
	return 0;
}

int
digest_file_sums(int fd, char md5[DIGEST_MD5_TEXT], char sha256[DIGEST_TEXT])
{
	struct digest *d = digest_new();
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	uint8_t buf[1 << 14], sum[DIGEST_BYTES], old[16];
	ssize_t n;

	must(m != NULL && EVP_DigestInit_ex(m, EVP_md5(), NULL));
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		digest_add(d, buf, (size_t)n);
		must(EVP_DigestUpdate(m, buf, (size_t)n));
	}
	digest_end(d, sum);
	must(EVP_DigestFinal_ex(m, old, NULL));
	EVP_MD_CTX_free(m);
	if (n == -1)
		return -1;
	digest_print(sum, sha256);
	for (size_t i = 0; i < sizeof(old); i++)
		snprintf(md5 + 2 * i, 3, "%02x", old[i]);
	return 0;
}
