/* SPDX-License-Identifier: Apache-2.0 */
/* One pass: whole escape sequences, then characters, are judged in turn. */
#include "lib/plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define ESC 0x1b
#define BEL 0x07

static size_t
run(const char *s, const char *end, unsigned char low, unsigned char high)
{
	size_t n = 0;

	while (s + n < end && (unsigned char)s[n] >= low &&
	    (unsigned char)s[n] <= high)
		n++;
	return n;
}

/* A control string up to BEL or ESC \; 2, its opener, if it has no end. */
static size_t
control_string(const char *s, const char *end)
{
	for (const char *at = s + 2; at < end; at++) {
		if (*at == BEL)
			return (size_t)(at - s) + 1;
		if (*at == ESC && at + 1 < end && at[1] == '\\')
			return (size_t)(at - s) + 2;
	}
	return 2;
}

/* Bytes of the escape sequence that starts at s, which is an ESC. */
static size_t
sequence(const char *s, const char *end)
{
	const char *at = s + 1;

	if (at == end)
		return 1;
	if (*at == ']' || *at == 'P' || *at == 'X' || *at == '^' || *at == '_')
		return control_string(s, end);
	if (*at == '[') {
		at++;
		at += run(at, end, 0x30, 0x3f);
	}
	at += run(at, end, 0x20, 0x2f);
	if (at < end && (unsigned char)*at >= 0x30 && (unsigned char)*at < 0x7f)
		at++;
	return (size_t)(at - s);
}

/* What turns text around or ends a line without being a control byte. */
static bool
is_steering(uint32_t c)
{
	return (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e ||
	    c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void
plain_add(struct strbuf *b, const char *s, size_t n)
{
	const char *end = s + n;

	strbuf_reserve(b, n);
	while (s < end) {
		unsigned char c = (unsigned char)*s;
		size_t ascii = run(s, end, 0x20, 0x7e), len;
		uint32_t code = 0;

		if (ascii > 0) {
			strbuf_add(b, s, ascii);
			s += ascii;
			continue;
		}
		if (c == ESC) {
			s += sequence(s, end);
			continue;
		}
		len = utf8_length(s, (size_t)(end - s));
		if (len > 0)
			utf8_decode(s, len, &code);
		if (c == '\n' || c == '\r')
			strbuf_putc(b, ' ');
		else if (len == 0 || (c < 0x20 && c != '\t') ||
		    is_steering(code))
			strbuf_putc(b, '?');
		else
			strbuf_add(b, s, len);
		s += len > 0 ? len : 1;
	}
}

size_t
plain_width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

size_t
plain_fit(const char *s, size_t columns)
{
	size_t n = 0, seen = 0;

	for (; s[n] != '\0'; n++) {
		seen += ((unsigned char)s[n] & 0xc0) != 0x80;
		if (seen > columns)
			break;
	}
	return n;
}

static void
add_escaped(struct strbuf *b, char c)
{
	switch (c) {
	case '&':
		strbuf_puts(b, "&amp;");
		break;
	case '<':
		strbuf_puts(b, "&lt;");
		break;
	case '>':
		strbuf_puts(b, "&gt;");
		break;
	case '"':
		strbuf_puts(b, "&quot;");
		break;
	default:
		strbuf_putc(b, c);
	}
}

void
plain_add_html(struct strbuf *b, const char *s, size_t n, size_t columns)
{
	own(strbuf_clear) struct strbuf plain = { 0 };
	size_t shown;

	plain_add(&plain, s, n);
	s = strbuf_text(&plain);
	shown = columns == 0 ? plain.len : plain_fit(s, columns);
	for (size_t i = 0; i < shown; i++)
		add_escaped(b, s[i]);
	if (shown < plain.len)
		strbuf_puts(b, "…");
}
