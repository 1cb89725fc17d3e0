/* SPDX-License-Identifier: Apache-2.0 */
/* A disk's data and holes, batch by batch, for several consumers. */
#include "image-build/pass.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/spans.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"

#define CONSUMERS 4 /* at most */
#define ALIGNMENT ((size_t)4096) /* of buffers: they may be written directly */

struct batch {
	struct pass_batch shown;
	uint8_t *buffer; /* PASS_BATCH bytes */
	bool failed; /* to be read */
	struct error error;
};

struct pass {
	int fd;
	const struct spans *spans;
	uint64_t bytes; /* of the file */
	const struct pass_consumer *consumers;
	size_t n;
	struct batch batches[2]; /* one is read while one is worked on */
	struct batch *now, *next; /* next NULL: none is left */
	size_t pieces[CONSUMERS]; /* that each has of this batch */
};

/* ---- reading ---------------------------------------------------------------- */

/* Where data begins, at a place or behind it; the disk's end if nowhere. */
static uint64_t
next_data(const struct pass *p, uint64_t at)
{
	size_t i = spans_find(p->spans, at);
	off_t data = lseek(p->fd, (off_t)at, SEEK_DATA);
	uint64_t next = p->bytes;

	if (data != -1)
		next = (uint64_t)data;
	else if (errno != ENXIO)
		return at; /* the file system has no holes */
	if (i < p->spans->len && p->spans->items[i].at < next)
		next = p->spans->items[i].at;
	return next > at ? next : at;
}

/* Where data that begins at a place ends, which is not looked for beyond. */
static uint64_t
next_hole(const struct pass *p, uint64_t at, uint64_t beyond)
{
	while (at < beyond) {
		size_t i = spans_find(p->spans, at);
		off_t hole;

		if (i < p->spans->len && p->spans->items[i].at <= at) {
			at = span_end(&p->spans->items[i]);
			continue;
		}
		hole = lseek(p->fd, (off_t)at, SEEK_HOLE);
		if (hole == -1)
			return beyond;
		if ((uint64_t)hole == at)
			return at;
		at = (uint64_t)hole;
	}
	return beyond;
}

/* What comes at a place: data as far as it goes, or a hole. */
static void
place(const struct pass *p, uint64_t at, struct pass_batch *b)
{
	uint64_t data = next_data(p, at), end = at + PASS_BATCH;

	*b = (struct pass_batch){ .at = at };
	if (end > p->bytes)
		end = p->bytes;
	if (data == p->bytes || round_down(data, PASS_UNIT) > at) {
		b->bytes =
		    (data == p->bytes ? data : round_down(data, PASS_UNIT)) -
		    at;
		return;
	}
	data = round_up(next_hole(p, data, end), PASS_UNIT);
	b->bytes = (data < end ? data : end) - at;
	b->data = p->batches[0].buffer; /* no hole; fill() knows which */
}

static void
fill(const struct pass *p, struct batch *b)
{
	size_t n = (size_t)b->shown.bytes;

	if (b->shown.data == NULL)
		return;
	b->shown.data = b->buffer;
	memset(b->buffer + n, 0, (size_t)round_up(n, PASS_UNIT) - n);
	b->failed = spans_read(p->spans, p->fd, b->buffer, b->shown.at, n,
			&b->error) == -1;
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

	if (p->now->failed) {
		*e = p->now->error;
		return -1;
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
pass_run(const struct pass_source *from, struct pool *pool,
    const struct pass_consumer *consumers, size_t n, const char *what,
    struct error *e)
{
	static const struct spans none = { 0 };
	struct pass p = { .fd = from->fd,
		.spans = from->spans != NULL ? from->spans : &none,
		.consumers = consumers,
		.n = n };
	own_free uint8_t *buffers = mem_alloc(2 * PASS_BATCH + ALIGNMENT);
	struct stat st;

	if (n > CONSUMERS)
		return error_set(e, EINVAL, "too many consumers");
	if (fstat(p.fd, &st) == -1)
		return error_errno(e, "read");
	p.bytes = (uint64_t)st.st_size;
	p.batches[0].buffer =
	    buffers + ALIGNMENT - (uintptr_t)buffers % ALIGNMENT;
	p.batches[1].buffer = p.batches[0].buffer + PASS_BATCH;
	return run(&p, pool, what, e);
}
