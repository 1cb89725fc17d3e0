/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack, here or at a URL.  Head, contents and index come first; of the
 * pieces only those that make something wanted, neighbours in one request.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-update/fetch.h"
#include "image-update/update.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/pack.h"
#include "lib/patch.h"

#define NONE UINT32_MAX
#define MOST_RANGES 48 /* requests for pieces */
#define GAP ((uint64_t)16 << 10) /* bytes not wanted that a request costs */

struct opened {
	struct fetch *from;
	struct pack pack;
};

static void
clear(struct carrier *c)
{
	struct opened *o = c->state;

	if (o == NULL)
		return;
	fetch_free(o->from);
	pack_clear(&o->pack);
	free(o);
	c->state = NULL;
}

/* ---- open ------------------------------------------------------------------------ */

static int
check_ids(const struct pack *p, const struct contents *old,
    const struct contents *new, struct error *e)
{
	if (*p->from != '\0' && (old == NULL || strcmp(p->from, old->id) != 0))
		return error_set(e, EBADMSG,
		    "the pack is for another image than the current");
	if (new != NULL && strcmp(p->to, new->id) != 0)
		return error_set(e, EBADMSG, "the pack is of another image");
	return 0;
}

/* Contents and index, in one request. */
static int
read_lists(struct opened *o, const struct contents *old,
    struct contents **contents, struct error *e)
{
	struct pack *p = &o->pack;
	size_t len = (size_t)p->contents_len + p->index_len;
	own_free uint8_t *data = mem_alloc(len + 1);
	ownp(contents_free) struct contents *own = NULL;
	const struct contents *basis = *p->from != '\0' ? old : NULL;

	if (fetch_exactly(o->from, PACK_HEAD, data, len, e) == -1)
		return -1;
	if (*contents == NULL) {
		own = pack_read_contents(p, data, basis, e);
		if (own == NULL)
			return -1;
	}
	if (pack_read_index(p, data + p->contents_len, basis,
		own != NULL ? own : *contents, e) == -1)
		return -1;
	if (own != NULL)
		*contents = take(own);
	return 0;
}

static int
open_pack(struct carrier *c, const struct contents *old,
    struct contents **contents, struct error *e)
{
	struct opened *o = mem_alloc(sizeof(*o));
	uint8_t head[PACK_HEAD];

	c->state = o;
	o->from = fetch_new(c->place);
	if (fetch_exactly(o->from, 0, head, sizeof(head), e) == -1 ||
	    pack_read_head(&o->pack, head, e) == -1 ||
	    check_ids(&o->pack, old, *contents, e) == -1)
		return -1;
	return read_lists(o, old, contents, e);
}

int
carrier_open_pack(struct carrier *c, const struct contents *old,
    struct contents **contents, struct error *e)
{
	if (open_pack(c, old, contents, e) == 0)
		return 0;
	clear(c);
	return e->code == ENOENT ? -1 : error_prefix(e, "%s", c->place);
}

/* ---- what is wanted ---------------------------------------------------------------- */

struct wanted {
	const struct pack *pack;
	const struct contents *new;
	uint32_t *for_entry; /* by entry of the pack: who gets its bytes */
	uint64_t *have; /* by entry: its first bytes that are there */
	bool *piece; /* by piece: it makes something wanted */
};

/* Any entry with the same bytes may be the one that is wanted. */
static void
want_parts(
    struct wanted *w, const uint32_t *sorted, size_t n, const bool *wants)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t entry = sorted[i];
		const uint8_t *sum = w->new->entries[entry].sum;

		if (!wants[entry])
			continue;
		for (size_t k = i; k < n &&
		     memcmp(w->new->entries[sorted[k]].sum, sum,
			 DIGEST_BYTES) == 0;
		     k++)
			w->for_entry[sorted[k]] = entry;
		for (size_t k = i; k-- > 0 &&
		     memcmp(w->new->entries[sorted[k]].sum, sum,
			 DIGEST_BYTES) == 0;)
			w->for_entry[sorted[k]] = entry;
	}
}

