/* SPDX-License-Identifier: Apache-2.0 */
/* What foreign text looks like after it was made harmless. */
#include "lib/plain.h"

#include <stdbool.h>

#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

struct row {
	const char *in, *want;
};

static const struct row rows[] = {
	{ "", "" },
	{ "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
	    "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
	{ "a\tb", "a\tb" },
	{ "two\nlines\r\n", "two lines  " },
	{ "\x1b[0;32m  OK  \x1b[0m Started", "  OK   Started" },
	{ "\x1b[2J\x1b[1;1Hcleared", "cleared" },
	{ "\x1b[?25lhidden", "hidden" },
	{ "\x1b(Bset", "set" },
	{ "\x1b"
	  "creset",
	    "reset" },
	{ "\x1b]0;title\x07rest", "rest" },
	{ "\x1b]0;title\x1b\\rest", "rest" },
	{ "\x1b]0;no end", "0;no end" },
	{ "\x1bPq#0\x1b\\x", "x" },
	{ "cut \x1b", "cut " },
	{ "cut \x1b[", "cut " },
	{ "cut \x1b[31", "cut " },
	{ "\x1b[31\x1b[32mtwice", "twice" },
	{ "\x1b[31\xc3\xa9", "\xc3\xa9" },
	{ "bell\x07 back\x08 del\x7f", "bell? back? del?" },
	{ "c1 \xc2\x9b"
	  "31m",
	    "c1 ?31m" },
	{ "turn \xe2\x80\xae.txt", "turn ?.txt" },
	{ "\xef\xbb\xbf"
	  "bom",
	    "?bom" },
	{ "line\xe2\x80\xa8sep", "line?sep" },
	{ "bad \xff\xc0\x80 \xed\xa0\x80", "bad ??? ???" },
	{ "short \xe2\x82", "short ??" },
};

static void
text_is_made_harmless(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		own(strbuf_clear) struct strbuf b = { 0 };

		plain_add(&b, rows[i].in, strlen(rows[i].in));
		CHECK_STR(strbuf_text(&b), rows[i].want);
	}
}

static void
nul_is_harmless(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	plain_add(&b, "a\0b", 3);
	CHECK_STR(strbuf_text(&b), "a?b");
}

/* Every byte pair: nothing that steers comes out. */
static void
no_pair_gets_through(void)
{
	for (unsigned i = 0; i < 65536; i++) {
		own(strbuf_clear) struct strbuf b = { 0 };
		char in[2] = { (char)(i >> 8), (char)i };
		bool clean = true;

		plain_add(&b, in, 2);
		for (size_t k = 0; k < b.len; k++)
			if (((unsigned char)b.s[k] < 0x20 && b.s[k] != '\t') ||
			    b.s[k] == 0x7f)
				clean = false;
		if (!clean)
			CHECK(!"a control byte got through");
	}
	CHECK(check_failed == 0);
}

static void
columns_count_characters(void)
{
	CHECK(plain_width("") == 0);
	CHECK(plain_width("abc") == 3);
	CHECK(plain_width("\xc3\xa9\xe2\x82\xac") == 2);
	CHECK(plain_fit("\xc3\xa9\xe2\x82\xac"
			"x",
		  2) == 5);
	CHECK(plain_fit("abc", 5) == 3);
	CHECK(plain_fit("abc", 0) == 0);
}

int
main(void)
{
	text_is_made_harmless();
	nul_is_harmless();
	no_pair_gets_through();
	columns_count_characters();
	return check_result();
}
