/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values in an arena.  Maps keep insertion order in an array; beyond a few
 * members a table of hashes beside the array finds them.
 */
#include "lib/doc.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "lib/mem.h"

#define SMALL_MAP 8

/* Most maps are small and there are many: all of one is in one piece. */
struct map {
	uint32_t cap;
	uint32_t slots; /* size of the table, a power of two, or 0 */
	struct member members[]; /* cap of them, then the table */
};

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
value_list(struct doc *d)
{
	return value_new(d, VALUE_LIST);
}

struct value *
value_map(struct doc *d)
{
	return value_new(d, VALUE_MAP);
}

/* Lists double: a length that is a power of two (or 0) means "full". */
void
value_add(struct doc *d, struct value *list, struct value *item)
{
	uint32_t n = list->len;

	if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
		size_t cap = n == 0 ? 4 : (size_t)n * 2;
		struct value **items = doc_alloc(d, cap * sizeof(*items));

		if (n > 0)
			memcpy(items, list->items, n * sizeof(*items));
		list->items = items;
	}
	list->items[list->len++] = item;
}

struct value *
value_list_of(struct doc *d, struct value *const *items, size_t n)
{
	struct value *list = value_list(d);
	size_t cap = 4;

	while (cap < n)
		cap *= 2;
	list->items = doc_alloc(d, cap * sizeof(struct value *));
	memcpy(list->items, items, n * sizeof(*items));
	list->len = (uint32_t)n;
	return list;
}

/* ---- maps -------------------------------------------------------------- */

/*
 * Names come from others, who could choose many with the same hash and make
 * us search for hours: a key that differs from process to process prevents
 * it.  Order never depends on the hash, so output stays the same.
 */
static const uint64_t *
hash_key(void)
{
	static uint64_t key[2];

	if (key[1] == 0) {
		const void *random = (const void *)getauxval(AT_RANDOM);

		if (random != NULL)
			memcpy(key, random, sizeof(key));
		key[1] |= 1;
	}
	return key;
}

/* Both halves of the product, so that every bit has its effect. */
static uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint32_t
value_hash(const char *s, size_t n)
{
	const uint64_t *key = hash_key();
	uint64_t h = key[0] ^ n;

	for (; n > 0;) {
		uint64_t block = 0;
		size_t part = n < sizeof(block) ? n : sizeof(block);

		memcpy(&block, s, part);
		h = fold(h ^ block, key[1]);
		s += part;
		n -= part;
	}
	h = fold(h ^ key[0], key[1]);
	return (uint32_t)(h ^ h >> 32);
}

static bool
is_named(const struct member *m, const char *name, size_t n, uint32_t hash)
{
	return m->hash == hash && m->len == n && memcmp(m->name, name, n) == 0;
}

/* Of each slot the member's number + 1; 0 is empty. */
static uint32_t *
table_of(struct map *map)
{
	return (uint32_t *)(map->members + map->cap);
}

static struct member *
member_find(const struct value *v, const char *name, size_t n, uint32_t hash)
{
	struct map *map = v->map;

	if (v->len == 0)
		return NULL;
	if (map->slots == 0) {
		for (uint32_t i = 0; i < v->len; i++)
			if (is_named(&map->members[i], name, n, hash))
				return &map->members[i];
		return NULL;
	}
	for (uint32_t i = hash;; i++) {
		uint32_t at = table_of(map)[i & (map->slots - 1)];

		if (at == 0)
			return NULL;
		if (is_named(&map->members[at - 1], name, n, hash))
			return &map->members[at - 1];
	}
}

static void
table_put(struct map *map, uint32_t hash, uint32_t number)
{
	uint32_t *table = table_of(map), i = hash;

	while (table[i & (map->slots - 1)] != 0)
		i++;
	table[i & (map->slots - 1)] = number + 1;
}

/* The table is kept at most half full. */
static uint32_t
slots_for(uint32_t cap)
{
	uint32_t slots = 2 * SMALL_MAP;

	while (slots / 2 < cap)
		slots *= 2;
	return cap <= SMALL_MAP ? 0 : slots;
}

