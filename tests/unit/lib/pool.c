/* SPDX-License-Identifier: Apache-2.0 */
/* Every piece is worked once, however many threads and rounds there are. */
#include "lib/pool.h"

#include <stdbool.h>

#include <string.h>

#include "tests/unit/check.h"

#define PIECES 5000

struct round {
	unsigned done[PIECES];
	unsigned threads;
	bool strange;
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

int
main(void)
{
	CHECK(pool_processors() >= 1);
	each_piece_is_worked_once(1);
	each_piece_is_worked_once(2);
	each_piece_is_worked_once(16);
	return check_result();
}
