/* SPDX-License-Identifier: Apache-2.0 */
/* What of a disk is still in the files of a tree, and reading it there. */
#include "image-build/spans.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"

/* ---- the list -------------------------------------------------------------- */

static const char *
path_of(const struct spans *s, const struct span *x)
{
	return s->paths.s + x->path;
}

uint64_t
span_end(const struct span *x)
{
	return x->at + round_up(x->bytes, SPAN_BLOCK);
}

void
spans_add(struct spans *s, const char *path, uint64_t from, uint64_t at,
    uint64_t bytes)
{
	const struct span *last = s->len > 0 ? &s->items[s->len - 1] : NULL;
	struct span x = { .at = at, .bytes = bytes, .from = from };

	if (last != NULL && strcmp(path_of(s, last), path) == 0) {
		x.path = last->path;
	} else {
		x.path = s->paths.len;
		strbuf_add(&s->paths, path, strlen(path) + 1);
	}
	s->items = mem_grow(s->items, &s->cap, s->len + 1, sizeof(*s->items));
	s->items[s->len++] = x;
}

static int
by_place(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

void
spans_sort(struct spans *s)
{
	if (s->len > 1)
		qsort(s->items, s->len, sizeof(*s->items), by_place);
}

size_t
spans_find(const struct spans *s, uint64_t at)
{
	size_t low = 0, high = s->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (span_end(&s->items[middle]) > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void
spans_clear(struct spans *s)
{
	free(s->items);
	strbuf_clear(&s->paths);
	*s = (struct spans){ 0 };
}

/* ---- reading --------------------------------------------------------------- */

/* A path in the tree can be longer than the system takes at once. */
static int
open_file(const char *path)
{
	own_fd int dir = -1;
	int fd;

	while (strlen(path) >= PATH_MAX) {
		own_free char *part = mem_dupn(path, PATH_MAX - 1);
		char *end = strrchr(part, '/');
		int next;

		if (end == NULL) {
			errno = ENAMETOOLONG;
			return -1;
		}
		*end = '\0';
		next = openat(dir == -1 ? AT_FDCWD : dir, part,
		    O_PATH | O_DIRECTORY | O_CLOEXEC);
		own_close_(&dir);
		dir = next;
		if (dir == -1)
			return -1;
		path += end - part + 1;
	}
	fd = openat(dir == -1 ? AT_FDCWD : dir, path,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);
	if (fd == -1 && errno == EPERM)
		fd = openat(dir == -1 ? AT_FDCWD : dir, path,
		    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

/* Fails with EIO if there are fewer bytes. */
static int
read_all(int fd, uint8_t *to, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t done = pread(fd, to, n, (off_t)at);

		if (done == -1 && errno == EINTR)
			continue;
		if (done == 0)
			errno = EIO;
		if (done <= 0)
			return -1;
		to += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

/* n bytes of a span and the zeros behind it, from its byte skip on. */
static int
read_span(const struct spans *s, const struct span *x, uint64_t skip,
    uint8_t *to, size_t n, struct error *e)
{
	const char *path = path_of(s, x);
	own_fd int fd = open_file(path);
	uint64_t left = x->bytes > skip ? x->bytes - skip : 0;
	size_t data = left < n ? (size_t)left : n;

	if (fd == -1)
		return error_errno(e, "%s", path);
	memset(to + data, 0, n - data);
	if (read_all(fd, to, data, x->from + skip) == 0)
		return 0;
	if (errno == EIO)
		return error_set(e, EIO,
		    "%s: cannot be read, or became shorter meanwhile", path);
	return error_errno(e, "%s", path);
}

int
spans_read(const struct spans *s, int disk, uint8_t *to, uint64_t at, size_t n,
    struct error *e)
{
	uint64_t end = at + n;
	size_t i = spans_find(s, at);

	while (at < end) {
		const struct span *x = i < s->len ? &s->items[i] : NULL;
		bool in = x != NULL && x->at <= at;
		uint64_t next = in ? span_end(x) : x != NULL ? x->at : end;
		size_t part = (size_t)((next < end ? next : end) - at);

		if (in && read_span(s, x, at - x->at, to, part, e) == -1)
			return -1;
		if (!in && read_all(disk, to, part, at) == -1)
			return error_errno(e, "read");
		i += in;
		to += part;
		at += part;
	}
	return 0;
}
