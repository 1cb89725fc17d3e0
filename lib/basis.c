/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/basis.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/contents.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

/*
 * The next byte of a path without its numbers, a number being one "0":
 * "lib/modules/6.1.0-50-amd64/x.ko" of any kernel.
 */
static char
next_byte(const char **path)
{
	const char *p = *path;

	if (!isdigit((unsigned char)*p)) {
		*path += *p != '\0';
		return *p;
	}
	while (isdigit((unsigned char)*p))
		p++;
	*path = p;
	return '0';
}

/* Compares names that outlive their versions. */
static int
name_order(const char *a, const char *b)
{
	char x, y;

	do {
		x = next_byte(&a);
		y = next_byte(&b);
	} while (x == y && x != '\0');
	return (unsigned char)x - (unsigned char)y;
}

static const char *
name_of(const struct basis_names *n, const char *path)
{
	return n->whole ? path : path_base(path);
}

static int
by_name(const void *a, const void *b, void *ctx)
{
	const struct basis_names *n = ctx;
	uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;
	const struct contents_entry *x = &n->old->entries[one],
				    *y = &n->old->entries[two];
	int r = name_order(name_of(n, x->path), name_of(n, y->path));

	return r != 0		 ? r
	    : x->size != y->size ? (x->size < y->size ? -1 : 1)
	    : one < two		 ? -1
				 : one > two;
}

static void
names_make(struct basis_names *n, const struct contents *old, bool whole)
{
	*n = (struct basis_names){ .old = old, .whole = whole };
	n->list = mem_resize(NULL, old->n + 1, sizeof(*n->list));
	for (size_t i = 0; i < old->n; i++)
		if (old->entries[i].type == 'f' && old->entries[i].size > 0)
			n->list[n->n++] = (uint32_t)i;
	qsort_r(n->list, n->n, sizeof(*n->list), by_name, n);
}

static const struct contents_entry *
name_at(const struct basis_names *n, size_t i)
{
	return &n->old->entries[n->list[i]];
}

/* The file of that name whose size is nearest, or BASIS_NONE. */
static uint32_t
names_find(const struct basis_names *n, const char *path, uint64_t size)
{
	const char *name = name_of(n, path);
	size_t low = 0, high = n->n;
	uint64_t best = UINT64_MAX;
	uint32_t found = BASIS_NONE;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (name_order(name_of(n, name_at(n, middle)->path), name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < n->n &&
	     name_order(name_of(n, name_at(n, low)->path), name) == 0;
	     low++) {
		uint64_t s = name_at(n, low)->size;
		uint64_t far = s < size ? size - s : s - size;

		if (far < best) {
			best = far;
			found = n->list[low];
		}
	}
	return found;
}

uint32_t
bases_find(const struct bases *b, const struct contents_entry *t)
{
	const struct contents_entry *o;
	uint32_t found;

	if (b->old == NULL)
		return BASIS_NONE;
	o = contents_find(b->old, t->path);
	if (o != NULL && o->type == 'h')
		o = contents_find(b->old, o->target);
	if (o != NULL && o->type == 'f' && o->size > 0)
		return (uint32_t)(o - b->old->entries);
	found = names_find(&b->paths, t->path, t->size);
	return found != BASIS_NONE ? found
				   : names_find(&b->files, t->path, t->size);
}

void
bases_make(struct bases *b, const struct contents *old)
{
	*b = (struct bases){ .old = old };
	if (old == NULL)
		return;
	names_make(&b->paths, old, true);
	names_make(&b->files, old, false);
}

void
bases_clear(struct bases *b)
{
	free(b->paths.list);
	free(b->files.list);
}
