/* SPDX-License-Identifier: Apache-2.0 */
/* The first example of RFC 8032, and what must not pass. */
#include "lib/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

/* 7.1, test 2: the message is one byte. */
static const char private_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
    "-----END PRIVATE KEY-----\n";
static const char public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
    "-----END PUBLIC KEY-----\n";
static const uint8_t known[8] = { 0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca,
	0xb8 };

static char dir[] = "/tmp/signature-XXXXXX";

static char *
put(const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", dir, name);
	struct error e;

	CHECK(file_replace(AT_FDCWD, path, 0600, text, strlen(text), &e) == 0);
	return path;
}

static void
a_signature_holds_and_no_other(void)
{
	own_free char *key = put("key", private_key);
	own_free char *pub = put("pub", public_key);
	uint8_t sig[SIGNATURE_BYTES];
	struct error e;

	CHECK(signature_make(key, "\x72", 1, sig, &e) == 0);
	CHECK(memcmp(sig, known, sizeof(known)) == 0);
	CHECK(signature_check(pub, "\x72", 1, sig, &e) == 0);
	CHECK(signature_check(key, "\x72", 1, sig, &e) == 0);
	CHECK(signature_check(pub, "\x73", 1, sig, &e) == -1);
	CHECK(e.code == EBADMSG);
	sig[63] ^= 1;
	CHECK(signature_check(pub, "\x72", 1, sig, &e) == -1);
}

static void
what_is_no_key_is_refused(void)
{
	own_free char *pub = put("pub", public_key);
	own_free char *none = put("none", "hello\n");
	uint8_t sig[SIGNATURE_BYTES];
	struct error e;

	CHECK(signature_make(pub, "x", 1, sig, &e) == -1);
	CHECK(strstr(e.text, "no private key") != NULL);
	CHECK(signature_make(none, "x", 1, sig, &e) == -1);
	CHECK(signature_check(none, "x", 1, sig, &e) == -1);
	CHECK(signature_check("/nowhere", "x", 1, sig, &e) == -1);
	CHECK(e.code == ENOENT);
}

int
main(void)
{
	struct error e;

	if (mkdtemp(dir) == NULL)
		return 1;
	a_signature_holds_and_no_other();
	what_is_no_key_is_refused();
	CHECK(tree_remove(AT_FDCWD, dir, &e) == 0);
	return check_result();
}
