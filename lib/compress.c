/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdeflate and zstd with the parameters that disk formats want.  Pieces are
 * undone by zlib, called as QEMU calls it: what it takes, QEMU takes.
 */
#include "lib/compress.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "lib/mem.h"

#define WINDOW (-12) /* raw; no limit where a piece is undone in one call */
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

static int
inflate_all(const void *from, size_t len, void *to, size_t n)
{
	z_stream z = { .next_in = (Bytef *)from,
		.avail_in = (uInt)len,
		.next_out = to,
		.avail_out = (uInt)n };
	int r;

	must(inflateInit2(&z, WINDOW) == Z_OK);
	r = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* What follows in the last sector is no matter. */
	return (r == Z_STREAM_END || r == Z_BUF_ERROR) && z.avail_out == 0 ? 0
									   : -1;
}

int
compressor_undo(
    enum compress_kind kind, const void *from, size_t len, void *to, size_t n)
{
	size_t frame;

	if (kind != COMPRESS_ZSTD)
		return inflate_all(from, len, to, n);
	frame = ZSTD_findFrameCompressedSize(from, len);
	if (ZSTD_isError(frame))
		return -1;
	return ZSTD_decompress(to, n, from, frame) == n ? 0 : -1;
}
