/* SPDX-License-Identifier: Apache-2.0 */
/* libdeflate and zstd with the parameters that disk formats want. */
#include "lib/compress.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zstd.h>

#include "lib/mem.h"

#define DEFLATE_LEVEL \
	2 /* smaller than zlib's usual, in a quarter of its time */
#define ZSTD_LEVEL 3

struct compressor {
	enum compress_kind kind;
	struct libdeflate_compressor *deflate;
	ZSTD_CCtx *zstd;
};

/* They fail to begin only when memory is out. */
static void
must(bool ok)
{
	if (!ok)
		abort();
}

struct compressor *
compressor_new(enum compress_kind kind)
{
	struct compressor *c = mem_alloc(sizeof(*c));

	c->kind = kind;
	if (kind == COMPRESS_ZSTD) {
		c->zstd = ZSTD_createCCtx();
		must(c->zstd != NULL);
	} else {
		c->deflate = libdeflate_alloc_compressor(DEFLATE_LEVEL);
		must(c->deflate != NULL);
	}
	return c;
}

void
compressor_free(struct compressor *c)
{
	if (c == NULL)
		return;
	if (c->kind == COMPRESS_ZSTD)
		ZSTD_freeCCtx(c->zstd);
	else
		libdeflate_free_compressor(c->deflate);
	free(c);
}

size_t
compressor_run(
    struct compressor *c, const void *from, size_t n, void *to, size_t room)
{
	size_t len;

	if (c->kind == COMPRESS_ZSTD) {
		len = ZSTD_compressCCtx(c->zstd, to, room, from, n, ZSTD_LEVEL);
		return ZSTD_isError(len) || len >= room ? 0 : len;
	}
	len = libdeflate_deflate_compress(c->deflate, from, n, to, room);
	return len >= room ? 0 : len;
}
