/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back, for programs that only read: by zlib, called as QEMU calls
 * it, so that what this takes QEMU takes, and by zstd.
 */
#include <zlib.h>
#include <zstd.h>

#include "lib/compress.h"

#define WINDOW (-12) /* raw; no limit where a piece is undone in one call */

static int
inflate_all(const void *from, size_t len, void *to, size_t n)
{
	z_stream z = { .next_in = (Bytef *)from,
		.avail_in = (uInt)len,
		.next_out = to,
		.avail_out = (uInt)n };
	int r;

	if (inflateInit2(&z, WINDOW) != Z_OK)
		return -1;
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
