/* SPDX-License-Identifier: Apache-2.0 */
/* Values in an arena, and whole trees of them. */
#include "lib/doc.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc-private.h"
#include "lib/mem.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/utf8.h"

/* ---- making values ----------------------------------------------------- */

static struct value *
value_new(struct doc *d, enum value_kind kind)
{
	struct value *v = doc_alloc(d, sizeof(*v));

	v->kind = (uint8_t)kind;
	return v;
}

struct value *
value_null(struct doc *d)
{
	return value_new(d, VALUE_NULL);
}

struct value *
value_bool(struct doc *d, bool truth)
{
	struct value *v = value_new(d, VALUE_BOOL);

	v->truth = truth;
	return v;
}

struct value *
value_number(struct doc *d, const char *text)
{
	struct value *v = value_new(d, VALUE_NUMBER);

	v->len = (uint32_t)strlen(text);
	v->text = doc_text(d, text, v->len);
	return v;
}

struct value *
value_int(struct doc *d, long long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", n);
	return value_number(d, text);
}

struct value *
value_real(struct doc *d, double n)
{
	char text[40];

	if (isnan(n))
		return value_number(d, "NaN");
	if (isinf(n))
		return value_number(d, n < 0 ? "-Infinity" : "Infinity");
	snprintf(text, sizeof(text), "%.17g", n);
	if (strpbrk(text, ".e") == NULL) {
		size_t at = strlen(text);

		snprintf(text + at, sizeof(text) - at, ".0");
	}
	return value_number(d, text);
}

struct value *
value_stringn(struct doc *d, const char *text, size_t n)
{
	struct value *v = value_new(d, VALUE_STRING);

	if (n > UINT32_MAX)
		mem_exhausted();
	v->len = (uint32_t)n;
	v->text = doc_text(d, text, n);
	return v;
}

struct value *
value_string(struct doc *d, const char *text)
{
	return value_stringn(d, text, strlen(text));
}

struct value *
value_foreign(struct doc *d, const char *bytes, size_t n)
{
	own(strbuf_clear) struct strbuf clean = { 0 };

	utf8_clean(&clean, bytes, n);
	return value_stringn(d, strbuf_text(&clean), clean.len);
}

struct value *
value_strings(struct doc *d, const struct strlist *l)
{
	struct value *v = value_list(d);

	for (size_t i = 0; i < l->len; i++)
		value_add(d, v, value_string(d, l->items[i]));
	return v;
}

struct value *
value_list(struct doc *d)
{
	return value_new(d, VALUE_LIST);
}

struct value *
value_map(struct doc *d)
{
	return value_new(d, VALUE_MAP);
}

/* Lists double: a length that is a power of two (or 0) means "full", too. */
void
value_add(struct doc *d, struct value *list, struct value *item)
{
	uint32_t n = list->len;

	if (list->full || n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
		struct value **items;
		size_t cap = 4;

		while (cap <= n)
			cap *= 2;
		items = doc_alloc(d, cap * sizeof(*items));
		if (n > 0)
			memcpy(items, list->items, n * sizeof(*items));
		list->items = items;
		list->full = false;
	}
	list->items[list->len++] = item;
}

struct value *
value_list_of(struct doc *d, struct value *const *items, size_t n)
{
	struct value *list = value_list(d);

	list->items = doc_alloc(d, n * sizeof(struct value *));
	memcpy(list->items, items, n * sizeof(*items));
	list->len = (uint32_t)n;
	list->full = true;
	return list;
}

/* ---- asking ------------------------------------------------------------- */

struct value *
value_find(const struct value *v, const char *dotted)
{
	struct value *at = NULL;

	for (;;) {
		size_t n = strcspn(dotted, ".");

		at = value_getn(v, dotted, n);
		if (at == NULL || dotted[n] == '\0')
			return at;
		v = at;
		dotted += n + 1;
	}
}

const char *
value_text(const struct value *v, const char *name, const char *fallback)
{
	const struct value *m = value_get(v, name);

	return m != NULL && m->kind == VALUE_STRING ? m->text : fallback;
}

bool
value_is_int(const struct value *v)
{
	return v != NULL && v->kind == VALUE_NUMBER &&
	    strpbrk(v->text, ".eENI") == NULL;
}

