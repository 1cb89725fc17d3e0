/* SPDX-License-Identifier: Apache-2.0 */
/* A patch is small where little is new, and undone exactly or not at all. */
#include "lib/patch.h"

#include <stdint.h>
#include <stdlib.h>

#include "lib/mem.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

#define SIZE 300000

static uint8_t old[SIZE], new[SIZE + 3], made[SIZE + 4];

static void
fill(void)
{
	uint32_t r = 1;

	for (size_t i = 0; i < SIZE; i++) {
		r = r * 1664525 + 1013904223;
		old[i] = (uint8_t)(r >> 24);
	}
	memcpy(new, old, 1000);
	memcpy(new + 1000, "new", 3);
	memcpy(new + 1003, old + 1000, SIZE - 1000);
}

static void
check_patch(struct patcher *p)
{
	own(strbuf_clear) struct strbuf b = { 0 }, again = { 0 };

	patch_make(p, old, SIZE, new, sizeof(new), &b);
	CHECK(b.len > 0 && b.len < 1000);
	patch_make(p, old, SIZE, new, sizeof(new), &again);
	CHECK(again.len == b.len && memcmp(again.s, b.s, b.len) == 0);
	CHECK(patch_undo(p, old, SIZE, b.s, b.len, made, sizeof(new)) == 0);
	CHECK(memcmp(made, new, sizeof(new)) == 0);

	/* Another length, another basis, a cut, and more than the patch. */
	CHECK(patch_undo(p, old, SIZE, b.s, b.len, made, SIZE) == -1);
	CHECK(patch_undo(p, old, SIZE, b.s, b.len, made, SIZE + 4) == -1);
	CHECK(patch_undo(p, old, SIZE, b.s, b.len - 1, made, SIZE + 3) == -1);
	CHECK(patch_undo(p, NULL, 0, b.s, b.len, made, SIZE + 3) == -1);
	CHECK(patch_undo(p, new, SIZE, b.s, b.len, made, SIZE + 3) == -1);
	strbuf_puts(&b, "x");
	CHECK(patch_undo(p, old, SIZE, b.s, b.len, made, SIZE + 3) == -1);
}

int
main(void)
{
	ownp(patcher_free) struct patcher *p = patcher_new();
	own(strbuf_clear) struct strbuf b = { 0 };

	fill();
	check_patch(p);
	patch_make(p, NULL, 0, "", 0, &b);
	CHECK(patch_undo(p, NULL, 0, b.s, b.len, made, 0) == 0);
	CHECK(patch_undo(p, NULL, 0, "", 0, made, 0) == -1);
	return check_result();
}