static bool
makes_wanted(const struct wanted *w, const struct pack_piece *piece)
{
	const struct pack_part *part = w->pack->parts + piece->first;

	for (size_t i = 0; i < piece->targets; i++, part++) {
		uint32_t entry = w->for_entry[part->entry];

		if (entry != NONE && part->offset + part->len > w->have[entry])
			return true;
	}
	return false;
}

/* What f still wants; without one what needs say. */
static void
wanted_make(struct wanted *w, const struct pack *p, const struct contents *new,
    struct filling *f, const struct needs *needs)
{
	own_free bool *wants = mem_alloc(new->n + 1);
	size_t n;
	own_free uint32_t *sorted = needs_by_digest(new, &n);

	*w = (struct wanted){ .pack = p, .new = new };
	w->for_entry = mem_resize(NULL, new->n + 1, sizeof(*w->for_entry));
	w->have = mem_alloc((new->n + 1) * sizeof(*w->have));
	w->piece = mem_alloc(p->n + 1);
	for (size_t i = 0; i < new->n; i++) {
		w->for_entry[i] = NONE;
		wants[i] = f != NULL ? fill_wants(f, i)
				     : needs->list[i].how == NEED_BYTES;
		if (f != NULL && wants[i])
			w->have[i] = fill_have(f, (uint32_t)i);
	}
	want_parts(w, sorted, n, wants);
	for (size_t i = 0; i < p->n; i++)
		w->piece[i] = makes_wanted(w, &p->pieces[i]);
}

static void
wanted_clear(struct wanted *w)
{
	free(w->for_entry);
	free(w->have);
	free(w->piece);
}

/* ---- requests ----------------------------------------------------------------------- */

/* The piece after the last of the range that begins with piece i. */
static size_t
range_end(const struct wanted *w, size_t i, uint64_t gap)
{
	const struct pack_piece *all = w->pack->pieces;
	size_t end = i + 1;

	for (size_t k = end; k < w->pack->n; k++) {
		if (!w->piece[k])
			continue;
		if (all[k].offset -
			(all[end - 1].offset + all[end - 1].packed) >
		    gap)
			break;
		end = k + 1;
	}
	return end;
}

/* How many ranges there are, and their bytes. */
static size_t
count_ranges(const struct wanted *w, uint64_t gap, uint64_t *bytes)
{
	const struct pack_piece *all = w->pack->pieces;
	size_t n = 0, end;

	*bytes = 0;
	for (size_t i = 0; i < w->pack->n; i = end) {
		end = i + 1;
		if (!w->piece[i])
			continue;
		end = range_end(w, i, gap);
		n++;
		*bytes +=
		    all[end - 1].offset + all[end - 1].packed - all[i].offset;
	}
	return n;
}

/* Few requests: what lies between is fetched with it, if need be. */
static uint64_t
choose_gap(const struct wanted *w, uint64_t *bytes)
{
	uint64_t gap = GAP;

	while (count_ranges(w, gap, bytes) > MOST_RANGES)
		gap *= 2;
	return gap;
}

uint64_t
carrier_pack_cost(const struct carrier *c, const struct contents *new,
    const struct contents *old)
{
	const struct opened *o = c->state;
	struct needs needs;
	struct wanted w;
	uint64_t bytes;

	if (o == NULL)
		return UINT64_MAX;
	needs_make(&needs, old, new);
	wanted_make(&w, &o->pack, new, NULL, &needs);
	choose_gap(&w, &bytes);
	wanted_clear(&w);
	needs_clear(&needs);
	return bytes;
}

/* ---- pieces --------------------------------------------------------------------------- */

struct work {
	struct wanted wanted;
	struct filling *f;
	struct fetch *from;
	struct patcher *patcher;
	uint8_t *packed, *basis, *made;
};

