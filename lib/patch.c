/* SPDX-License-Identifier: Apache-2.0 */
/* zstd with a prefix, in one go from memory to memory. */
#include "lib/patch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <zstd.h>

#include "lib/mem.h"
#include "lib/strbuf.h"

#define LEVEL 19 /* made once, fetched often */
#define LEAST_WINDOW 17

struct patcher {
	ZSTD_CCtx *make;
	ZSTD_DCtx *undo;
};

/* zstd fails here only when memory is out. */
static void
must(bool ok)
{
	if (!ok)
		abort();
}

struct patcher *
patcher_new(void)
{
	return mem_alloc(sizeof(struct patcher));
}

void
patcher_free(struct patcher *p)
{
	if (p == NULL)
		return;
	ZSTD_freeCCtx(p->make);
	ZSTD_freeDCtx(p->undo);
	free(p);
}

static void
set(struct patcher *p, ZSTD_cParameter what, int to)
{
	must(!ZSTD_isError(ZSTD_CCtx_setParameter(p->make, what, to)));
}

/* A window over both: all of the old bytes can be reached to the end. */
static int
window(size_t n)
{
	int log = LEAST_WINDOW;

	while (log < 27 && ((size_t)1 << log) < n)
		log++;
	return log;
}

void
patch_make(struct patcher *p, const void *old, size_t old_len, const void *data,
    size_t n, struct strbuf *b)
{
	size_t room = ZSTD_compressBound(n), len;

	if (p->make == NULL)
		p->make = ZSTD_createCCtx();
	must(p->make != NULL);
	set(p, ZSTD_c_compressionLevel, LEVEL);
	set(p, ZSTD_c_checksumFlag, 1);
	set(p, ZSTD_c_windowLog, window(old_len + n));
	if (old_len > 0)
		must(!ZSTD_isError(ZSTD_CCtx_refPrefix(p->make, old, old_len)));
	len = ZSTD_compress2(p->make, strbuf_reserve(b, room), room, data, n);
	must(!ZSTD_isError(len));
	b->len += len;
	strbuf_add(b, "", 0);
}

int
patch_undo(struct patcher *p, const void *old, size_t old_len,
    const void *patch, size_t len, void *to, size_t n)
{
	if (p->undo == NULL)
		p->undo = ZSTD_createDCtx();
	must(p->undo != NULL);
	if (ZSTD_findFrameCompressedSize(patch, len) != len)
		return -1;
	must(!ZSTD_isError(
	    ZSTD_DCtx_refPrefix(p->undo, old_len > 0 ? old : NULL, old_len)));
	return ZSTD_decompressDCtx(p->undo, to, n, patch, len) == n ? 0 : -1;
}
