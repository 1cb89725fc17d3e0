/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a list hashed on all processors, while the walk that finds them
 * goes on.  Small ones wait for its end: in small steps all processors end at
 * about the same time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/contents-private.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/pool.h"

#define SMALL KIB(64)
#define BLOCK 1024

struct job {
	const char *path;
	uint64_t size; /* as it is listed; when it is done, as it was read */
	size_t number; /* of the entry */
	int code; /* errno */
	uint8_t sum[DIGEST_BYTES];
};

struct hashing {
	int dir;
	bool compare;
	struct pool *pool;
	struct digest *digests[POOL_MOST]; /* by thread */
	/* In blocks: a job stays where it is when one more is added. */
	struct job *blocks[LIMIT_TAR_ENTRIES / BLOCK + 1];
	size_t n;
	size_t *small; /* numbers of entries that have no job yet */
	size_t nsmall, cap;
};

static struct job *
job_at(const struct hashing *h, size_t i)
{
	return &h->blocks[i / BLOCK][i % BLOCK];
}

/* ---- one file ---------------------------------------------------------------- */

/* -1 with errno; whatever was read is in the digest. */
static int
read_file(int dir, struct job *job, struct digest *d)
{
	own_fd int fd = openat(
	    dir, job->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char buffer[SMALL];
	uint64_t bytes = 0;
	ssize_t n;

	if (fd == -1)
		return -1;
	/* Less than was asked for is the end, if that is where it has to be. */
	do {
		n = read(fd, buffer, sizeof(buffer));
		if (n == -1)
			return -1;
		digest_add(d, buffer, (size_t)n);
		bytes += (uint64_t)n;
	} while (n == sizeof(buffer) || (n > 0 && bytes != job->size));
	job->size = bytes;
	return 0;
}

/* Each thread keeps its digest: to begin one anew is cheaper than a new one. */
static void
hash(void *ctx, size_t piece, unsigned thread)
{
	struct hashing *h = ctx;
	struct job *job = job_at(h, piece);

	if (h->digests[thread] == NULL)
		h->digests[thread] = digest_new();
	if (read_file(h->dir, job, h->digests[thread]) == -1)
		job->code = errno;
	digest_next(h->digests[thread], job->sum);
}

/* ---- all of them ------------------------------------------------------------- */

struct hashing *
hashing_new(int dir, bool compare)
{
	struct hashing *h = mem_alloc(sizeof(*h));

	h->dir = dir;
	h->compare = compare;
	h->pool = pool_new(pool_processors());
	pool_begin(h->pool, hash, h);
	return h;
}

void
hashing_free(struct hashing *h)
{
	uint8_t sum[DIGEST_BYTES];

	if (h == NULL)
		return;
	pool_free(h->pool);
	for (size_t i = 0; i < POOL_MOST; i++)
		if (h->digests[i] != NULL)
			digest_end(h->digests[i], sum);
	for (size_t i = 0; i * BLOCK < h->n; i++)
		free(h->blocks[i]);
	free(h->small);
	free(h);
}

static void
add_job(struct hashing *h, const struct contents_entry *t, size_t number)
{
	struct job **block = &h->blocks[h->n / BLOCK];

	if (*block == NULL)
		*block = mem_resize(NULL, BLOCK, sizeof(**block));
	*job_at(h, h->n++) =
	    (struct job){ .path = t->path, .size = t->size, .number = number };
	pool_add(h->pool, 1);
}

void
hashing_add(struct hashing *h, const struct contents *c, size_t number)
{
	const struct contents_entry *t = &c->entries[number];

	if (t->size >= SMALL) {
		add_job(h, t, number);
		return;
	}
	h->small =
	    mem_grow(h->small, &h->cap, h->nsmall + 1, sizeof(*h->small));
	h->small[h->nsmall++] = number;
}

/* What has come of a job: 0, or what is wrong with the file. */
static int
settle(const struct hashing *h, const struct job *job, struct contents_entry *t)
{
	bool whole = job->size == t->size;

	if (job->code != 0)
		return job->code;
	if (h->compare)
		return whole && memcmp(job->sum, t->sum, sizeof(t->sum)) == 0
		    ? 0
		    : EBADMSG;
	memcpy(t->sum, job->sum, sizeof(t->sum));
	return whole ? 0 : ESTALE; /* it was written to meanwhile */
}

int
hashing_end(struct hashing *h, const struct contents *c, struct error *e)
{
	size_t first = SIZE_MAX;
	int code = 0;

	for (size_t i = 0; i < h->nsmall; i++)
		add_job(h, &c->entries[h->small[i]], h->small[i]);
	pool_end(h->pool);
	for (size_t i = 0; i < h->n; i++) {
		const struct job *job = job_at(h, i);
		int r = settle(h, job, &c->entries[job->number]);

		if (r != 0 && job->number < first) {
			first = job->number;
			code = r;
		}
	}
	if (code == 0)
		return 0;
	if (code == EBADMSG)
		return error_set(
		    e, code, "%s: has another content", c->entries[first].path);
	errno = code;
	return error_errno(e, "%s", c->entries[first].path);
}