/* A part of a file of the current slot; what is missing will show. */
static void
read_basis(const struct filling *f, const struct pack_part *part, uint8_t *to)
{
	own_fd int fd = openat(f->current, f->old->entries[part->entry].path,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	size_t done = 0;
	ssize_t n = 1;

	while (fd != -1 && done < part->len && n > 0) {
		n = pread(fd, to + done, part->len - done,
		    (off_t)(part->offset + done));
		done += n > 0 ? (size_t)n : 0;
	}
	memset(to + done, 0, part->len - done);
}

static int
add_piece(struct work *w, const struct pack_piece *piece, struct error *e)
{
	const struct pack_part *parts = w->wanted.pack->parts + piece->first;
	const uint8_t *at = w->made;

	for (size_t i = 0; i < piece->targets; at += parts[i].len, i++) {
		uint32_t entry = w->wanted.for_entry[parts[i].entry];

		if (entry == NONE || !fill_wants(w->f, entry))
			continue;
		if (fill_add(w->f, entry, parts[i].offset, at, parts[i].len,
			e) == -1)
			return -1;
	}
	return 0;
}

/* The buffers' size is that of the largest piece, not of the bounds. */
static int
do_piece(struct work *w, const struct pack_piece *piece, struct error *e)
{
	const struct pack_part *parts = w->wanted.pack->parts + piece->first;
	size_t basis = 0;

	for (size_t i = 0; i < piece->bases; i++) {
		const struct pack_part *part = &parts[piece->targets + i];

		read_basis(w->f, part, w->basis + basis);
		basis += part->len;
	}
	if (patch_undo(w->patcher, w->basis, basis, w->packed, piece->packed,
		w->made, piece->size) == -1)
		return error_set(e, EBADMSG,
		    "a piece of the pack is damaged, or what it is based on");
	return add_piece(w, piece, e);
}

static int
read_piece(struct work *w, const struct pack_piece *piece, struct error *e)
{
	size_t done = 0;

	while (done < piece->packed) {
		ssize_t n = fetch_read(
		    w->from, w->packed + done, piece->packed - done, e);

		if (n == -1)
			return -1;
		if (n == 0)
			return error_set(e, EBADMSG, "the pack is too short");
		done += (size_t)n;
	}
	return 0;
}

static int
do_range(struct work *w, size_t i, size_t end, struct error *e)
{
	const struct pack_piece *all = w->wanted.pack->pieces;

	fetch_seek(w->from, all[i].offset,
	    all[end - 1].offset + all[end - 1].packed - all[i].offset);
	for (; i < end; i++)
		if (read_piece(w, &all[i], e) == -1 ||
		    (w->wanted.piece[i] && do_piece(w, &all[i], e) == -1))
			return -1;
	return 0;
}

static int
do_ranges(struct work *w, struct error *e)
{
	const struct pack *p = w->wanted.pack;
	uint64_t bytes, gap = choose_gap(&w->wanted, &bytes);
	size_t end;

	for (size_t i = 0; i < p->n; i = end) {
		end = i + 1;
		if (!w->wanted.piece[i])
			continue;
		end = range_end(&w->wanted, i, gap);
		if (do_range(w, i, end, e) == -1)
			return -1;
	}
	return 0;
}

static void
make_room(struct work *w)
{
	size_t packed = 1, basis = 1, made = 1;
	const struct pack *p = w->wanted.pack;

	for (size_t i = 0; i < p->n; i++) {
		const struct pack_piece *piece = &p->pieces[i];
		size_t n = 0;

		for (size_t k = 0; k < piece->bases; k++)
			n += p->parts[piece->first + piece->targets + k].len;
		packed = piece->packed > packed ? piece->packed : packed;
		made = piece->size > made ? piece->size : made;
		basis = n > basis ? n : basis;
	}
	w->packed = mem_alloc(packed);
	w->basis = mem_alloc(basis);
	w->made = mem_alloc(made);
}

static int
bring(struct carrier *c, const struct source *s, struct filling *f,
    struct error *e)
{
	struct contents *contents = s->contents;
	struct opened *o;
	struct work w = { .f = f };
	int r;

	if (c->state == NULL &&
	    carrier_open_pack(c, f->old, &contents, e) == -1)
		return -1;
	o = c->state;
	wanted_make(&w.wanted, &o->pack, f->new, f, &f->needs);
	w.from = o->from;
	w.patcher = patcher_new();
	make_room(&w);
	r = do_ranges(&w, e);
	wanted_clear(&w.wanted);
	patcher_free(w.patcher);
	free(w.packed);
	free(w.basis);
	free(w.made);
	return r;
}

const struct carrier_kind carrier_pack = {
	.name = "pack",
	.summary = "what is new, for one old image or for any",
	.compares = true,
	.bring = bring,
	.clear = clear,
};
