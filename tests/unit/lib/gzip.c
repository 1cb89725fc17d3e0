/* SPDX-License-Identifier: Apache-2.0 */
/* gzip is unpacked within a bound; damage is an error. */
#include "lib/gzip.h"

#include <stdint.h>

#include "lib/error.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

/* "hello\n" */
static const uint8_t hello[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48,
	0xcd, 0xc9, 0xc9, 0xe7, 2, 0, 0x20, 0x30, 0x3a, 0x36, 6, 0, 0, 0 };

int
main(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	uint8_t twice[2 * sizeof(hello)];
	struct error e;

	CHECK(gzip_probe(hello, sizeof(hello)));
	CHECK(!gzip_probe("hello", 5) && !gzip_probe(hello, 2));
	CHECK(gzip_inflate(hello, sizeof(hello), 6, &b, &e) == 0);
	CHECK_STR(strbuf_text(&b), "hello\n");
	memcpy(twice, hello, sizeof(hello));
	memcpy(twice + sizeof(hello), hello, sizeof(hello));
	CHECK(gzip_inflate(twice, sizeof(twice), 100, &b, &e) == 0);
	CHECK_STR(strbuf_text(&b), "hello\nhello\nhello\n");
	CHECK(gzip_inflate(hello, sizeof(hello), 5, &b, &e) == -1);
	CHECK(gzip_inflate(hello, sizeof(hello) - 9, 99, &b, &e) == -1);
	twice[20] ^= 1;
	CHECK(gzip_inflate(twice, sizeof(twice), 99, &b, &e) == -1);
	CHECK_STR(strbuf_text(&b), "hello\nhello\nhello\n");
	return check_result();
}
