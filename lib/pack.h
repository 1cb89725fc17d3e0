/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack: the bytes that an image has and another one, or none, has not; see
 * docs/ingot-pack.5.
 *
 *	head | contents | index | piece | piece | ...
 *
 * The contents of the image and the index of the pieces are zstd frames.  A
 * piece is a patch (lib/patch.h): against parts of the old image's files it
 * makes parts of the new one's.  Nothing in a pack is believed: the contents
 * are signed, and each file that comes of it is compared with them.
 */
#ifndef LIB_PACK_H
#define LIB_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"

struct contents;
struct error;
struct patcher;
struct strbuf;

#define PACK_HEAD 96 /* bytes */
#define PACK_PIECE ((size_t)1 << 20) /* bytes that one makes, at most */
#define PACK_BASIS ((size_t)2 << 20) /* old bytes to one, at most */
#define PACK_PACKED (PACK_PIECE + (PACK_PIECE >> 7) + 1024)

/* Some bytes of a file. */
struct pack_part {
	uint64_t offset;
	uint32_t entry; /* its number in the contents, from 0 */
	uint32_t len;
};

struct pack_piece {
	uint64_t offset; /* in the pack */
	uint32_t packed, size; /* bytes of the piece, and of what it makes */
	uint32_t first; /* of its parts: what it makes, then what of */
	uint32_t targets, bases;
};

struct pack {
	char from[DIGEST_TEXT]; /* the old image's id; "" for none */
	char to[DIGEST_TEXT];
	uint32_t contents_len, contents_size; /* packed, and not */
	uint32_t index_len, index_size;
	struct pack_piece *pieces;
	struct pack_part *parts;
	size_t n, cap, nparts, parts_cap;
};

void pack_clear(struct pack *p);

/* ---- reading: pack-read.c ------------------------------------------------- */

int
pack_read_head(struct pack *p, const uint8_t head[PACK_HEAD], struct error *e);

/*
 * The contents, parsed; NULL on error.  old are the old image's, NULL if
 * none.
 */
struct contents *pack_read_contents(const struct pack *p, const void *data,
    const struct contents *old, struct error *e);

/*
 * The index.  Afterwards each part lies inside a file of its list, and no
 * piece is larger than the bounds above.
 */
int pack_read_index(struct pack *p, const void *data,
    const struct contents *old, const struct contents *new, struct error *e);

/* ---- writing: pack-plan.c, pack-write.c --------------------------------------- */

/* The two images, as folders with their contents; old may be NULL. */
struct pack_images {
	const struct contents *old, *new;
	int old_dir, new_dir;
};

/* Fill pieces and parts: what makes what.  Pure. */
void pack_plan(
    struct pack *p, const struct contents *old, const struct contents *new);

/* Write the pack to fd, on all processors; the same bytes each time. */
int pack_write(const struct pack_images *images, int fd, struct error *e);

#endif
