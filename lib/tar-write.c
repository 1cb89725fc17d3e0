/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree to an archive in pax format: names sorted, owners by number, hard
 * links, holes and extended attributes kept.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/inodes.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strlist.h"
#include "lib/tar.h"
#include "lib/tree.h"

#define BUFFER ((size_t)1 << 18)

struct writer {
	struct archive *archive, *disk;
	const struct tar_output *out;
	struct inodes links; /* index in names, from 1 */
	struct strlist names; /* of files with several */
	char *buffer; /* BUFFER bytes, and as many zeros */
};

static void
writer_clear(struct writer *w)
{
	if (w->archive != NULL)
		archive_write_free(w->archive);
	if (w->disk != NULL)
		archive_read_free(w->disk);
	inodes_clear(&w->links);
	strlist_clear(&w->names);
	free(w->buffer);
}

static int
failed(struct archive *a, const char *what, struct error *e)
{
	const char *text = archive_error_string(a);

	return error_set(e, archive_errno(a), "%s: %s", what,
	    text != NULL ? text : "archive");
}

static void
own_entry(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

/* ---- data --------------------------------------------------------------- */

static int
add_bytes(struct writer *w, const char *data, size_t n, const char *path,
    struct error *e)
{
	if (archive_write_data(w->archive, data, n) != (la_ssize_t)n)
		return failed(w->archive, path, e);
	return 0;
}

static int
add_hole(struct writer *w, off_t n, const char *path, struct error *e)
{
	while (n > 0) {
		size_t some = n > (off_t)BUFFER ? BUFFER : (size_t)n;

		if (add_bytes(w, w->buffer + BUFFER, some, path, e) == -1)
			return -1;
		n -= (off_t)some;
	}
	return 0;
}

static int
add_run(struct writer *w, int fd, off_t at, off_t end, const char *path,
    struct error *e)
{
	while (at < end) {
		size_t want =
		    end - at > (off_t)BUFFER ? BUFFER : (size_t)(end - at);
		ssize_t n = pread(fd, w->buffer, want, at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? error_set(e, EIO, "%s: it shrank", path)
				      : error_errno(e, "%s", path);
		if (add_bytes(w, w->buffer, (size_t)n, path, e) == -1)
			return -1;
		at += n;
	}
	return 0;
}

/* The next run of data from *at; false at the end. */
static bool
next_run(int fd, off_t at, off_t size, off_t *data, off_t *end)
{
	if (at >= size)
		return false;
	*data = lseek(fd, at, SEEK_DATA);
	if (*data == -1)
		return false;
	*end = lseek(fd, *data, SEEK_HOLE);
	return *end != -1;
}

static int
add_data(
    struct writer *w, int fd, off_t size, const char *path, struct error *e)
{
	off_t at = 0, data, end;

	while (next_run(fd, at, size, &data, &end)) {
		if (end > size)
			end = size;
		if (add_hole(w, data - at, path, e) == -1 ||
		    add_run(w, fd, data, end, path, e) == -1)
			return -1;
		at = end;
	}
	return add_hole(w, size - at, path, e);
}

/* Holes are told only where there are any. */
static void
add_map(struct archive_entry *entry, int fd, const struct stat *st)
{
	off_t at = 0, data, end;

	if (st->st_blocks * 512 >= st->st_size)
		return;
	while (next_run(fd, at, st->st_size, &data, &end)) {
		archive_entry_sparse_add_entry(entry, data, end - data);
		at = end;
	}
	if (at == 0)
		archive_entry_sparse_add_entry(entry, st->st_size, 0);
}

/* ---- entries -------------------------------------------------------------- */

/* The name in the archive; "" is the start. */
static char *
entry_name(const struct writer *w, const char *path)
{
	const char *prefix = w->out->prefix != NULL ? w->out->prefix : ".";

	return *path == '\0' ? mem_dup(prefix)
			     : mem_printf("%s/%s", prefix, path);
}

static void
set_times(
    const struct writer *w, const struct stat *st, struct archive_entry *entry)
{
	struct timespec t = st->st_mtim;

	if (w->out->epoch >= 0 && t.tv_sec > w->out->epoch)
		t = (struct timespec){ .tv_sec = w->out->epoch };
	archive_entry_set_mtime(entry, t.tv_sec, t.tv_nsec);
	archive_entry_unset_atime(entry);
	archive_entry_unset_ctime(entry);
	archive_entry_unset_birthtime(entry);
}

/* A file met before is a link to its first name; true if it is that. */
static bool
set_link(struct writer *w, const struct stat *st, const char *name,
    struct archive_entry *entry)
{
	uint64_t *first;

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return false;
	first = inodes_at(&w->links, st->st_dev, st->st_ino);
	if (*first != 0) {
		archive_entry_set_hardlink(entry, w->names.items[*first - 1]);
		archive_entry_unset_size(entry);
		return true;
	}
	strlist_add(&w->names, name);
	*first = w->names.len;
	return false;
}

static int
add_entry(struct writer *w, const struct tree_entry *t, const char *name,
    struct archive_entry *entry, int fd, struct error *e)
{
	bool link;

	archive_entry_copy_stat(entry, t->st);
	archive_entry_set_pathname(entry, name);
	set_times(w, t->st, entry);
	if (archive_read_disk_entry_from_file(w->disk, entry, fd, t->st) <
	    ARCHIVE_WARN)
		return failed(w->disk, t->path, e);
	set_times(w, t->st, entry); /* what was read is no matter */
	archive_entry_sparse_clear(entry);
	archive_entry_set_uname(entry, NULL);
	archive_entry_set_gname(entry, NULL);
	link = set_link(w, t->st, name, entry);
	if (!link && S_ISREG(t->st->st_mode))
		add_map(entry, fd, t->st);
	if (archive_write_header(w->archive, entry) < ARCHIVE_WARN)
		return failed(w->archive, t->path, e);
	if (link || !S_ISREG(t->st->st_mode))
		return 0;
	return add_data(w, fd, t->st->st_size, t->path, e);
}

static int
visit(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct writer *w = ctx;
	__attribute__((cleanup(own_entry))) struct archive_entry *entry =
	    archive_entry_new();
	own_free char *name = entry_name(w, t->path);
	own_free char *source =
	    mem_printf("/proc/self/fd/%d/%s", t->dir, t->name);
	own_fd int fd = -1;

	if (S_ISSOCK(t->st->st_mode))
		return 0; /* the format has none */
	if (S_ISREG(t->st->st_mode)) {
		fd = openat(t->dir, t->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1)
			return error_errno(e, "%s", t->path);
	}
	archive_entry_copy_sourcepath(entry, source);
	return add_entry(w, t, name, entry, fd, e);
}

/* ---- the archive ------------------------------------------------------------ */

static void
set_filter(struct archive *a, enum tar_filter filter)
{
	if (filter == TAR_GZIP) {
		archive_write_add_filter_gzip(a);
		archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
	} else if (filter == TAR_ZSTD) {
		archive_write_add_filter_zstd(a);
	} else {
		archive_write_add_filter_none(a);
	}
}

int
tar_create(
    int dir, const char *path, const struct tar_output *out, struct error *e)
{
	__attribute__((cleanup(writer_clear))) struct writer w = { .out = out };

	w.archive = archive_write_new();
	w.disk = archive_read_disk_new();
	w.buffer = mem_alloc(2 * BUFFER);
	archive_read_disk_set_symlink_physical(w.disk);
	archive_write_set_format_pax_restricted(w.archive);
	archive_write_set_option(w.archive, NULL, "hdrcharset", "BINARY");
	archive_write_set_bytes_in_last_block(w.archive, 1);
	set_filter(w.archive, out->filter);
	if (archive_write_open_fd(w.archive, out->fd) != ARCHIVE_OK)
		return failed(w.archive, path, e);
	if (tree_walk(dir, path, visit, &w, e) == -1)
		return -1;
	if (archive_write_close(w.archive) != ARCHIVE_OK)
		return failed(w.archive, path, e);
	return 0;
}
