/* SPDX-License-Identifier: Apache-2.0 */
/* None, True, ['a', "it's"] and {'a': 1.5}. */
#include "lib/python.h"

#include <ctype.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

void
python_number(const char *text, struct strbuf *b)
{
	size_t start = b->len;

	value_print_number(text, b);
	if (b->s[start] == 'N' || b->s[start] == 'I' || b->s[start + 1] == 'I')
		for (size_t i = start; i < b->len; i++)
			b->s[i] = (char)tolower((unsigned char)b->s[i]);
	if (strcmp(b->s + start, "infinity") == 0)
		strbuf_cut(b, start + 3);
	else if (strcmp(b->s + start, "-infinity") == 0)
		strbuf_cut(b, start + 4);
}

/* Roughly what Python's isprintable() says of characters beyond ASCII. */
static bool
is_printable(uint32_t code)
{
	return code > 0xa0 && code != 0xad && (code & 0x1ff800) != 0xd800 &&
	    !(code >= 0x2000 && code <= 0x200f) &&
	    !(code >= 0x2028 && code <= 0x202f) &&
	    !(code >= 0x205f && code <= 0x206f) && code != 0x3000 &&
	    code != 0xfeff && !(code >= 0xe000 && code <= 0xf8ff) &&
	    code < 0xe0000;
}

static void
print_escape(uint32_t code, char quote, struct strbuf *b)
{
	if (code == (unsigned char)quote || code == '\\')
		strbuf_printf(b, "\\%c", (int)code);
	else if (code == '\n')
		strbuf_puts(b, "\\n");
	else if (code == '\r')
		strbuf_puts(b, "\\r");
	else if (code == '\t')
		strbuf_puts(b, "\\t");
	else if (code < 0x100)
		strbuf_printf(b, "\\x%02x", code);
	else if (code < 0x10000)
		strbuf_printf(b, "\\u%04x", code);
	else
		strbuf_printf(b, "\\U%08x", code);
}

void
python_repr_text(const char *s, size_t n, struct strbuf *b)
{
	char quote = memchr(s, '\'', n) != NULL && memchr(s, '"', n) == NULL
	    ? '"'
	    : '\'';
	const char *end = s + n;

	strbuf_putc(b, quote);
	while (s < end) {
		uint32_t code;
		size_t len = utf8_decode(s, (size_t)(end - s), &code);

		if (code >= 0x7f ? is_printable(code)
				 : code >= 0x20 &&
			    code != (unsigned char)quote && code != '\\')
			strbuf_add(b, s, len);
		else
			print_escape(code, quote, b);
		s += len;
	}
	strbuf_putc(b, quote);
}

static void
print_repr(const struct value *v, struct strbuf *b)
{
	if (v->kind == VALUE_STRING)
		python_repr_text(v->text, v->len, b);
	else
		python_str(v, b);
}

void
python_str(const struct value *v, struct strbuf *b)
{
	switch (v->kind) {
	case VALUE_NULL:
		strbuf_puts(b, "None");
		return;
	case VALUE_BOOL:
		strbuf_puts(b, v->truth ? "True" : "False");
		return;
	case VALUE_NUMBER:
		python_number(v->text, b);
		return;
	case VALUE_STRING:
		strbuf_add(b, v->text, v->len);
		return;
	}
	strbuf_putc(b, v->kind == VALUE_LIST ? '[' : '{');
	for (uint32_t i = 0; i < v->len; i++) {
		if (i > 0)
			strbuf_puts(b, ", ");
		if (v->kind == VALUE_LIST) {
			print_repr(v->items[i], b);
		} else {
			const struct member m = value_member(v, i);

			python_repr_text(m.name, m.len, b);
			strbuf_puts(b, ": ");
			print_repr(m.value, b);
		}
	}
	strbuf_putc(b, v->kind == VALUE_LIST ? ']' : '}');
}
