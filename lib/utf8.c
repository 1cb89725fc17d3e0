/* SPDX-License-Identifier: Apache-2.0 */
/* Well-formedness by the table of RFC 3629, section 4. */
#include "lib/utf8.h"

#include <string.h>

#include "lib/strbuf.h"

/* Length by the first byte, or 0 if none starts with it. */
static size_t
lead(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c < 0xe0)
		return 2;
	if (c >= 0xe0 && c < 0xf0)
		return 3;
	return c >= 0xf0 && c < 0xf5 ? 4 : 0;
}

/* Decode strictly but for surrogates; returns 0 if malformed. */
static size_t
decode(const char *s, size_t n, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)*s;
	size_t len = lead(c);
	uint32_t x = len == 1 ? c : c & (0x7fu >> len);

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		x = x << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (x < least[len] || x > 0x10ffff)
		return 0;
	*code = x;
	return len;
}

size_t
utf8_length(const char *s, size_t n)
{
	uint32_t code;
	size_t len = n == 0 ? 0 : decode(s, n, &code);

	return len == 3 && (code & 0x1ff800) == 0xd800 ? 0 : len;
}

size_t
utf8_decode(const char *s, size_t n, uint32_t *code)
{
	size_t len = decode(s, n, code);

	if (len > 0)
		return len;
	*code = 0xfffd;
	return 1;
}

size_t
utf8_encode(uint32_t code, char *to)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

void
utf8_clean(struct strbuf *b, const char *s, size_t n)
{
	while (n > 0) {
		size_t len = utf8_length(s, n);

		if (len > 0)
			strbuf_add(b, s, len);
		else
			strbuf_puts(b, "\xef\xbf\xbd");
		s += len > 0 ? len : 1;
		n -= len > 0 ? len : 1;
	}
}

/* How many bytes at s are ASCII, looking at eight at a time. */
static size_t
ascii_run(const char *s, size_t n)
{
	size_t i = 0;
	uint64_t word;

	for (; i + sizeof(word) <= n; i += sizeof(word)) {
		memcpy(&word, s + i, sizeof(word));
		if (word & 0x8080808080808080)
			break;
	}
	while (i < n && (unsigned char)s[i] < 0x80)
		i++;
	return i;
}

bool
utf8_valid(const char *s, size_t n)
{
	while (n > 0) {
		size_t len = ascii_run(s, n);

		if (len == 0)
			len = utf8_length(s, n);

		if (len == 0)
			return false;
		s += len;
		n -= len;
	}
	return true;
}
