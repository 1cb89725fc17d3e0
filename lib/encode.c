/* SPDX-License-Identifier: Apache-2.0 */
/* Six bits at a time. */
#include "lib/encode.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/strbuf.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(const void *data, size_t n, struct strbuf *b)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n)
			v |= p[i + 2];
		strbuf_putc(b, digits[v >> 18]);
		strbuf_putc(b, digits[v >> 12 & 63]);
		strbuf_putc(b, i + 1 < n ? digits[v >> 6 & 63] : '=');
		strbuf_putc(b, i + 2 < n ? digits[v & 63] : '=');
	}
}

static int
digit_value(char c)
{
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

int
base64_decode(const char *s, size_t n, struct strbuf *b, struct error *e)
{
	size_t start = b->len, count = 0;
	uint32_t v = 0;
	size_t i;

	for (i = 0; i < n && s[i] != '='; i++) {
		int d = digit_value(s[i]);

		if (isspace((unsigned char)s[i]))
			continue;
		if (d < 0)
			break;
		v = v << 6 | (uint32_t)d;
		if (++count % 4 != 1)
			strbuf_putc(b, (char)(v >> (8 - count % 4 * 2) % 8));
	}
	while (i < n && (s[i] == '=' || isspace((unsigned char)s[i])))
		i++;
	if (i == n && count % 4 != 1)
		return 0;
	strbuf_cut(b, start);
	return error_set(e, EINVAL, "not base64");
}

static bool
is_kept(char c, const char *keep)
{
	return isalnum((unsigned char)c) ||
	    (c != '\0' &&
		(strchr("-_.~", c) != NULL || strchr(keep, c) != NULL));
}

void
percent_encode(const char *s, const char *keep, struct strbuf *b)
{
	const char *from;

	while (*s != '\0') {
		for (from = s; is_kept(*s, keep); s++)
			;
		strbuf_add(b, from, (size_t)(s - from));
		if (*s != '\0')
			strbuf_printf(b, "%%%02X", (unsigned char)*s++);
	}
}
