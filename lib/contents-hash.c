/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a list read, on all processors. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/contents-private.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/pool.h"

#define THREADS 64

struct hashing {
	const struct contents *c;
	const struct contents_files *files;
	int dir;
	bool compare;
	/* By thread: the first entry in the list that failed, and its errno. */
	size_t failed[THREADS];
	int codes[THREADS];
};

void
files_add(struct contents_files *f, size_t number)
{
	f->list = mem_grow(f->list, &f->cap, f->n + 1, sizeof(*f->list));
	f->list[f->n++] = number;
}

/* The digest of the file at an entry's path. */
static int
hash(int dir, const struct contents_entry *t, uint8_t sum[DIGEST_BYTES])
{
	own_fd int fd = openat(dir, t->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct digest *d;
	char buffer[1 << 16];
	uint64_t bytes = 0;
	ssize_t n;

	if (fd == -1)
		return -1;
	d = digest_new();
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		digest_add(d, buffer, (size_t)n);
		bytes += (uint64_t)n;
	}
	digest_end(d, sum);
	if (n == 0 && bytes != t->size)
		errno = ESTALE; /* it was written to meanwhile */
	return n == 0 && bytes == t->size ? 0 : -1;
}

static void
hash_piece(void *ctx, size_t piece, unsigned thread)
{
	struct hashing *h = ctx;
	size_t at = h->files->list[piece];
	struct contents_entry *t = &h->c->entries[at];
	uint8_t sum[DIGEST_BYTES];
	int code = 0;

	if (hash(h->dir, t, sum) == -1)
		code = errno;
	else if (!h->compare)
		memcpy(t->sum, sum, sizeof(sum));
	else if (memcmp(t->sum, sum, sizeof(sum)) != 0)
		code = EBADMSG;
	if (code != 0 && (h->codes[thread] == 0 || at < h->failed[thread])) {
		h->codes[thread] = code;
		h->failed[thread] = at;
	}
}

/* Largest first, so that all processors end at about the same time. */
static int
by_size(const void *a, const void *b, void *ctx)
{
	const struct contents_entry *entries = ctx;
	uint64_t x = entries[*(const size_t *)a].size;
	uint64_t y = entries[*(const size_t *)b].size;

	return x < y ? 1 : x > y ? -1 : 0;
}

static int
judge(const struct hashing *h, struct error *e)
{
	size_t first = SIZE_MAX;
	int code = 0;

	for (unsigned i = 0; i < THREADS; i++)
		if (h->codes[i] != 0 && h->failed[i] < first) {
			first = h->failed[i];
			code = h->codes[i];
		}
	if (code == 0)
		return 0;
	if (code == EBADMSG)
		return error_set(e, code, "%s: has another content",
		    h->c->entries[first].path);
	errno = code;
	return error_errno(e, "%s", h->c->entries[first].path);
}

int
contents_hash(const struct contents *c, int dir, struct contents_files *f,
    bool compare, struct error *e)
{
	struct hashing h = {
		.c = c, .files = f, .dir = dir, .compare = compare
	};
	ownp(pool_free) struct pool *pool = NULL;

	if (f->n == 0)
		return 0;
	qsort_r(f->list, f->n, sizeof(*f->list), by_size, c->entries);
	pool = pool_new(pool_processors());
	pool_run(pool, hash_piece, &h, f->n);
	return judge(&h, e);
}
