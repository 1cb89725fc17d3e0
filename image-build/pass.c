/* SPDX-License-Identifier: Apache-2.0 */
/* A file's data and holes, batch by batch, for several consumers. */
#include "image-build/pass.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"

#define CONSUMERS 4 /* at most */

struct batch {
	struct pass_batch shown;
	uint8_t *buffer; /* PASS_BATCH bytes */
	int code; /* errno of reading it */
};

struct pass {
	int fd;
	uint64_t bytes; /* of the file */
	const struct pass_consumer *consumers;
	size_t n;
	struct batch batches[2]; /* one is read while one is worked on */
	struct batch *now, *next; /* next NULL: none is left */
	size_t pieces[CONSUMERS]; /* that each has of this batch */
};

/* ---- reading ---------------------------------------------------------------- */

/* What comes at a place: data as far as it goes, or a hole. */
static void
place(const struct pass *p, uint64_t at, struct pass_batch *b)
{
	off_t data = lseek(p->fd, (off_t)at, SEEK_DATA), hole;
	uint64_t end = p->bytes;

	*b = (struct pass_batch){ .at = at };
	if (data == -1 && errno == ENXIO) {
		b->bytes = end - at;
		return;
	}
	if (data != -1 && round_down((uint64_t)data, PASS_UNIT) > at) {
		b->bytes = round_down((uint64_t)data, PASS_UNIT) - at;
		return;
	}
	hole = lseek(p->fd, data == -1 ? (off_t)at : data, SEEK_HOLE);
	if (data != -1 && hole != -1 &&
	    round_up((uint64_t)hole, PASS_UNIT) < end)
		end = round_up((uint64_t)hole, PASS_UNIT);
	b->bytes = end - at < PASS_BATCH ? end - at : PASS_BATCH;
	b->data = p->batches[0].buffer; /* no hole; fill() knows which */
}

static int
read_all(int fd, uint8_t *to, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t done = pread(fd, to, n, (off_t)at);

		if (done == -1 && errno == EINTR)
			continue;
		if (done <= 0)
			return done == 0 ? EIO : errno;
		to += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static void
fill(const struct pass *p, struct batch *b)
{
	size_t n = (size_t)b->shown.bytes;

	b->code = 0;
	if (b->shown.data == NULL)
		return;
	b->shown.data = b->buffer;
	b->code = read_all(p->fd, b->buffer, n, b->shown.at);
	memset(b->buffer + n, 0, (size_t)round_up(n, PASS_UNIT) - n);
}

/* ---- working ---------------------------------------------------------------- */

/* Piece 0 reads the next batch; the others are the consumers'. */
static void
work(void *ctx, size_t piece, unsigned thread)
{
	struct pass *p = ctx;

	if (piece == 0) {
		if (p->next != NULL)
			fill(p, p->next);
		return;
	}
	piece--;
	for (size_t i = 0; i < p->n; i++) {
		if (piece < p->pieces[i]) {
			p->consumers[i].work(
			    p->consumers[i].self, piece, thread);
			return;
		}
		piece -= p->pieces[i];
	}
}

static int
show(struct pass *p, struct pool *pool, struct error *e)
{
	size_t all = 1;

	if (p->now->code != 0) {
		errno = p->now->code;
		return error_errno(e, "read");
	}
	for (size_t i = 0; i < p->n; i++) {
		p->pieces[i] =
		    p->consumers[i].begin(p->consumers[i].self, &p->now->shown);
		all += p->pieces[i];
	}
	pool_run(pool, work, p, all);
	for (size_t i = 0; i < p->n; i++)
		if (p->consumers[i].end != NULL &&
		    p->consumers[i].end(p->consumers[i].self, e) == -1)
			return -1;
	return 0;
}

static int
run(struct pass *p, struct pool *pool, const char *what, struct error *e)
{
	uint64_t at = 0;

	p->now = &p->batches[0];
	if (p->bytes > 0) {
		place(p, 0, &p->now->shown);
		fill(p, p->now);
	}
	while (at < p->bytes) {
		at = p->now->shown.at + p->now->shown.bytes;
		p->next = at == p->bytes       ? NULL
		    : p->now == &p->batches[0] ? &p->batches[1]
					       : &p->batches[0];
		if (p->next != NULL)
			place(p, at, &p->next->shown);
		if (show(p, pool, e) == -1)
			return -1;
		if (what != NULL)
			log_progress(what, at, p->bytes);
		p->now = p->next;
	}
	return 0;
}

int
pass_run(int fd, struct pool *pool, const struct pass_consumer *consumers,
    size_t n, const char *what, struct error *e)
{
	struct pass p = { .fd = fd, .consumers = consumers, .n = n };
	own_free uint8_t *buffers = mem_alloc(2 * PASS_BATCH);
	struct stat st;

	if (n > CONSUMERS)
		return error_set(e, EINVAL, "too many consumers");
	if (fstat(fd, &st) == -1)
		return error_errno(e, "read");
	p.bytes = (uint64_t)st.st_size;
	p.batches[0].buffer = buffers;
	p.batches[1].buffer = buffers + PASS_BATCH;
	return run(&p, pool, what, e);
}
