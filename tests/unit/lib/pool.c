/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every piece is worked once, however many threads and rounds there are, and
 * also if it comes while others are worked on.
 */
#include "lib/pool.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define PIECES 5000

struct round {
	unsigned done[PIECES];
	unsigned threads;
	bool strange;
	_Atomic bool begun;
};

static void
work(void *ctx, size_t piece, unsigned thread)
{
	struct round *r = ctx;

	r->done[piece]++; /* nobody else has it */
	if (thread >= r->threads)
		r->strange = true;
}

static void
each_piece_is_worked_once(unsigned threads)
{
	ownp(pool_free) struct pool *p = pool_new(threads);
	static struct round r;

	CHECK(pool_threads(p) >= 1 && pool_threads(p) <= threads);
	for (size_t n = 0; n <= PIECES; n = n * 3 + 1) {
		r = (struct round){ .threads = pool_threads(p) };
		pool_run(p, work, &r, n);
		for (size_t i = 0; i < PIECES; i++)
			CHECK(r.done[i] == (i < n));
		CHECK(!r.strange);
	}
}

/* One by one, then some at once. */
static void
pieces_may_come_late(unsigned threads)
{
	ownp(pool_free) struct pool *p = pool_new(threads);
	static struct round r;

	r = (struct round){ .threads = pool_threads(p) };
	pool_begin(p, work, &r);
	for (size_t i = 0; i < PIECES / 2; i++)
		pool_add(p, 1);
	pool_add(p, PIECES - PIECES / 2);
	pool_end(p);
	for (size_t i = 0; i < PIECES; i++)
		CHECK(r.done[i] == 1);
	CHECK(!r.strange);
	pool_begin(p, work, &r);
	pool_end(p); /* of none */
}

static void
work_slowly(void *ctx, size_t piece, unsigned thread)
{
	struct round *r = ctx;

	r->begun = true;
	usleep(1000);
	work(ctx, piece, thread);
}

/* Five seconds of work that nobody waits for. */
static void
a_round_may_be_left(void)
{
	struct pool *p = pool_new(2);
	static struct round r;
	size_t done = 0;

	r.threads = pool_threads(p);
	pool_begin(p, work_slowly, &r);
	pool_add(p, PIECES);
	while (pool_threads(p) > 1 && !r.begun)
		usleep(100);
	pool_free(p);
	for (size_t i = 0; i < PIECES; i++)
		done += r.done[i];
	CHECK(done < PIECES && !r.strange);
}

int
main(void)
{
	CHECK(pool_processors() >= 1);
	each_piece_is_worked_once(1);
	each_piece_is_worked_once(2);
	each_piece_is_worked_once(16);
	pieces_may_come_late(1);
	pieces_may_come_late(2);
	pieces_may_come_late(16);
	a_round_may_be_left();
	return check_result();
}
