/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by the examples of FIPS 180-4, and identifiers made with it. */
#include "lib/digest.h"

#include <ctype.h>

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
text_is_read_back(void)
{
	char text[DIGEST_TEXT];
	uint8_t sum[DIGEST_BYTES], again[DIGEST_BYTES];

	digest_buffer("abc", 3, sum);
	digest_print(sum, text);
	CHECK(digest_parse(text, DIGEST_TEXT - 1, again));
	CHECK(memcmp(sum, again, DIGEST_BYTES) == 0);
	for (size_t i = 0; i < DIGEST_TEXT - 1; i++)
		text[i] = (char)toupper(text[i]);
	CHECK(digest_parse(text, DIGEST_TEXT - 1, again));
	CHECK(memcmp(sum, again, DIGEST_BYTES) == 0);
	CHECK(!digest_parse(text, DIGEST_TEXT - 2, again));
	CHECK(!digest_parse(text, DIGEST_TEXT, again));
	for (const char *c = "g:/@G` -"; *c != '\0'; c++) {
		text[DIGEST_TEXT - 2] = *c;
		CHECK(!digest_parse(text, DIGEST_TEXT - 1, again));
	}
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
older_digests_come_out(void)
{
	static const struct {
		enum digest_kind kind;
		size_t bytes;
		const char *text;
	} older[] = { { DIGEST_MD5, 16, "900150983cd24fb0d6963f7d28e17f72" },
		{ DIGEST_SHA1, 20,
		    "a9993e364706816aba3e25717850c26c9cd0d89d" } };
	uint8_t sum[DIGEST_BYTES];
	char text[DIGEST_TEXT];

	for (size_t i = 0; i < sizeof(older) / sizeof(*older); i++) {
		struct digest *d = digest_open(older[i].kind);

		CHECK(digest_size(older[i].kind) == older[i].bytes);
		digest_add(d, "ab", 2);
		digest_next(d, sum); /* forgets what came before */
		digest_add(d, "abc", 3);
		digest_end(d, sum);
		digest_printn(sum, older[i].bytes, text);
		CHECK_STR(text, older[i].text);
	}
}

int
main(void)
{
	known_digests_come_out();
	older_digests_come_out();
	pieces_make_the_same();
	text_is_read_back();
	identifiers_are_steady();
	return check_result();
}
