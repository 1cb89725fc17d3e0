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

/* An old file by a name that outlives its version. */
struct basis_name {
	char *name;
	uint64_t size;
	uint32_t entry;
};

/* Without its numbers: "lib/modules/6.1.0-50-amd64/x.ko" of any kernel. */
static char *
without_numbers(const char *path)
{
	char *text = mem_dup(path), *to = text;

	for (const char *p = path; *p != '\0'; p++) {
		if (!isdigit((unsigned char)*p))
			*to++ = *p;
		else if (p == path || !isdigit((unsigned char)p[-1]))
			*to++ = '0';
	}
	*to = '\0';
	return text;
}

static int
by_name(const void *a, const void *b)
{
	const struct basis_name *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r != 0		  ? r
	    : x->size != y->size  ? (x->size < y->size ? -1 : 1)
	    : x->entry < y->entry ? -1
				  : x->entry > y->entry;
}

static void
names_make(struct basis_names *n, const struct contents *c, bool whole)
{
	n->list = mem_resize(NULL, c->n + 1, sizeof(*n->list));
	for (size_t i = 0; i < c->n; i++) {
		const struct contents_entry *t = &c->entries[i];

		if (t->type != 'f' || t->size == 0)
			continue;
		n->list[n->n++] = (struct basis_name){
			.name = without_numbers(
			    whole ? t->path : path_base(t->path)),
			.size = t->size,
			.entry = (uint32_t)i,
		};
	}
	qsort(n->list, n->n, sizeof(*n->list), by_name);
}

static void
names_clear(struct basis_names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->list[i].name);
	free(n->list);
}

/* The file of that name whose size is nearest, or BASIS_NONE. */
static uint32_t
names_find(const struct basis_names *n, const char *path, uint64_t size)
{
	own_free char *name = without_numbers(path);
	size_t low = 0, high = n->n;
	uint64_t best = UINT64_MAX;
	uint32_t found = BASIS_NONE;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(n->list[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < n->n && strcmp(n->list[low].name, name) == 0; low++) {
		uint64_t s = n->list[low].size;
		uint64_t far = s < size ? size - s : s - size;

		if (far < best) {
			best = far;
			found = n->list[low].entry;
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
	return found != BASIS_NONE
	    ? found
	    : names_find(&b->files, path_base(t->path), t->size);
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
	names_clear(&b->paths);
	names_clear(&b->files);
}
