/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bytes go into which piece, and against what.  A file's basis is the
 * old file at the same path; else the one whose path differs in version
 * numbers only; else one with such a name elsewhere; of several the nearest
 * in size.  Small files share a piece.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/contents.h"
#include "lib/mem.h"
#include "lib/needs.h"
#include "lib/own.h"
#include "lib/pack-private.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define NONE UINT32_MAX
#define TOGETHER ((size_t)1 << 20) /* small files in one piece, with a basis */
#define TOGETHER_ANY ((size_t)1 << 16) /* without: few are wanted of them */

/* ---- the basis --------------------------------------------------------------- */

/* An old file by a name that outlives its version. */
struct named {
	const char *name; /* in its own memory */
	uint64_t size;
	uint32_t entry;
};

struct names {
	struct named *list;
	size_t n;
};

struct bases {
	const struct contents *old;
	struct names paths, files;
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
	const struct named *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r != 0		  ? r
	    : x->size != y->size  ? (x->size < y->size ? -1 : 1)
	    : x->entry < y->entry ? -1
				  : x->entry > y->entry;
}

static void
names_make(struct names *n, const struct contents *c, bool whole)
{
	n->list = mem_resize(NULL, c->n + 1, sizeof(*n->list));
	for (size_t i = 0; i < c->n; i++) {
		const struct contents_entry *t = &c->entries[i];

		if (t->type != 'f' || t->size == 0)
			continue;
		n->list[n->n++] = (struct named){
			.name = without_numbers(
			    whole ? t->path : path_base(t->path)),
			.size = t->size,
			.entry = (uint32_t)i,
		};
	}
	qsort(n->list, n->n, sizeof(*n->list), by_name);
}

static void
names_clear(struct names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free((char *)n->list[i].name);
	free(n->list);
}

/* The file of that name whose size is nearest, or NONE. */
static uint32_t
names_find(const struct names *n, const char *path, uint64_t size)
{
	own_free char *name = without_numbers(path);
	size_t low = 0, high = n->n;
	uint64_t best = UINT64_MAX;
	uint32_t found = NONE;

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

static uint32_t
find_basis(const struct bases *b, const struct contents_entry *t)
{
	const struct contents_entry *o;
	uint32_t found;

	if (b->old == NULL)
		return NONE;
	o = contents_find(b->old, t->path);
	if (o != NULL && o->type == 'h')
		o = contents_find(b->old, o->target);
	if (o != NULL && o->type == 'f' && o->size > 0)
		return (uint32_t)(o - b->old->entries);
	found = names_find(&b->paths, t->path, t->size);
	return found != NONE
	    ? found
	    : names_find(&b->files, path_base(t->path), t->size);
}

/* ---- the pieces ---------------------------------------------------------------- */

static void
add_part(struct pack *p, uint32_t entry, uint64_t offset, uint64_t len)
{
	p->parts =
	    mem_grow(p->parts, &p->parts_cap, p->nparts + 1, sizeof(*p->parts));
	p->parts[p->nparts++] = (struct pack_part){
		.entry = entry, .offset = offset, .len = (uint32_t)len
	};
}

static struct pack_piece *
add_piece(struct pack *p)
{
	p->pieces = mem_grow(p->pieces, &p->cap, p->n + 1, sizeof(*p->pieces));
	p->pieces[p->n] = (struct pack_piece){ .first = (uint32_t)p->nparts };
	return &p->pieces[p->n++];
}

/*
 * A large file, piece by piece; the basis of each is what lies around the
 * same place, in proportion, of the old file.
 */
static void
add_large(struct pack *p, const struct contents *old, uint32_t entry,
    uint64_t size, uint32_t basis)
{
	for (uint64_t at = 0; at < size; at += PACK_PIECE) {
		uint64_t n = size - at < PACK_PIECE ? size - at : PACK_PIECE;
		struct pack_piece *piece = add_piece(p);
		uint64_t have, from, margin = (PACK_BASIS - PACK_PIECE) / 2;

		piece->size = (uint32_t)n;
		piece->targets = 1;
		add_part(p, entry, at, n);
		if (basis == NONE)
			continue;
		have = old->entries[basis].size;
		from = (uint64_t)((double)at / (double)size * (double)have);
		from = from > margin ? from - margin : 0;
		if (have - from < PACK_BASIS)
			from = have > PACK_BASIS ? have - PACK_BASIS : 0;
		piece->bases = 1;
		add_part(p, basis, from,
		    have - from < PACK_BASIS ? have - from : PACK_BASIS);
	}
}

/* Small files that share a piece, until it is full. */
struct group {
	uint32_t *entries, *bases;
	size_t n, cap, bases_cap;
	uint64_t size, basis; /* bytes */
};

static void
end_group(struct pack *p, struct group *g, const struct contents *old,
    const struct contents *new)
{
	struct pack_piece *piece;

	if (g->n == 0)
		return;
	piece = add_piece(p);
	piece->size = (uint32_t)g->size;
	piece->targets = (uint32_t)g->n;
	for (size_t i = 0; i < g->n; i++)
		add_part(p, g->entries[i], 0, new->entries[g->entries[i]].size);
	for (size_t i = 0; i < g->n; i++) {
		if (g->bases[i] == NONE)
			continue;
		piece->bases++;
		add_part(p, g->bases[i], 0, old->entries[g->bases[i]].size);
	}
	g->n = g->size = g->basis = 0;
}

static void
add_small(struct group *g, uint32_t entry, uint64_t size, uint32_t basis,
    uint64_t basis_size)
{
	g->entries = mem_grow(g->entries, &g->cap, g->n + 1, sizeof(uint32_t));
	g->bases =
	    mem_grow(g->bases, &g->bases_cap, g->n + 1, sizeof(uint32_t));
	g->entries[g->n] = entry;
	g->bases[g->n++] = basis;
	g->size += size;
	g->basis += basis_size;
}

static void
plan_all(struct pack *p, const struct bases *b, const struct contents *new,
    const struct needs *needs)
{
	const struct contents *old = b->old;
	size_t together = old != NULL ? TOGETHER : TOGETHER_ANY;
	struct group g = { 0 };

	for (size_t i = 0; i < new->n; i++) {
		uint64_t size = new->entries[i].size, basis_size;
		uint32_t basis;

		if (needs->list[i].how != NEED_BYTES)
			continue;
		basis = find_basis(b, &new->entries[i]);
		basis_size = basis != NONE ? old->entries[basis].size : 0;
		if (size > together || basis_size > PACK_BASIS) {
			end_group(p, &g, old, new);
			add_large(p, old, (uint32_t)i, size, basis);
			continue;
		}
		if (g.size + size > together ||
		    g.basis + basis_size > PACK_BASIS)
			end_group(p, &g, old, new);
		add_small(&g, (uint32_t)i, size, basis, basis_size);
	}
	end_group(p, &g, old, new);
	free(g.entries);
	free(g.bases);
}

void
pack_plan(
    struct pack *p, const struct contents *old, const struct contents *new)
{
	struct bases b = { .old = old };
	struct needs needs;

	*p = (struct pack){ 0 };
	needs_make(&needs, old, new);
	if (old != NULL) {
		names_make(&b.paths, old, true);
		names_make(&b.files, old, false);
	}
	plan_all(p, &b, new, &needs);
	names_clear(&b.paths);
	names_clear(&b.files);
	needs_clear(&needs);
}

void
pack_contents_basis(const struct contents *old, struct strbuf *b)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	const char *lines;

	contents_print(old, &text);
	lines = strstr(text.s, "\n\n");
	strbuf_puts(b, lines != NULL ? lines + 2 : "");
}
