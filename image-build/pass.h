/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reading of a disk for all who want its bytes: while the next piece is
 * read, threads work on the one before for every consumer at once.
 */
#ifndef IMAGE_BUILD_PASS_H
#define IMAGE_BUILD_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pool.h"

struct error;
struct spans;

#define PASS_UNIT ((size_t)1 << 16) /* batches begin at multiples of it */
#define PASS_BATCH ((size_t)1 << 23) /* bytes of data at a time */

struct pass_batch {
	uint64_t at; /* where it stands */
	uint64_t bytes; /* to the next one; only the file's last is odd */
	const uint8_t *data; /* zeros behind it up to a whole unit; NULL: a
				hole, which can be of any size */
};

struct pass_consumer {
	void *self;

	/* A batch has come: how many pieces of work it makes. */
	size_t (*begin)(void *self, const struct pass_batch *b);

	/* A piece of it, in a thread; see pool_work. */
	pool_work *work;

	/* All pieces are done; in the order of the batches.  Or NULL. */
	int (*end)(void *self, struct error *e);
};

/* What is read: a file, and for a disk what is to be put in; or NULL. */
struct pass_source {
	int fd;
	const struct spans *spans;
};

/* Show n consumers all that there is, from its start. */
int pass_run(const struct pass_source *from, struct pool *pool,
    const struct pass_consumer *consumers, size_t n, const char *what,
    struct error *e);

/* ---- pass-write.c: a consumer that copies --------------------------------- */

struct pass_writer {
	int fd; /* where to; the offsets are the same */
	bool direct; /* past the page cache, as long as that works */
	int code; /* the first errno, or 0 */
	const struct pass_batch *batch; /* the one in hand */
};

/*
 * Copy to a new file, in which holes are passed over; directly, if that can
 * be done and nobody is to read it soon.
 */
struct pass_consumer
pass_write_begin(struct pass_writer *w, int fd, bool direct);

/* Let others write to the descriptor as usual. */
void pass_write_end(struct pass_writer *w);

#endif
