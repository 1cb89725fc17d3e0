/* SPDX-License-Identifier: Apache-2.0 */
/* Values to JSON text, byte for byte as Python's json module writes it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/mem.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

/* The next larger decimal of as many digits; false if that needs one more. */
static bool
step_up(char *text)
{
	for (char *s = strchr(text, 'e') - 1; s >= text; s--) {
		if (*s >= '0' && *s < '9') {
			++*s;
			return true;
		}
		if (*s == '9')
			*s = '0';
	}
	return false;
}

/* IEEE 754: nothing but the exponent is set. */
static bool
is_power_of_two(double n)
{
	uint64_t bits;

	memcpy(&bits, &n, sizeof(bits));
	return (bits & 0xfffffffffffff) == 0;
}

/*
 * Digits, as many as asked for, that read back as n; false if there are none.
 * Below a power of two doubles lie twice as dense as above it, so there the
 * nearest decimal can miss n while the next larger one still hits it.
 */
static bool
digits_of(double n, int precision, char *text, size_t size)
{
	snprintf(text, size, "%.*e", precision - 1, n);
	if (strtod(text, NULL) == n)
		return true;
	return is_power_of_two(n) && step_up(text) && strtod(text, NULL) == n;
}

/*
 * A finite double in the shortest digits that read back the same, laid out
 * as Python's repr(): an exponent below -4 or from 16 on, else a point.
 */
static void
print_real(double n, struct strbuf *b)
{
	char text[40], *e;
	int precision = 1, exponent;

	while (!digits_of(n, precision, text, sizeof(text)))
		precision++;
	e = strchr(text, 'e');
	exponent = atoi(e + 1);
	*e = '\0';
	if (exponent >= -4 && exponent < 16) {
		int decimals = precision - 1 - exponent;

		strbuf_printf(b, "%.*f", decimals > 1 ? decimals : 1, n);
		return;
	}
	strbuf_puts(b, text);
	strbuf_printf(b, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

void
value_print_number(const char *text, struct strbuf *b)
{
	double n;

	if (strpbrk(text, ".eE") == NULL) {
		strbuf_puts(b, strcmp(text, "-0") == 0 ? "0" : text);
		return;
	}
	n = strtod(text, NULL);
	if (isinf(n))
		strbuf_puts(b, n < 0 ? "-Infinity" : "Infinity");
	else
		print_real(n, b);
}

#define REPLACEMENT 0xfffd

static void
print_escape(uint32_t code, struct strbuf *b)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *s;

	s = code != 0 && code < 0x80 ? strchr(from, (int)code) : NULL;
	if (s != NULL) {
		strbuf_putc(b, '\\');
		strbuf_putc(b, to[s - from]);
	} else if (code >= 0x10000) {
		code -= 0x10000;
		strbuf_printf(b, "\\u%04x\\u%04x", 0xd800 + (code >> 10),
		    0xdc00 + (code & 0x3ff));
	} else {
		strbuf_printf(b, "\\u%04x", code);
	}
}

/* Whether one of the odder characters, n bytes long, needs no escape. */
static bool
stands_as_it_is(uint32_t code, size_t n, bool ascii)
{
	if (ascii || code < 0x7f || (code & 0x1ff800) == 0xd800)
		return false;
	return n > 1 || code == 0x7f; /* else it stands for a malformed byte */
}

static void
print_string(const char *s, size_t len, bool ascii, struct strbuf *b)
{
	const char *end = s + len, *run = s;

	strbuf_putc(b, '"');
	while (s < end) {
		unsigned char c = (unsigned char)*s;
		uint32_t code;
		size_t n;

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			s++;
			continue;
		}
		n = utf8_decode(s, (size_t)(end - s), &code);
		if (stands_as_it_is(code, n, ascii)) {
			s += n;
			continue;
		}
		strbuf_add(b, run, (size_t)(s - run));
		if (code == REPLACEMENT && !ascii)
			strbuf_puts(b, "\xef\xbf\xbd");
		else
			print_escape(code, b);
		s += n;
		run = s;
	}
	strbuf_add(b, run, (size_t)(s - run));
	strbuf_putc(b, '"');
}

struct printer {
	struct strbuf *b;
	bool ascii;
	unsigned indent; /* blanks a level, or 0: one line */
};

static void
newline(const struct printer *p, unsigned depth)
{
	size_t n = (size_t)p->indent * depth;
	char *to;

	strbuf_putc(p->b, '\n');
	to = strbuf_reserve(p->b, n);
	memset(to, ' ', n);
	to[n] = '\0';
	p->b->len += n;
}

static void
separate(const struct printer *p, uint32_t i, unsigned depth)
{
	if (i > 0)
		strbuf_puts(p->b, p->indent ? "," : ", ");
	if (p->indent)
		newline(p, depth);
}

static void
print(const struct printer *p, const struct value *v, unsigned depth)
{
	switch (v->kind) {
	case VALUE_NULL:
		strbuf_puts(p->b, "null");
		return;
	case VALUE_BOOL:
		strbuf_puts(p->b, v->truth ? "true" : "false");
		return;
	case VALUE_NUMBER:
		value_print_number(v->text, p->b);
		return;
	case VALUE_STRING:
		print_string(v->text, v->len, p->ascii, p->b);
		return;
	}
	strbuf_putc(p->b, v->kind == VALUE_LIST ? '[' : '{');
	for (uint32_t i = 0; i < v->len; i++) {
		separate(p, i, depth + 1);
		if (v->kind == VALUE_LIST) {
			print(p, v->items[i], depth + 1);
		} else {
			const struct member m = value_member(v, i);

			print_string(m.name, m.len, p->ascii, p->b);
			strbuf_puts(p->b, ": ");
			print(p, m.value, depth + 1);
		}
	}
	if (p->indent && v->len > 0)
		newline(p, depth);
	strbuf_putc(p->b, v->kind == VALUE_LIST ? ']' : '}');
}

void
value_print(const struct value *v, enum value_style style, struct strbuf *b)
{
	const struct printer p = { .b = b,
		.ascii = style != STYLE_UTF8 && style != STYLE_PRETTY,
		.indent = style == STYLE_INDENT ? 1
		    : style == STYLE_INDENT4	? 4
		    : style == STYLE_PRETTY	? 2
						: 0 };

	print(&p, v, 0);
}
