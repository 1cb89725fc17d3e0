/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes survive the way through text; what is no base64 is refused. */
#include "lib/encode.h"

#include "lib/error.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

static const struct {
	const char *plain, *text;
} pairs[] = {
	/* RFC 4648, 10 */
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xff\xfe\xfb", "//77" },
};

static const struct {
	const char *text, *want; /* want NULL: refused */
} loose[] = {
	{ "Zg", "f" },
	{ "Zm 9v\r\nYg==\n", "foob" },
	{ " \n", "" },
	{ "Z", NULL },
	{ "Zg==x", NULL },
	{ "Z!==", NULL },
	{ "Zm9v_g==", NULL },
};

int
main(void)
{
	struct error e;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		own(strbuf_clear) struct strbuf to = { 0 }, from = { 0 };

		base64_encode(pairs[i].plain, strlen(pairs[i].plain), &to);
		CHECK_STR(strbuf_text(&to), pairs[i].text);
		CHECK(base64_decode(pairs[i].text, strlen(pairs[i].text), &from,
			  &e) == 0);
		CHECK_STR(strbuf_text(&from), pairs[i].plain);
	}
	for (size_t i = 0; i < sizeof(loose) / sizeof(*loose); i++) {
		own(strbuf_clear) struct strbuf b = { 0 };
		int r;

		strbuf_puts(&b, "<");
		r = base64_decode(loose[i].text, strlen(loose[i].text), &b, &e);
		CHECK((r == 0) == (loose[i].want != NULL));
		CHECK_STR(strbuf_text(&b) + 1,
		    loose[i].want != NULL ? loose[i].want : "");
	}
	own(strbuf_clear) struct strbuf p = { 0 };
	percent_encode("a b/c~d_e-f.g\xc3\xa9+", "/", &p);
	CHECK_STR(strbuf_text(&p), "a%20b/c~d_e-f.g%C3%A9%2B");
	return check_result();
}
