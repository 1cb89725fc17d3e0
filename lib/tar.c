/* SPDX-License-Identifier: Apache-2.0 */
/* libarchive with only the formats that a caller asks for switched on. */
#include "lib/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

struct tar_entry {
	struct archive *archive;
	const char *path;
};

static void
own_archive(struct archive **a)
{
	archive_read_free(*a);
}

static int
failed(struct archive *a, const char *path, struct error *e)
{
	const char *what = archive_error_string(a);

	return error_set(e, archive_errno(a), "%s: %s", path,
	    what != NULL ? what : "not readable");
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
	return r == ARCHIVE_EOF ? 0 : failed(a, path, e);
}

int
tar_walk_iso(
    int dir, const char *path, tar_visit *visit, void *ctx, struct error *e)
{
	own_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	own(own_archive) struct archive *a = archive_read_new();

	if (fd == -1)
		return error_errno(e, "%s", path);
	archive_read_support_format_iso9660(a);
	if (archive_read_open_fd(a, fd, 65536) != ARCHIVE_OK)
		return failed(a, path, e);
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
	return n < 0 ? failed(t->archive, t->path, e) : 0;
}
