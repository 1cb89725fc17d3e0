/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces compressed and undone; what does not become smaller; damage. */
#include "lib/compress.h"

#include <stdint.h>
#include <string.h>

#include "tests/unit/check.h"

#define N 65536

static uint8_t text[N], noise[N], out[N], back[N];

static void
make_pieces(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < N; i++) {
		text[i] = (uint8_t)("golden image "[i % 13] + (i / 4096));
		x = x * 1664525 + 1013904223;
		noise[i] = (uint8_t)(x >> 24);
	}
}

static void
pieces_come_back(enum compress_kind kind)
{
	ownp(compressor_free) struct compressor *c = compressor_new(kind);
	size_t n, again;

	for (int i = 0; i < 3; i++) {
		n = compressor_run(c, text, N, out, N);
		CHECK(n > 0 && n < N / 20);
		memset(back, 0xff, N);
		CHECK(compressor_undo(kind, out, n, back, N) == 0);
		CHECK(memcmp(back, text, N) == 0);
		/* A reader knows only the number of sectors. */
		memset(out + n, 0xaa, 512);
		CHECK(compressor_undo(kind, out, n + 512, back, N) == 0);
		CHECK(compressor_run(c, noise, N, out, N) == 0);
	}
	again = compressor_run(c, text, N, out, n);
	CHECK(again == 0); /* not below the room */
	n = compressor_run(c, text, N, out, N);
	CHECK(compressor_undo(kind, out, n / 2, back, N) == -1);
	memset(out, 0x55, n);
	CHECK(compressor_undo(kind, out, n, back, N) == -1);
}

int
main(void)
{
	make_pieces();
	pieces_come_back(COMPRESS_DEFLATE);
	pieces_come_back(COMPRESS_ZSTD);
	return check_result();
}
