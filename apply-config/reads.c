/* SPDX-License-Identifier: Apache-2.0 */
/* Places in an array, found by a table of (parent, name). */
#include "apply-config/reads.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/strbuf.h"

struct place {
	uint32_t parent;
	uint32_t name; /* offset in names */
	uint32_t len;
	uint32_t hash; /* of parent and name */
	uint32_t marked[2]; /* the last template that depends, by aspect */
};

struct reads {
	struct place *places;
	size_t count, cap;
	uint32_t *table; /* place + 1, 0 is empty */
	size_t slots; /* a power of two, at least twice count */
	struct strbuf names;
	uint32_t template;
	uint32_t *marks;
	size_t mark_count, mark_cap;
};

struct reads *
reads_new(void)
{
	struct reads *r = mem_alloc(sizeof(*r));

	r->slots = 256;
	r->table = mem_alloc(r->slots * sizeof(*r->table));
	r->places = mem_grow(NULL, &r->cap, 1, sizeof(*r->places));
	r->places[0] = (struct place){ .parent = READS_NONE };
	r->count = 1;
	return r;
}

void
reads_free(struct reads *r)
{
	if (r == NULL)
		return;
	free(r->places);
	free(r->table);
	free(r->marks);
	strbuf_clear(&r->names);
	free(r);
}

static void
table_put(struct reads *r, uint32_t place)
{
	size_t i = r->places[place].hash;

	while (r->table[i & (r->slots - 1)] != 0)
		i++;
	r->table[i & (r->slots - 1)] = place + 1;
}

static void
table_grow(struct reads *r)
{
	free(r->table);
	r->slots *= 4;
	r->table = mem_alloc(r->slots * sizeof(*r->table));
	for (uint32_t i = 1; i < r->count; i++)
		table_put(r, i);
}

uint32_t
reads_child(struct reads *r, uint32_t parent, const char *name, uint32_t len,
    uint32_t hash)
{
	struct place *p;

	if (r == NULL || parent == READS_NONE)
		return READS_NONE;
	hash = hash * 31 + parent * 2654435761u;
	for (size_t i = hash;; i++) {
		uint32_t at = r->table[i & (r->slots - 1)];

		if (at == 0)
			break;
		p = &r->places[at - 1];
		if (p->hash == hash && p->parent == parent && p->len == len &&
		    memcmp(r->names.s + p->name, name, len) == 0)
			return at - 1;
	}
	if (r->count * 2 >= r->slots)
		table_grow(r);
	r->places =
	    mem_grow(r->places, &r->cap, r->count + 1, sizeof(*r->places));
	r->places[r->count] = (struct place){ .parent = parent,
		.name = (uint32_t)r->names.len,
		.len = len,
		.hash = hash };
	strbuf_add(&r->names, name, len);
	table_put(r, (uint32_t)r->count);
	return (uint32_t)r->count++;
}

void
reads_begin(struct reads *r)
{
	r->template ++;
	r->mark_count = 0;
}

void
reads_mark(struct reads *r, uint32_t place, enum read_aspect aspect)
{
	if (r == NULL || place == READS_NONE ||
	    r->places[place].marked[aspect] == r->template)
		return;
	r->places[place].marked[aspect] = r->template;
	r->marks = mem_grow(
	    r->marks, &r->mark_cap, r->mark_count + 1, sizeof(*r->marks));
	r->marks[r->mark_count++] = place * 2 + aspect;
}

const uint32_t *
reads_marked(const struct reads *r, size_t *n)
{
	*n = r->mark_count;
	return r->marks;
}

size_t
reads_count(const struct reads *r)
{
	return r->count;
}

uint32_t
reads_parent(const struct reads *r, uint32_t place)
{
	return r->places[place].parent;
}

const char *
reads_name(const struct reads *r, uint32_t place, uint32_t *len)
{
	*len = r->places[place].len;
	return r->names.s == NULL ? "" : r->names.s + r->places[place].name;
}
