/* SPDX-License-Identifier: Apache-2.0 */
/* zlib's inflate, with a bound on what comes out. */
#include "lib/gzip.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "lib/error.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define PIECE 16384

static void
own_inflate(z_stream *z)
{
	inflateEnd(z);
}

bool
gzip_probe(const void *data, size_t n)
{
	return n > 2 && memcmp(data, "\x1f\x8b\x08", 3) == 0;
}

int
gzip_inflate(
    const void *data, size_t n, size_t max, struct strbuf *b, struct error *e)
{
	own(own_inflate) z_stream z = { .next_in = (void *)(uintptr_t)data,
		.avail_in = (uInt)n };
	size_t start = b->len;
	int r;

	if (n > UINT32_MAX || inflateInit2(&z, 15 + 16) != Z_OK)
		return error_set(e, EINVAL, "gzip: cannot start");
	do {
		char *to = strbuf_reserve(b, PIECE);

		z.next_out = (void *)to;
		z.avail_out = PIECE;
		r = inflate(&z, Z_NO_FLUSH);
		b->len += PIECE - z.avail_out;
		if (b->len - start > max) {
			strbuf_cut(b, start);
			return error_set(
			    e, EFBIG, "gzip: longer than %zu bytes", max);
		}
		if (r == Z_STREAM_END && z.avail_in > 0)
			r = inflateReset(&z);
	} while (r == Z_OK);
	strbuf_putc(b, '\0');
	strbuf_cut(b, b->len - 1);
	if (r == Z_STREAM_END)
		return 0;
	strbuf_cut(b, start);
	return error_set(
	    e, EINVAL, "gzip: %s", r == Z_BUF_ERROR ? "cut short" : "damaged");
}
