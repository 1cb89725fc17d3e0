/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place with threads: the same work on many pieces of bytes, as many
 * at once as there are processors.
 */
#ifndef LIB_POOL_H
#define LIB_POOL_H

#include <stddef.h>

#include "lib/own.h"

struct pool;

/* Processors that we may use, at least 1, at most 64. */
unsigned pool_processors(void);

/*
 * A pool of so many threads.  Where one cannot be started there are fewer;
 * the caller's own always works too.
 */
struct pool *pool_new(unsigned threads);
void pool_free(struct pool *p);
OWN_POINTER(pool)

/*
 * work(ctx, piece, thread) for each piece below n, in any order, and return
 * when all is done.  thread is below pool_threads(): for what each one needs
 * alone.  The work must not fail, print or exit.
 */
typedef void pool_work(void *ctx, size_t piece, unsigned thread);
void pool_run(struct pool *p, pool_work *work, void *ctx, size_t n);
unsigned pool_threads(const struct pool *p);

#endif
