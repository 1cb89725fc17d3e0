/* SPDX-License-Identifier: Apache-2.0 */
/* libarchive with only the formats that a caller asks for switched on. */
#include "lib/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tar-private.h"

#define DISC_BLOCK 16384 /* read at once */
#define DISC_TIMES 4 /* how often all of a disc may be read */
#define DISC_SLACK (1 << 20)

struct tar_entry {
	struct archive *archive;
	const char *path;
	uint64_t *left; /* bytes that may still come out, or NULL */
};

/*
 * A disc as libarchive reads it.  What is damaged, or made to, can send it
 * round in circles, adding to its memory each time: so reading is bounded by
 * the disc's size.
 */
struct disc {
	int fd;
	uint64_t left; /* bytes that may still be read */
	char block[DISC_BLOCK];
};

static la_ssize_t
disc_read(struct archive *a, void *ctx, const void **data)
{
	struct disc *d = ctx;
	ssize_t n;

	if (d->left == 0) {
		archive_set_error(a, ELOOP, "leads in circles");
		return ARCHIVE_FATAL;
	}
	do
		n = read(d->fd, d->block, sizeof(d->block));
	while (n == -1 && errno == EINTR);
	if (n == -1) {
		archive_set_error(a, errno, "%s", strerror(errno));
		return ARCHIVE_FATAL;
	}
	d->left -= (uint64_t)n < d->left ? (uint64_t)n : d->left;
	*data = d->block;
	return n;
}

static la_int64_t
disc_seek(struct archive *a, void *ctx, la_int64_t offset, int whence)
{
	struct disc *d = ctx;
	off_t at = lseek(d->fd, offset, whence);

	if (at == -1)
		archive_set_error(a, errno, "%s", strerror(errno));
	return at == -1 ? ARCHIVE_FATAL : at;
}

static la_int64_t
disc_skip(struct archive *a, void *ctx, la_int64_t n)
{
	struct disc *d = ctx;

	(void)a;
	return n > 0 && lseek(d->fd, n, SEEK_CUR) != -1 ? n : 0;
}

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

static int
walk(struct archive *a, const char *path, tar_visit *visit, void *ctx,
    struct error *e)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(a, &entry)) == ARCHIVE_OK ||
	    r == ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(entry);
		struct tar_entry t = { .archive = a, .path = name };

		if (name == NULL || archive_entry_filetype(entry) != AE_IFREG ||
		    !path_is_inside(name))
			continue;
		r = visit(ctx, name, &t, e);
		if (r == -1)
			return error_prefix(e, "%s", path);
		if (r == 1)
			return 0;
	}
	return r == ARCHIVE_EOF ? 0 : tar_failed(a, path, e);
}

int
tar_walk_iso(
    int dir, const char *path, tar_visit *visit, void *ctx, struct error *e)
{
	own_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	own_free struct disc *disc = mem_alloc(sizeof(*disc));
	own(own_archive) struct archive *a = archive_read_new();
	off_t size = fd == -1 ? -1 : lseek(fd, 0, SEEK_END);

	if (size == -1 || lseek(fd, 0, SEEK_SET) == -1)
		return error_errno(e, "%s", path);
	disc->fd = fd;
	disc->left = (uint64_t)size * DISC_TIMES + DISC_SLACK;
	archive_read_support_format_iso9660(a);
	archive_read_set_read_callback(a, disc_read);
	archive_read_set_seek_callback(a, disc_seek);
	archive_read_set_skip_callback(a, disc_skip);
	archive_read_set_callback_data(a, disc);
	if (archive_read_open1(a) != ARCHIVE_OK)
		return tar_failed(a, path, e);
	return walk(a, path, visit, ctx, e);
}

int
tar_read(struct tar_entry *t, size_t max, struct strbuf *b, struct error *e)
{
	char buf[16384];
	size_t total = 0;
	ssize_t n;

	while ((n = archive_read_data(t->archive, buf, sizeof(buf))) > 0) {
		total += (size_t)n;
		if (total > max)
			return error_set(e, EFBIG, "%s: longer than %zu bytes",
			    t->path, max);
		strbuf_add(b, buf, (size_t)n);
	}
	return n < 0 ? tar_failed(t->archive, t->path, e) : 0;
}

/* ---- an archive as it comes --------------------------------------------------- */

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
	if (t->left != NULL && (uint64_t)r > *t->left)
		return error_set(e, EFBIG, "more than such an image holds");
	if (t->left != NULL)
		*t->left -= (uint64_t)r;
	return r;
}
