/* SPDX-License-Identifier: Apache-2.0 */
/* A pack's head, contents and index, of whoever wrote them. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bytes.h"
#include "lib/contents.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/pack-private.h"
#include "lib/patch.h"
#include "lib/strbuf.h"

void
pack_clear(struct pack *p)
{
	free(p->pieces);
	free(p->parts);
	*p = (struct pack){ 0 };
}

static void
read_id(const uint8_t *sum, char text[DIGEST_TEXT])
{
	static const uint8_t none[DIGEST_BYTES];

	text[0] = '\0';
	if (memcmp(sum, none, DIGEST_BYTES) != 0)
		digest_print(sum, text);
}

int
pack_read_head(struct pack *p, const uint8_t head[PACK_HEAD], struct error *e)
{
	*p = (struct pack){ 0 };
	if (memcmp(head, PACK_MAGIC, PACK_MAGIC_LEN) != 0)
		return error_set(e, EBADMSG, "this is no pack");
	read_id(head + 16, p->from);
	read_id(head + 48, p->to);
	p->contents_len = get_le32(head + 80);
	p->contents_size = get_le32(head + 84);
	p->index_len = get_le32(head + 88);
	p->index_size = get_le32(head + 92);
	if (p->contents_size > LIMIT_CONTENTS_BYTES ||
	    p->contents_len > LIMIT_CONTENTS_BYTES ||
	    p->index_size > LIMIT_PACK_INDEX || p->index_len > LIMIT_PACK_INDEX)
		return error_set(
		    e, EBADMSG, "the pack's head is out of bounds");
	return 0;
}

struct contents *
pack_read_contents(const struct pack *p, const void *data,
    const struct contents *old, struct error *e)
{
	ownp(patcher_free) struct patcher *patcher = patcher_new();
	own(strbuf_clear) struct strbuf text = { 0 }, basis = { 0 };
	struct contents *c;
	int r;

	if (old != NULL)
		contents_print_entries(old, &basis);
	r = patch_undo(patcher, basis.s, basis.len, data, p->contents_len,
	    strbuf_reserve(&text, p->contents_size), p->contents_size);
	strbuf_clear(&basis);
	if (r == -1) {
		error_set(e, EBADMSG, "the pack's contents are damaged");
		return NULL;
	}
	c = contents_parse(text.s, p->contents_size, "the pack's contents", e);
	if (c != NULL && strcmp(c->id, p->to) != 0) {
		contents_free(c);
		error_set(
		    e, EBADMSG, "the pack's contents are of another image");
		return NULL;
	}
	return c;
}

/* ---- the index ------------------------------------------------------------- */

struct cursor {
	const uint8_t *at, *end;
	bool bad;
	uint32_t entry; /* the last one, from which the next is counted */
};

/* LEB128, at most 63 bits. */
static uint64_t
number(struct cursor *c)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 63; shift += 7) {
		if (c->at == c->end)
			break;
		n |= (uint64_t)(*c->at & 0x7f) << shift;
		if (*c->at++ < 0x80)
			return n;
	}
	c->bad = true;
	return 0;
}

/* Read so many parts of files of a list; returns their bytes. */
static uint64_t
read_parts(struct pack *p, struct cursor *c, const struct contents *list,
    uint64_t n, size_t most)
{
	uint64_t bytes = 0;

	for (; n > 0 && !c->bad; n--) {
		struct pack_part part = { 0 };
		const struct contents_entry *t;
		uint64_t len;

		part.entry = c->entry += (uint32_t)number(c);
		part.offset = number(c);
		len = number(c);
		t = list != NULL && part.entry < list->n
		    ? &list->entries[part.entry]
		    : NULL;
		if (t == NULL || t->type != 'f' || part.offset > t->size ||
		    len > t->size - part.offset || len == 0 ||
		    (bytes += len) > most) {
			c->bad = true;
			break;
		}
		part.len = (uint32_t)len;
		p->parts = mem_grow(
		    p->parts, &p->parts_cap, p->nparts + 1, sizeof(*p->parts));
		p->parts[p->nparts++] = part;
	}
	return bytes;
}

static void
read_piece(struct pack *p, struct cursor *c, const struct contents *old,
    const struct contents *new, uint64_t *offset)
{
	struct pack_piece piece = { .offset = *offset,
		.first = (uint32_t)p->nparts };
	uint64_t packed = number(c), targets = number(c), bases;

	c->entry = 0;
	piece.size = (uint32_t)read_parts(p, c, new, targets, PACK_PIECE);
	piece.targets = (uint32_t)(p->nparts - piece.first);
	bases = number(c);
	c->entry = 0;
	read_parts(p, c, old, bases, PACK_BASIS);
	piece.bases = (uint32_t)(p->nparts - piece.first - piece.targets);
	if (packed > PACK_PACKED || packed == 0 || piece.size == 0)
		c->bad = true;
	piece.packed = (uint32_t)packed;
	*offset += packed;
	p->pieces = mem_grow(p->pieces, &p->cap, p->n + 1, sizeof(*p->pieces));
	p->pieces[p->n++] = piece;
}

int
pack_read_index(struct pack *p, const void *data, const struct contents *old,
    const struct contents *new, struct error *e)
{
	ownp(patcher_free) struct patcher *patcher = patcher_new();
	own_free uint8_t *text = mem_alloc(p->index_size + 1);
	struct cursor c = { .at = text, .end = text + p->index_size };
	uint64_t offset = (uint64_t)PACK_HEAD + p->contents_len + p->index_len;

	if (patch_undo(patcher, NULL, 0, data, p->index_len, text,
		p->index_size) == -1)
		return error_set(e, EBADMSG, "the pack's index is damaged");
	while (c.at < c.end && !c.bad)
		read_piece(p, &c, old, new, &offset);
	if (c.bad)
		return error_set(
		    e, EBADMSG, "the pack's index is not about these images");
	return 0;
}
