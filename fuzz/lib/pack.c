/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack's head and index, of anyone: whatever is taken lies inside the files
 * of the two lists and within the bounds.  The input is the index unpacked,
 * or with "ingot-pack" in front a pack from its head on.
 */
#include "lib/pack.h"

#include <stdlib.h>
#include <string.h>

#include "lib/contents-private.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/patch.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct contents *
make_list(void)
{
	static const char *const paths[] = { ".", "a", "b", "c" };
	struct contents *c = contents_new("x");

	for (size_t i = 0; i < 4; i++) {
		struct contents_entry *t = contents_add(c);

		t->path = paths[i];
		t->type = i == 0 ? 'd' : 'f';
		t->size = i * 1000000;
	}
	return c;
}

static void
check(const struct pack *p, const struct contents *c)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct pack_piece *piece = &p->pieces[i];
		size_t made = 0;

		if (piece->first + piece->targets + piece->bases > p->nparts)
			abort();
		for (uint32_t k = 0; k < piece->targets + piece->bases; k++) {
			const struct pack_part *t = &p->parts[piece->first + k];

			if (t->entry == 0 || t->entry >= c->n ||
			    t->offset + t->len > c->entries[t->entry].size)
				abort();
			made += k < piece->targets ? t->len : 0;
		}
		if (made != piece->size || made > PACK_PIECE ||
		    piece->packed > PACK_PACKED)
			abort();
	}
}

static void
read_whole(const uint8_t *data, size_t size, const struct contents *c)
{
	own(pack_clear) struct pack p = { 0 };
	struct contents *own;
	struct error e;

	if (size < PACK_HEAD || pack_read_head(&p, data, &e) == -1 ||
	    p.contents_size > MIB(1) || p.index_size > MIB(1) ||
	    (uint64_t)PACK_HEAD + p.contents_len + p.index_len > size)
		return;
	own = pack_read_contents(&p, data + PACK_HEAD, c, &e);
	contents_free(own);
	if (pack_read_index(&p, data + PACK_HEAD + p.contents_len, c, c, &e) ==
	    0)
		check(&p, c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ownp(contents_free) struct contents *c = make_list();
	ownp(patcher_free) struct patcher *patcher = patcher_new();
	own(strbuf_clear) struct strbuf packed = { 0 };
	own(pack_clear) struct pack p = { 0 };
	struct error e;

	if (size >= 10 && memcmp(data, "ingot-pack", 10) == 0) {
		read_whole(data, size, c);
		return 0;
	}
	patch_make(patcher, NULL, 0, data, size, &packed);
	p.index_len = (uint32_t)packed.len;
	p.index_size = (uint32_t)size;
	if (pack_read_index(&p, packed.s, c, c, &e) == 0)
		check(&p, c);
	return 0;
}
