/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ed25519 signatures (RFC 8032) with keys in PEM files (RFC 8410), as
 * "openssl genpkey -algorithm ed25519" makes them.
 */
#ifndef LIB_SIGNATURE_H
#define LIB_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

struct error;

#define SIGNATURE_BYTES 64

/* Sign n bytes with the private key in a file. */
int signature_make(const char *key, const void *data, size_t n,
    uint8_t out[SIGNATURE_BYTES], struct error *e);

/*
 * Check with the public key in a file; the private one will do, too.  Any
 * other signature is an error with the code EBADMSG.
 */
int signature_check(const char *key, const void *data, size_t n,
    const uint8_t signature[SIGNATURE_BYTES], struct error *e);

#endif
