/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bytes go into which piece, and against what.  Small files share a
 * piece, a large one has several.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/basis.h"
#include "lib/contents.h"
#include "lib/mem.h"
#include "lib/needs.h"
#include "lib/own.h"
#include "lib/pack-private.h"
#include "lib/path.h"

#define NONE BASIS_NONE
#define TOGETHER ((size_t)1 << 20) /* small files in one piece, with a basis */
#define TOGETHER_ANY ((size_t)1 << 16) /* without: few are wanted of them */

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
		basis = bases_find(b, &new->entries[i]);
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
	struct bases b;
	struct needs needs;

	*p = (struct pack){ 0 };
	needs_make(&needs, old, new);
	bases_make(&b, old);
	plan_all(p, &b, new, &needs);
	bases_clear(&b);
	needs_clear(&needs);
}
