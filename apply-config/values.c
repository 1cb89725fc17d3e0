/* SPDX-License-Identifier: Apache-2.0 */
/* Truth, lookups, printing, types. */
#include "apply-config/values.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

bool
values_truth(const struct value *v)
{
	switch (v->kind) {
	case VALUE_NULL:
		return false;
	case VALUE_BOOL:
		return v->truth;
	case VALUE_NUMBER:
		return (*v->text >= '1' && *v->text <= '9') ||
		    value_to_real(v) != 0;
	default:
		return v->len > 0;
	}
}

/*
 * Blanks, a sign, digits with single underscores between them, blanks.  What
 * is beyond any list is cut off at a large number.
 */
static bool
read_index(const char *s, size_t len, long long *index)
{
	const char *end = s + len;
	bool negative = false, digit = false;
	long long n = 0;

	while (s < end && isspace((unsigned char)*s))
		s++;
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	if (s < end && (*s == '-' || *s == '+'))
		negative = *s++ == '-';
	for (; s < end; s++) {
		if (*s == '_' && digit) {
			digit = false;
			continue;
		}
		if (*s < '0' || *s > '9')
			return false;
		digit = true;
		if (n < 1000000000000)
			n = n * 10 + (*s - '0');
	}
	*index = negative ? -n : n;
	return digit;
}

const struct value *
values_item(const struct value *list, const char *text, size_t len)
{
	long long i;

	if (!read_index(text, len, &i))
		return NULL;
	if (i < 0)
		i += list->len;
	return i >= 0 && i < list->len ? list->items[i] : NULL;
}

const struct value *
values_lookup(const struct value *root, const char *key)
{
	const struct value *v = root;

	for (;;) {
		size_t n = strcspn(key, ".");

		if (v->kind == VALUE_LIST)
			v = values_item(v, key, n);
		else
			v = value_getn(v, key, n);
		if (v == NULL || v->kind == VALUE_NULL)
			return NULL;
		if (key[n] == '\0')
			return v;
		key += n + 1;
	}
}

/* ---- printing ---------------------------------------------------------- */

static void
print_number(const char *text, struct strbuf *b)
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

void
values_print(const struct value *v, struct strbuf *b)
{
	if (v->kind == VALUE_STRING)
		strbuf_add(b, v->text, v->len);
	else if (v->kind == VALUE_NUMBER)
		print_number(v->text, b);
	else
		value_print(v, STYLE_PYTHON, b);
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
values_repr_text(const char *s, size_t n, struct strbuf *b)
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
		values_repr_text(v->text, v->len, b);
	else
		values_str(v, b);
}

void
values_str(const struct value *v, struct strbuf *b)
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
			const struct member *m = value_member(v, i);

			values_repr_text(m->name, m->len, b);
			strbuf_puts(b, ": ");
			print_repr(m->value, b);
		}
	}
	strbuf_putc(b, v->kind == VALUE_LIST ? ']' : '}');
}

/* ---- types ------------------------------------------------------------- */

/*
 * Most types are one set of characters all through; the others are extended
 * regular expressions.
 */
static const struct type {
	const char *name;
	const char *set;
	size_t least; /* characters */
	const char *expression;
} types[] = {
	{ .name = "int", .set = "0-9", .least = 1 },
	{ .name = "default", .set = "A-Za-z0-9_" },
	{ .name = "netaddress", .set = "A-Za-z0-9/.:-" },
	{ .name = "netdevice", .set = "A-Za-z0-9/.:-" },
	{ .name = "dsn",
	    .expression = "^[a-zA-Z0-9]+://([a-zA-Z0-9+_-]+(:[^@]+)?)?"
			  "(@?[a-zA-Z0-9/_.-]+)?(/[a-zA-Z0-9_-]+)?"
			  "([?][a-zA-Z0-9=_-]+)?$" },
	{ .name = "swiftdevices",
	    .expression =
		"^(r[0-9]+z[0-9]+-[A-Za-z0-9.-_]+:%PORT%/[^,]+,?)+$" },
	{ .name = "username", .set = "A-Za-z0-9_-", .least = 1 },
	{ .name = "raw" },
};

/* Whether c is in a set of characters and ranges; a '-' at its end is one. */
static bool
in_set(char c, const char *set)
{
	for (; *set != '\0'; set++) {
		if (set[1] == '-' && set[2] != '\0') {
			if (c >= set[0] && c <= set[2])
				return true;
			set += 2;
		} else if (c == *set) {
			return true;
		}
	}
	return false;
}

static bool
is_all(const char *s, size_t n, const struct type *t)
{
	if (n < t->least)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!in_set(s[i], t->set))
			return false;
	return true;
}

/* Long values are refused: they would keep the expression busy. */
#define TYPED_MAX 65536

static bool
matches(const char *s, size_t n, const struct type *t)
{
	regmatch_t all = { .rm_so = 0, .rm_eo = (regoff_t)n };
	regex_t re;
	bool yes;

	if (n > TYPED_MAX || regcomp(&re, t->expression, REG_EXTENDED) != 0)
		return false;
	yes = regexec(&re, s, 1, &all, REG_STARTEND) == 0;
	regfree(&re);
	return yes;
}

int
values_has_type(const struct value *v, const char *name, struct error *e)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	const struct type *t = types, *end = types + sizeof(types) / sizeof(*t);
	size_t n;

	while (t < end && strcmp(t->name, name) != 0)
		t++;
	if (t == end)
		return error_set(e, EINVAL,
		    "requested validation of unknown type: %s", name);
	if (t->set == NULL && t->expression == NULL)
		return 1;
	values_str(v, &b);
	n = b.len;
	/* Python's $ also matches before a line feed at the end. */
	for (int i = 0; i < 2; i++) {
		const char *s = strbuf_text(&b);

		if (t->set != NULL ? is_all(s, n, t) : matches(s, n, t))
			return 1;
		if (n == 0 || s[n - 1] != '\n')
			return 0;
		n--;
	}
	return 0;
}
