/* SPDX-License-Identifier: Apache-2.0 */
/* libarchive with only the formats that a caller asks for switched on. */
#include "lib/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tar-private.h"

struct tar_entry {
	struct archive *archive;
	const char *path;
	uint64_t *left; /* bytes that may still come out */
};

static void
own_archive(struct archive **a)
{
	archive_read_free(*a);
}

int
tar_failed(struct archive *a, const char *path, struct error *e)
{
	const char *what = archive_error_string(a);
	int code = archive_errno(a);

	if (what == NULL)
		what = "not readable";
	/* It is an errno; EILSEQ only stands for a format that is none. */
	if (code > 0 && code != EILSEQ && strstr(what, strerror(code)) == NULL)
		return error_set(
		    e, code, "%s: %s (%s)", path, what, strerror(code));
	return error_set(e, code, "%s: %s", path, what);
}

struct stream {
	tar_source *read;
	void *ctx;
	struct error error; /* of read */
	bool failed;
	char block[1 << 16];
};

static la_ssize_t
stream_read(struct archive *a, void *ctx, const void **data)
{
	struct stream *s = ctx;
	ssize_t n = s->read(s->ctx, s->block, sizeof(s->block), &s->error);

	*data = s->block;
	if (n == -1) {
		s->failed = true;
		archive_set_error(a, EIO, "%s", s->error.text);
		return ARCHIVE_FATAL;
	}
	return n;
}

/* It could be read, but it is no archive. */
static int
damaged(struct archive *a, const char *path, struct error *e)
{
	tar_failed(a, path, e);
	e->code = EBADMSG;
	return -1;
}

/* "./a", "/a" and "a" are the same. */
static const char *
without_root(const char *path)
{
	while (path != NULL &&
	    (*path == '/' || (path[0] == '.' && path[1] == '/')))
		path++;
	return path;
}

/* Visit one entry; what it does not read is counted, too. */
static int
stream_entry(struct archive *a, struct archive_entry *entry, uint64_t *left,
    tar_visit *visit, void *ctx, struct error *e)
{
	const char *name = without_root(archive_entry_pathname(entry));
	struct tar_entry t = { .archive = a, .path = name, .left = left };
	uint64_t before = *left, size = (uint64_t)archive_entry_size(entry);
	int r;

	if (name == NULL || archive_entry_filetype(entry) != AE_IFREG ||
	    archive_entry_hardlink(entry) != NULL || !path_is_inside(name))
		r = 0;
	else
		r = visit(ctx, name, &t, e);
	if (r != 0)
		return r;
	size -= before - *left < size ? before - *left : size;
	if (size > *left)
		return error_set(e, EFBIG, "more than such an image holds");
	*left -= size;
	return 0;
}

static int
stream_walk(struct archive *a, const struct tar_bounds *bounds,
    tar_visit *visit, void *ctx, struct error *e)
{
	uint64_t entries = bounds->entries, bytes = bounds->bytes;
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(a, &entry)) == ARCHIVE_OK ||
	    r == ARCHIVE_WARN) {
		if (entries-- == 0)
			return error_set(
			    e, EFBIG, "more than such an image holds");
		r = stream_entry(a, entry, &bytes, visit, ctx, e);
		if (r != 0)
			return r == 1 ? 0 : -1;
	}
	return r == ARCHIVE_EOF ? 0 : damaged(a, "archive", e);
}

int
tar_walk(tar_source *read, void *read_ctx, const struct tar_bounds *bounds,
    tar_visit *visit, void *ctx, struct error *e)
{
	own_free struct stream *s = mem_alloc(sizeof(*s));
	own(own_archive) struct archive *a = archive_read_new();
	int r;

	s->read = read;
	s->ctx = read_ctx;
	archive_read_support_filter_all(a);
	archive_read_support_format_tar(a);
	r = archive_read_open(a, s, NULL, stream_read, NULL);
	r = r == ARCHIVE_OK ? stream_walk(a, bounds, visit, ctx, e)
			    : damaged(a, "archive", e);
	if (s->failed)
		*e = s->error;
	return s->failed ? -1 : r;
}

ssize_t
tar_next(struct tar_entry *t, void *to, size_t n, struct error *e)
{
	ssize_t r = archive_read_data(t->archive, to, n);

	if (r < 0)
		return damaged(t->archive, t->path, e);
	if ((uint64_t)r > *t->left)
		return error_set(e, EFBIG, "more than such an image holds");
	*t->left -= (uint64_t)r;
	return r;
}
