/* SPDX-License-Identifier: Apache-2.0 */
/* str() and repr() of what JSON can hold. */
#include <string.h>

#include "lib/doc.h"
#include "lib/utf8.h"
#include "refresh-config/deploy.h"

static void
print_number(const char *text, struct strbuf *b)
{
	if (strcmp(text, "NaN") == 0)
		strbuf_puts(b, "nan");
	else if (strcmp(text, "Infinity") == 0)
		strbuf_puts(b, "inf");
	else if (strcmp(text, "-Infinity") == 0)
		strbuf_puts(b, "-inf");
	else
		value_print_number(text, b);
}

static void
print_escape(uint32_t code, struct strbuf *b)
{
	if (code == '\n')
		strbuf_puts(b, "\\n");
	else if (code == '\r')
		strbuf_puts(b, "\\r");
	else if (code == '\t')
		strbuf_puts(b, "\\t");
	else if (code < 0x100)
		strbuf_printf(b, "\\x%02x", code);
	else
		strbuf_printf(b, "\\u%04x", code);
}

/* Controls, the soft hyphen and surrogates do not show. */
static bool
is_shown(uint32_t code)
{
	return code >= 0x20 && (code < 0x7f || code > 0xa0) && code != 0xad &&
	    (code & 0x1ff800) != 0xd800;
}

/* Single quotes, unless double ones save escapes. */
static void
print_quoted(const char *s, size_t n, struct strbuf *b)
{
	char quote = memchr(s, '\'', n) != NULL && memchr(s, '"', n) == NULL
	    ? '"'
	    : '\'';

	strbuf_putc(b, quote);
	while (n > 0) {
		uint32_t code;
		size_t len = utf8_decode(s, n, &code);

		if (*s == quote || *s == '\\') {
			strbuf_putc(b, '\\');
			strbuf_putc(b, *s);
		} else if (is_shown(code)) {
			strbuf_add(b, s, len);
		} else {
			print_escape(code, b);
		}
		s += len;
		n -= len;
	}
	strbuf_putc(b, quote);
}

static void
print_repr(const struct value *v, struct strbuf *b)
{
	switch (v->kind) {
	case VALUE_NULL:
		strbuf_puts(b, "None");
		return;
	case VALUE_BOOL:
		strbuf_puts(b, v->truth ? "True" : "False");
		return;
	case VALUE_NUMBER:
		print_number(v->text, b);
		return;
	case VALUE_STRING:
		print_quoted(v->text, v->len, b);
		return;
	}
	strbuf_putc(b, v->kind == VALUE_LIST ? '[' : '{');
	for (uint32_t i = 0; i < v->len; i++) {
		if (i > 0)
			strbuf_puts(b, ", ");
		if (v->kind == VALUE_LIST) {
			print_repr(v->items[i], b);
		} else {
			const struct member *m = value_member(v, i);

			print_quoted(m->name, m->len, b);
			strbuf_puts(b, ": ");
			print_repr(m->value, b);
		}
	}
	strbuf_putc(b, v->kind == VALUE_LIST ? ']' : '}');
}

void
python_str(const struct value *v, struct strbuf *b)
{
	if (v->kind == VALUE_STRING)
		strbuf_add(b, v->text, v->len);
	else
		print_repr(v, b);
}
