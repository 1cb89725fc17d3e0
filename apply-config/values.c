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
#include "lib/python.h"
#include "lib/strbuf.h"

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

void
values_print(const struct value *v, struct strbuf *b)
{
	if (v->kind == VALUE_STRING)
		strbuf_add(b, v->text, v->len);
	else if (v->kind == VALUE_NUMBER)
		python_number(v->text, b);
	else
		value_print(v, STYLE_PYTHON, b);
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
	python_str(v, &b);
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
