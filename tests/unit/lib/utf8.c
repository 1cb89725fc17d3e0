/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, every character of it and what is none. */
#include "lib/utf8.h"

#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

/* Every code point is written and read back; surrogates are only decoded. */
static void
every_code_point_goes_both_ways(void)
{
	uint32_t wrong = 0;

	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char s[4];
		size_t n = utf8_encode(c, s);
		uint32_t back = 1;
		bool lone = c >= 0xd800 && c < 0xe000;

		wrong += utf8_decode(s, n, &back) != n || back != c;
		wrong += utf8_length(s, n) != (lone ? 0 : n);
		wrong += n > 1 && utf8_length(s, n - 1) != 0;
		wrong += utf8_valid(s, n) == lone;
	}
	CHECK(wrong == 0);
}

/* The table of RFC 3629, section 4, for every pair of bytes. */
static void
every_pair_is_judged(void)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < 65536; i++) {
		unsigned char a = (unsigned char)(i >> 8);
		unsigned char b = (unsigned char)i;
		const char s[2] = { (char)a, (char)b };
		bool two = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;

		wrong += utf8_valid(s, 2) != ((a < 0x80 && b < 0x80) || two);
	}
	CHECK(wrong == 0);
}

static const char *const malformed[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf",
	"\xc2", "\xc2\x20", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82",
	"\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
	"\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe",
	"\xff" };

static void
malformed_is_refused(void)
{
	for (size_t i = 0; i < COUNT(malformed); i++) {
		const char *s = malformed[i];
		uint32_t code;
		char text[32];

		CHECK(utf8_length(s, strlen(s)) == 0);
		CHECK(!utf8_valid(s, strlen(s)));
		if (strncmp(s, "\xed", 1) != 0)
			CHECK(utf8_decode(s, strlen(s), &code) == 1 &&
			    code == 0xfffd);
		/* Also behind a run of ASCII that is looked at in words. */
		snprintf(text, sizeof(text), "%s%s", "sixteen bytes ok", s);
		CHECK(!utf8_valid(text, strlen(text)));
	}
	CHECK(utf8_length("", 0) == 0);
	CHECK(utf8_valid("", 0));
	CHECK(utf8_valid("a\0b", 3));
	CHECK(utf8_valid("0123456789abcdef\xc3\xa9 and on", 24));
}

static void
foreign_text_is_cleaned(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	utf8_clean(&b, "a\xff\xc3\xa9\xe2\x82z", 7);
	CHECK_STR(b.s, "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbdz");
}

int
main(void)
{
	every_code_point_goes_both_ways();
	every_pair_is_judged();
	malformed_is_refused();
	foreign_text_is_cleaned();
	return check_result();
}