bool
value_to_int(const struct value *v, long long *n)
{
	long long x;
	char *end;

	if (!value_is_int(v))
		return false;
	errno = 0;
	x = strtoll(v->text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*n = x;
	return true;
}

double
value_to_real(const struct value *v)
{
	return v != NULL && v->kind == VALUE_NUMBER ? strtod(v->text, NULL) : 0;
}

/* ---- whole trees ------------------------------------------------------- */

/* Exactly the same number, though one is written with a point. */
static bool
int_equals_real(const struct value *whole, const struct value *real)
{
	double n = value_to_real(real);
	char text[400];

	if (!isfinite(n))
		return false;
	snprintf(text, sizeof(text), "%.0f", n == 0 ? 0 : n);
	/* Without a fraction it reads back the same. */
	return strtod(text, NULL) == n &&
	    strcmp(text, strcmp(whole->text, "-0") == 0 ? "0" : whole->text) ==
	    0;
}

/* Two texts of numbers are most often equal; else go by value. */
static bool
number_equal(const struct value *a, const struct value *b)
{
	bool a_int = value_is_int(a), b_int = value_is_int(b);

	if (strcmp(a->text, b->text) == 0)
		return strcmp(a->text, "NaN") != 0;
	if (a_int && b_int)
		return value_to_real(a) == 0 && value_to_real(b) == 0;
	if (a_int || b_int)
		return a_int ? int_equals_real(a, b) : int_equals_real(b, a);
	return value_to_real(a) == value_to_real(b);
}

static bool
map_equal(const struct value *a, const struct value *b)
{
	for (uint32_t i = 0; i < a->len; i++) {
		const struct member m = value_member(a, i);
		struct value *const *other = map_find(b, m.name, m.len, m.hash);

		if (other == NULL || !value_equal(m.value, *other))
			return false;
	}
	return true;
}

bool
value_equal(const struct value *a, const struct value *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case VALUE_BOOL:
		return a->truth == b->truth;
	case VALUE_NUMBER:
		return number_equal(a, b);
	case VALUE_STRING:
		return a->len == b->len &&
		    memcmp(a->text, b->text, a->len) == 0;
	case VALUE_LIST:
		if (a->len != b->len)
			return false;
		for (uint32_t i = 0; i < a->len; i++)
			if (!value_equal(a->items[i], b->items[i]))
				return false;
		return true;
	case VALUE_MAP:
		return a->len == b->len && map_equal(a, b);
	default:
		return true;
	}
}

struct value *
value_copy(struct doc *d, const struct value *v)
{
	struct value *n = value_new(d, v->kind);

	n->truth = v->truth;
	switch (v->kind) {
	case VALUE_NUMBER:
	case VALUE_STRING:
		n->len = v->len;
		n->text = doc_text(d, v->text, v->len);
		break;
	case VALUE_LIST:
		for (uint32_t i = 0; i < v->len; i++)
			value_add(d, n, value_copy(d, v->items[i]));
		break;
	case VALUE_MAP:
		for (uint32_t i = 0; i < v->len; i++) {
			const struct member m = value_member(v, i);

			map_put(d, n, doc_text(d, m.name, m.len), m.len, m.hash,
			    value_copy(d, m.value));
		}
		break;
	default:
		break;
	}
	return n;
}

/* The members of from in a new map, so that merging cannot change from. */
static struct value *
map_dup(struct doc *d, const struct value *from)
{
	struct value *n = value_map(d);

	value_merge(d, n, from);
	return n;
}

void
value_merge(struct doc *d, struct value *into, const struct value *from)
{
	for (uint32_t i = 0; i < from->len; i++) {
		const struct member m = value_member(from, i);
		struct value *const *old =
		    map_find(into, m.name, m.len, m.hash);
		struct value *v = m.value;

		if (v->kind == VALUE_MAP && old != NULL &&
		    (*old)->kind == VALUE_MAP)
			value_merge(d, *old, v);
		else
			map_put(d, into, m.name, m.len, m.hash,
			    v->kind == VALUE_MAP ? map_dup(d, v) : v);
	}
}

const char *
value_kind_name(const struct value *v)
{
	static const char *const names[] = { "null", "a boolean", "a number",
		"a string", "a list", "a map" };

	return v == NULL ? "nothing" : names[v->kind];
}
