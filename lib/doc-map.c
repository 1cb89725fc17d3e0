/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps keep insertion order in arrays of names and of values; beyond a few
 * members a table of hashes beside the names finds them.  Most maps are small,
 * and many have the same names: those share them.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "lib/doc-private.h"
#include "lib/doc.h"

#define SMALL_MAP 8

struct name {
	const char *text;
	uint32_t len;
	uint32_t hash;
};

/* Full ones never change, so maps may share them. */
struct names {
	uint32_t cap;
	uint32_t slots; /* size of the table, a power of two, or 0 */
	struct name items[]; /* cap of them, then the table */
};

struct map {
	struct names *names;
	struct value *values[]; /* as many as there is room for names */
};

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
is_named(const struct name *m, const char *text, size_t n, uint32_t hash)
{
	return m->hash == hash && m->len == n && memcmp(m->text, text, n) == 0;
}

/* Of each slot the name's number + 1; 0 is empty. */
static uint32_t *
table_of(struct names *names)
{
	return (uint32_t *)(names->items + names->cap);
}

struct value **
map_find(const struct value *v, const char *text, size_t n, uint32_t hash)
{
	struct names *names;

	if (v->len == 0)
		return NULL;
	names = v->map->names;
	if (names->slots == 0) {
		for (uint32_t i = 0; i < v->len; i++)
			if (is_named(&names->items[i], text, n, hash))
				return &v->map->values[i];
		return NULL;
	}
	for (uint32_t i = hash;; i++) {
		uint32_t at = table_of(names)[i & (names->slots - 1)];

		if (at == 0)
			return NULL;
		if (is_named(&names->items[at - 1], text, n, hash))
			return &v->map->values[at - 1];
	}
}

static void
table_put(struct names *names, uint32_t hash, uint32_t number)
{
	uint32_t *table = table_of(names), i = hash;

	while (table[i & (names->slots - 1)] != 0)
		i++;
	table[i & (names->slots - 1)] = number + 1;
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

/* Room for cap names, the first of them those that v has. */
static struct names *
names_new(struct doc *d, const struct value *v, uint32_t cap)
{
	uint32_t slots = slots_for(cap);
	struct names *names = doc_alloc(d,
	    sizeof(*names) + cap * sizeof(*names->items) +
		slots * sizeof(uint32_t));

	names->cap = cap;
	names->slots = slots;
	if (v->len > 0)
		memcpy(names->items, v->map->names->items,
		    v->len * sizeof(*names->items));
	for (uint32_t i = 0; slots > 0 && i < v->len; i++)
		table_put(names, names->items[i].hash, i);
	return names;
}

static struct map *
map_new(struct doc *d, struct names *names)
{
	struct map *map =
	    doc_alloc(d, sizeof(*map) + names->cap * sizeof(struct value *));

	map->names = names;
	return map;
}

/* Make room for cap members. */
static void
map_reserve(struct doc *d, struct value *v, uint32_t cap)
{
	struct map *map = map_new(d, names_new(d, v, cap));

	if (v->len > 0)
		memcpy(map->values, v->map->values,
		    v->len * sizeof(struct value *));
	v->map = map;
}

/* Make room for one more member. */
static void
map_grow(struct doc *d, struct value *v)
{
	if (v->map == NULL)
		map_reserve(d, v, 4);
	else if (v->len == v->map->names->cap)
		map_reserve(d, v, v->len * 2);
}

void
map_put(struct doc *d, struct value *v, const char *text, size_t n,
    uint32_t hash, struct value *value)
{
	struct value **place = map_find(v, text, n, hash);
	struct names *names;

	if (place != NULL) {
		*place = value;
		return;
	}
	map_grow(d, v);
	names = v->map->names;
	if (names->slots != 0)
		table_put(names, hash, v->len);
	names->items[v->len] = (struct name){ text, (uint32_t)n, hash };
	v->map->values[v->len++] = value;
}

/* Whether a map has these names in this order, and room for no more. */
static bool
has_names(const struct value *v, const struct member *members, size_t n)
{
	if (v == NULL || v->len != n || v->map->names->cap != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_named(&v->map->names->items[i], members[i].name,
			members[i].len, members[i].hash))
			return false;
	return true;
}

struct value *
value_map_of(struct doc *d, const struct member *members, size_t n,
    const struct value *like)
{
	struct value *v = value_map(d);

	if (has_names(like, members, n)) {
		v->map = map_new(d, like->map->names);
		for (size_t i = 0; i < n; i++)
			v->map->values[i] = members[i].value;
		v->len = (uint32_t)n;
		return v;
	}
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
	struct value **place = map_find(map, name, n, hash);

	if (place != NULL)
		*place = value;
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
	struct value **place;

	if (v == NULL || v->kind != VALUE_MAP)
		return NULL;
	place = map_find(v, name, n, hash);
	return place == NULL ? NULL : *place;
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

struct member
value_member(const struct value *v, size_t i)
{
	const struct name *name = &v->map->names->items[i];

	return (struct member){ .name = name->text,
		.len = name->len,
		.hash = name->hash,
		.value = v->map->values[i] };
}
