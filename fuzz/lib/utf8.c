/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: judged the same by all, cleaned to good text, made harmless. */
#include "lib/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "lib/own.h"
#include "lib/plain.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Character by character; true if all of it is well formed. */
static bool
walk(const char *s, size_t n)
{
	while (n > 0) {
		size_t len = utf8_length(s, n);
		uint32_t code;
		char back[4];

		if (len == 0)
			return false;
		if (len > n || utf8_decode(s, n, &code) != len ||
		    utf8_encode(code, back) != len || memcmp(s, back, len) != 0)
			abort();
		s += len;
		n -= len;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own(strbuf_clear) struct strbuf clean = { 0 }, plain = { 0 };
	const char *s = (const char *)data;

	if (walk(s, size) != utf8_valid(s, size))
		abort();
	utf8_clean(&clean, s, size);
	if (!utf8_valid(strbuf_text(&clean), clean.len))
		abort();
	plain_add(&plain, s, size);
	if (!utf8_valid(strbuf_text(&plain), plain.len))
		abort();
	for (size_t i = 0; i < plain.len; i++)
		if (((unsigned char)plain.s[i] < 0x20 && plain.s[i] != '\t') ||
		    plain.s[i] == 0x7f)
			abort();
	return 0;
}
