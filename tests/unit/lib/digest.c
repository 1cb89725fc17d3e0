/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by the examples of FIPS 180-4, and identifiers made with it. */
#include "lib/digest.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/own.h"
#include "tests/unit/check.h"

static const struct {
	const char *in, *want;
} rows[] = {
	{ "",
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8"
	    "55" },
	{ "abc",
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2"
	    "0015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c"
	    "1" },
};

static void
known_digests_come_out(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t sum[DIGEST_BYTES];
		char text[DIGEST_TEXT];

		digest_buffer(rows[i].in, strlen(rows[i].in), sum);
		digest_print(sum, text);
		CHECK_STR(text, rows[i].want);
	}
}

static void
pieces_make_the_same(void)
{
	struct digest *d = digest_new();
	uint8_t whole[DIGEST_BYTES], pieces[DIGEST_BYTES];
	char text[1000];

	memset(text, 'a', sizeof(text));
	digest_buffer(text, sizeof(text), whole);
	for (size_t at = 0, n = 0; at < sizeof(text); at += n, n = n % 7 + 1)
		digest_add(d, text + at,
		    at + n > sizeof(text) ? sizeof(text) - at : n);
	digest_end(d, pieces);
	CHECK(memcmp(whole, pieces, DIGEST_BYTES) == 0);
}

static void
identifiers_are_steady(void)
{
	uint8_t a[16], b[16], c[16], d[16];

	digest_uuid("seed", "name", a);
	digest_uuid("seed", "name", b);
	digest_uuid("seed", "other", c);
	digest_uuid("seedn", "ame", d);
	CHECK(memcmp(a, b, 16) == 0);
	CHECK(memcmp(a, c, 16) != 0 && memcmp(a, d, 16) != 0);
	CHECK(a[6] >> 4 == 8 && a[8] >> 6 == 2);
}

static void
files_have_both_sums(void)
{
	char path[] = "/tmp/digest.XXXXXX";
	char md5[DIGEST_MD5_TEXT], sha256[DIGEST_TEXT];
	own_fd int fd = mkstemp(path);

	CHECK(fd != -1 && unlink(path) == 0);
	CHECK(write(fd, "abc", 3) == 3 && lseek(fd, 0, SEEK_SET) == 0);
	CHECK(digest_file_sums(fd, md5, sha256) == 0);
	CHECK_STR(md5, "900150983cd24fb0d6963f7d28e17f72");
	CHECK_STR(sha256, rows[1].want);
	CHECK(digest_file_sums(-1, md5, sha256) == -1);
}

int
main(void)
{
	known_digests_come_out();
	files_have_both_sums();
	pieces_make_the_same();
	identifiers_are_steady();
	return check_result();
}
