/* SPDX-License-Identifier: Apache-2.0 */
/* libcrypto's Ed25519. */
#include "lib/signature.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/own.h"

static void
own_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void
own_context(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

/* A key with a passphrase is one that nobody is there to unlock. */
static int
no_passphrase(char *to, int n, int writing, void *ctx)
{
	(void)to;
	(void)n;
	(void)writing;
	(void)ctx;
	return -1;
}

static EVP_PKEY *
load(const char *path, bool public, struct error *e)
{
	own_file FILE *f = fopen(path, "re");
	EVP_PKEY *key = NULL;

	if (f == NULL) {
		error_errno(e, "%s", path);
		return NULL;
	}
	if (public) {
		key = PEM_read_PUBKEY(f, NULL, no_passphrase, NULL);
		rewind(f);
	}
	if (key == NULL)
		key = PEM_read_PrivateKey(f, NULL, no_passphrase, NULL);
	if (key != NULL && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519)
		return key;
	EVP_PKEY_free(key);
	error_set(e, EINVAL, "%s: no %s key for Ed25519 in a PEM file", path,
	    public ? "public" : "private");
	return NULL;
}

int
signature_make(const char *path, const void *data, size_t n,
    uint8_t out[SIGNATURE_BYTES], struct error *e)
{
	__attribute__((cleanup(own_key))) EVP_PKEY *key = load(path, false, e);
	__attribute__((cleanup(own_context))) EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t len = SIGNATURE_BYTES;

	if (key == NULL)
		return -1;
	if (c == NULL || EVP_DigestSignInit(c, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(c, out, &len, data, n) != 1)
		return error_set(e, EIO, "%s: cannot sign with it", path);
	return 0;
}

int
signature_check(const char *path, const void *data, size_t n,
    const uint8_t signature[SIGNATURE_BYTES], struct error *e)
{
	__attribute__((cleanup(own_key))) EVP_PKEY *key = load(path, true, e);
	__attribute__((cleanup(own_context))) EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (key == NULL)
		return -1;
	if (c == NULL || EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestVerify(c, signature, SIGNATURE_BYTES, data, n) != 1)
		return error_set(e, EBADMSG,
		    "the signature was not made with the key of %s", path);
	return 0;
}
