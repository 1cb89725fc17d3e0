/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/needs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/contents.h"
#include "lib/mem.h"
#include "lib/own.h"

static bool
is_file(const struct contents_entry *t)
{
	return t->type == 'f' && t->size > 0;
}

static int
by_digest(const void *a, const void *b, void *ctx)
{
	const struct contents_entry *all = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int r = memcmp(all[x].sum, all[y].sum, DIGEST_BYTES);

	return r != 0 ? r : x < y ? -1 : x > y;
}

uint32_t *
needs_by_digest(const struct contents *c, size_t *n)
{
	uint32_t *list = mem_resize(NULL, c->n + 1, sizeof(*list));

	*n = 0;
	for (size_t i = 0; i < c->n; i++)
		if (is_file(&c->entries[i]))
			list[(*n)++] = (uint32_t)i;
	qsort_r(list, *n, sizeof(*list), by_digest, c->entries);
	return list;
}

/* The first entry of a sorted list with a digest, or UINT32_MAX. */
static uint32_t
needs_find(const struct contents *c, const uint32_t *sorted, size_t n,
    const uint8_t *sum)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(c->entries[sorted[middle]].sum, sum, DIGEST_BYTES) <
		    0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == n ||
	    memcmp(c->entries[sorted[low]].sum, sum, DIGEST_BYTES) != 0)
		return UINT32_MAX;
	return sorted[low];
}

static bool
is_same(const struct contents *old, const struct contents_entry *t)
{
	const struct contents_entry *o = contents_find(old, t->path);

	return o != NULL && o->type == 'f' &&
	    contents_differ(o, t) == CONTENTS_SAME;
}

void
needs_make(
    struct needs *n, const struct contents *old, const struct contents *new)
{
	size_t olds = 0, news;
	own_free uint32_t *theirs =
	    old != NULL ? needs_by_digest(old, &olds) : NULL;
	own_free uint32_t *ours = needs_by_digest(new, &news);

	*n = (struct needs){ .list =
				 mem_alloc((new->n + 1) * sizeof(*n->list)) };
	for (size_t i = 0; i < new->n; i++) {
		const struct contents_entry *t = &new->entries[i];
		struct need *need = &n->list[i];

		if (t->type == 'f' && old != NULL && is_same(old, t))
			need->how = NEED_SAME;
		if (!is_file(t) || need->how == NEED_SAME)
			continue;
		need->how = NEED_COPY;
		need->from = old != NULL ? needs_find(old, theirs, olds, t->sum)
					 : UINT32_MAX;
		if (need->from != UINT32_MAX)
			continue;
		/* The first of its kind in the order of the list. */
		need->from = needs_find(new, ours, news, t->sum);
		need->how = need->from < i ? NEED_TWIN : NEED_BYTES;
		if (need->how == NEED_BYTES) {
			n->files++;
			n->bytes += t->size;
		}
	}
}

void
needs_clear(struct needs *n)
{
	free(n->list);
	*n = (struct needs){ 0 };
}