/* Make room for cap members. */
static void
map_reserve(struct doc *d, struct value *v, uint32_t cap)
{
	uint32_t slots = slots_for(cap);
	struct map *map = doc_alloc(d,
	    sizeof(*map) + cap * sizeof(*map->members) +
		slots * sizeof(uint32_t));

	map->cap = cap;
	map->slots = slots;
	if (v->len > 0)
		memcpy(map->members, v->map->members,
		    v->len * sizeof(*map->members));
	for (uint32_t i = 0; slots > 0 && i < v->len; i++)
		table_put(map, map->members[i].hash, i);
	v->map = map;
}

/* Make room for one more member. */
static void
map_grow(struct doc *d, struct value *v)
{
	if (v->map == NULL)
		map_reserve(d, v, 4);
	else if (v->len == v->map->cap)
		map_reserve(d, v, v->map->cap * 2);
}

/* name is kept, not copied. */
static void
map_put(struct doc *d, struct value *v, const char *name, size_t n,
    uint32_t hash, struct value *value)
{
	struct member *m = member_find(v, name, n, hash);

	if (m != NULL) {
		m->value = value;
		return;
	}
	map_grow(d, v);
	if (v->map->slots != 0)
		table_put(v->map, hash, v->len);
	v->map->members[v->len++] = (struct member){
		.name = name, .len = (uint32_t)n, .hash = hash, .value = value
	};
}

struct value *
value_map_of(struct doc *d, const struct member *members, size_t n)
{
	struct value *v = value_map(d);

	map_reserve(d, v, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		map_put(d, v, members[i].name, members[i].len, members[i].hash,
		    members[i].value);
	return v;
}

void
value_setn(struct doc *d, struct value *map, const char *name, size_t n,
    struct value *value)
{
	uint32_t hash = value_hash(name, n);
	struct member *m = member_find(map, name, n, hash);

	if (m != NULL)
		m->value = value;
	else
		map_put(d, map, doc_text(d, name, n), n, hash, value);
}

void
value_set(
    struct doc *d, struct value *map, const char *name, struct value *value)
{
	value_setn(d, map, name, strlen(name), value);
}

void
value_set_text(
    struct doc *d, struct value *map, const char *name, const char *text)
{
	value_set(
	    d, map, name, text != NULL ? value_string(d, text) : value_null(d));
}

void
value_set_number(struct doc *d, struct value *map, const char *name, uint64_t n)
{
	value_set(d, map, name, value_int(d, (long long)n));
}

struct value *
value_get_hashed(
    const struct value *v, const char *name, size_t n, uint32_t hash)
{
	const struct member *m;

	if (v == NULL || v->kind != VALUE_MAP)
		return NULL;
	m = member_find(v, name, n, hash);
	return m == NULL ? NULL : m->value;
}

struct value *
value_getn(const struct value *v, const char *name, size_t n)
{
	return value_get_hashed(v, name, n, value_hash(name, n));
}

struct value *
value_get(const struct value *v, const char *name)
{
	return value_getn(v, name, strlen(name));
}

const struct member *
value_member(const struct value *v, size_t i)
{
	return &v->map->members[i];
}

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
		const struct member *m = value_member(a, i),
				    *n = member_find(
					b, m->name, m->len, m->hash);

		if (n == NULL || !value_equal(m->value, n->value))
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
			const struct member *m = value_member(v, i);

			map_put(d, n, doc_text(d, m->name, m->len), m->len,
			    m->hash, value_copy(d, m->value));
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
		const struct member *m = value_member(from, i);
		struct member *old =
		    member_find(into, m->name, m->len, m->hash);
		struct value *v = m->value;

		if (v->kind == VALUE_MAP && old != NULL &&
		    old->value->kind == VALUE_MAP)
			value_merge(d, old->value, v);
		else
			map_put(d, into, m->name, m->len, m->hash,
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
