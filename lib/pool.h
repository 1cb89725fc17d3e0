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

#define POOL_MOST 64 /* threads */

/* Processors that we may use, at least 1, at most POOL_MOST. */
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

/*
 * The same for pieces that are not all known yet: those of a round are
 * numbered as they are added, and worked on from then on.  pool_end() returns
 * when all are done; a pool that is freed before leaves what nobody has taken.
 */
void pool_begin(struct pool *p, pool_work *work, void *ctx);
void pool_add(struct pool *p, size_t n); /* n more */
void pool_end(struct pool *p);

#endif
