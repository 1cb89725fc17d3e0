/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree to an archive in pax format: names sorted, owners by number, hard
 * links, holes and extended attributes kept.  libarchive only compresses.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/inodes.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"
#include "lib/tar-attributes.h"
#include "lib/tar-header.h"
#include "lib/tar-private.h"
#include "lib/tar.h"
#include "lib/tree.h"
#include "lib/utf8.h"

#define BUFFER ((size_t)1 << 18)

struct run { /* of data between holes */
	off_t at, end;
};

struct writer {
	struct archive *archive;
	const struct tar_output *out;
	struct inodes links; /* index in names, from 1 */
	struct strlist names; /* of files with several */
	struct run *runs; /* of the file in hand */
	size_t nruns, cap;
	struct strbuf head; /* its header */
	char *buffer; /* BUFFER bytes */
};

static void
writer_clear(struct writer *w)
{
	if (w->archive != NULL)
		archive_write_free(w->archive);
	inodes_clear(&w->links);
	strlist_clear(&w->names);
	strbuf_clear(&w->head);
	free(w->runs);
	free(w->buffer);
}

/* ---- data --------------------------------------------------------------- */

static int
add_bytes(struct writer *w, const char *data, size_t n, const char *path,
    struct error *e)
{
	if (archive_write_data(w->archive, data, n) != (la_ssize_t)n)
		return tar_failed(w->archive, path, e);
	return 0;
}

static int
add_run(struct writer *w, int fd, const struct run *r, const char *path,
    struct error *e)
{
	off_t at = r->at;

	while (at < r->end) {
		off_t left = r->end - at;
		size_t want = left > (off_t)BUFFER ? BUFFER : (size_t)left;
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

static int
add_data(
    struct writer *w, int fd, uint64_t size, const char *path, struct error *e)
{
	static const char zeros[TAR_BLOCK];
	size_t rest = (size_t)(size % TAR_BLOCK);

	for (size_t i = 0; i < w->nruns; i++)
		if (add_run(w, fd, &w->runs[i], path, e) == -1)
			return -1;
	return rest > 0 ? add_bytes(w, zeros, TAR_BLOCK - rest, path, e) : 0;
}

static void
add_to_runs(struct writer *w, off_t at, off_t end)
{
	w->runs = mem_grow(w->runs, &w->cap, w->nruns + 1, sizeof(*w->runs));
	w->runs[w->nruns++] = (struct run){ at, end };
}

/* Where there is data.  Returns whether that is not all of the file. */
static bool
find_runs(struct writer *w, int fd, const struct stat *st)
{
	off_t at = 0, data, end, size = st->st_size;

	w->nruns = 0;
	if (st->st_blocks * 512 >= size) {
		if (size > 0)
			add_to_runs(w, 0, size);
		return false;
	}
	while (at < size) {
		data = lseek(fd, at, SEEK_DATA);
		end = data == -1 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (end == -1)
			break;
		at = end < size ? end : size;
		if (data < at)
			add_to_runs(w, data, at);
	}
	return w->nruns != 1 || w->runs[0].at > 0 || w->runs[0].end < size;
}

/* ---- holes: GNU's sparse format 1.0, the map in front of the data ---------- */

static void
add_map(struct writer *w, struct tar_member *m, const char *name, off_t size)
{
	own_free char *real = mem_printf("%lld", (long long)size);
	own(strbuf_clear) struct strbuf map = { 0 };
	bool open = w->nruns == 0 || w->runs[w->nruns - 1].end < size;

	m->size = 0;
	strbuf_printf(&map, "%zu\n", w->nruns + open);
	for (size_t i = 0; i < w->nruns; i++) {
		const struct run *r = &w->runs[i];

		strbuf_printf(&map, "%lld\n%lld\n", (long long)r->at,
		    (long long)(r->end - r->at));
		m->size += (uint64_t)(r->end - r->at);
	}
	if (open) /* an empty run tells where the file ends */
		strbuf_printf(&map, "%lld\n0\n", (long long)size);
	tar_pad(&map);
	m->size += map.len;
	if (!utf8_valid(name, strlen(name)))
		tar_record(&m->records, "hdrcharset", "BINARY", 6);
	tar_record(&m->records, "GNU.sparse.major", "1", 1);
	tar_record(&m->records, "GNU.sparse.minor", "0", 1);
	tar_record(&m->records, "GNU.sparse.name", name, strlen(name));
	tar_record(&m->records, "GNU.sparse.realsize", real, strlen(real));
	tar_header(m, &w->head);
	strbuf_add(&w->head, map.s, map.len);
}

/* ---- entries -------------------------------------------------------------- */

/* The name in the archive; "" is the start. */
static char *
entry_name(const struct writer *w, const struct tree_entry *t)
{
	const char *prefix = w->out->prefix != NULL ? w->out->prefix : ".";
	const char *end = S_ISDIR(t->st->st_mode) ? "/" : "";

	return *t->path == '\0' ? mem_printf("%s%s", prefix, end)
				: mem_printf("%s/%s%s", prefix, t->path, end);
}

static struct timespec
entry_time(const struct writer *w, const struct stat *st)
{
	if (w->out->epoch >= 0 && st->st_mtim.tv_sec >= w->out->epoch)
		return (struct timespec){ .tv_sec = w->out->epoch };
	return st->st_mtim;
}

static enum tar_type
entry_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return TAR_FOLDER;
	case S_IFLNK:
		return TAR_SYMLINK;
	case S_IFCHR:
		return TAR_CHARACTER;
	case S_IFBLK:
		return TAR_DEVICE;
	case S_IFIFO:
		return TAR_FIFO;
	default:
		return TAR_FILE;
	}
}

/* A file met before is a link to its first name. */
static void
set_link(struct writer *w, const struct stat *st, struct tar_member *m)
{
	uint64_t *first;

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return;
	first = inodes_at(&w->links, st->st_dev, st->st_ino);
	if (*first != 0) {
		m->type = TAR_LINK;
		m->link = w->names.items[*first - 1];
		return;
	}
	strlist_add(&w->names, m->name);
	*first = w->names.len;
}

/* Header and data of what is not one more name. */
static int
add_member(struct writer *w, struct tar_member *m, int fd,
    const struct tree_entry *t, struct error *e)
{
	const char *name = m->name;
	own_free char *stored = NULL;

	w->nruns = 0;
	strbuf_cut(&w->head, 0);
	if (m->type == TAR_FILE && find_runs(w, fd, t->st)) {
		stored = mem_printf("GNUSparseFile.0/%s", path_base(name));
		m->name = stored;
		add_map(w, m, name, t->st->st_size);
	} else {
		if (m->type == TAR_FILE)
			m->size = (uint64_t)t->st->st_size;
		tar_header(m, &w->head);
	}
	if (add_bytes(w, w->head.s, w->head.len, t->path, e) == -1)
		return -1;
	return add_data(w, fd, m->size, t->path, e);
}

static int
read_target(const struct tree_entry *t, char **target, struct error *e)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(t->dir, t->name, text, sizeof(text));

	if (n == -1)
		return error_errno(e, "%s", t->path);
	*target = mem_dupn(text, (size_t)n);
	return 0;
}

static void
fill_member(const struct writer *w, const struct stat *st, struct tar_member *m)
{
	m->type = entry_type(st->st_mode);
	m->mode = st->st_mode & 07777;
	m->uid = st->st_uid;
	m->gid = st->st_gid;
	m->time = entry_time(w, st);
	if (m->type == TAR_CHARACTER || m->type == TAR_DEVICE) {
		m->major = major(st->st_rdev);
		m->minor = minor(st->st_rdev);
	}
}

static void
member_clear(struct tar_member *m)
{
	strbuf_clear(&m->records);
}

static int
visit(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct writer *w = ctx;
	own_free char *name = entry_name(w, t), *target = NULL;
	own(member_clear) struct tar_member m = { .name = name };
	own_fd int fd = -1;

	if (S_ISSOCK(t->st->st_mode))
		return 0; /* the format has none */
	fill_member(w, t->st, &m);
	if (m.type == TAR_SYMLINK && read_target(t, &target, e) == -1)
		return -1;
	m.link = target;
	set_link(w, t->st, &m);
	if (m.type == TAR_FILE) {
		fd = openat(t->dir, t->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1)
			return error_errno(e, "%s", t->path);
	}
	if (m.type != TAR_LINK &&
	    tar_attributes(t->dir, t->name, &m.records, e) == -1)
		return error_prefix(e, "%s", t->path);
	return add_member(w, &m, fd, t, e);
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

static void
own_entry(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

/* For libarchive the whole is one file that it knows nothing about. */
static int
open_archive(struct writer *w, const char *path, struct error *e)
{
	own(own_entry) struct archive_entry *whole = archive_entry_new();

	archive_entry_set_pathname(whole, path);
	archive_entry_set_filetype(whole, AE_IFREG);
	archive_write_set_format_raw(w->archive);
	archive_write_set_bytes_per_block(w->archive, BUFFER);
	archive_write_set_bytes_in_last_block(w->archive, 1);
	set_filter(w->archive, w->out->filter);
	if (archive_write_open_fd(w->archive, w->out->fd) != ARCHIVE_OK ||
	    archive_write_header(w->archive, whole) != ARCHIVE_OK)
		return tar_failed(w->archive, path, e);
	return 0;
}

int
tar_create(
    int dir, const char *path, const struct tar_output *out, struct error *e)
{
	own(writer_clear) struct writer w = { .out = out };
	static const char end[2 * TAR_BLOCK];

	w.archive = archive_write_new();
	w.buffer = mem_alloc(BUFFER);
	if (open_archive(&w, path, e) == -1 ||
	    tree_walk(dir, path, visit, &w, e) == -1 ||
	    add_bytes(&w, end, sizeof(end), path, e) == -1)
		return -1;
	if (archive_write_close(w.archive) != ARCHIVE_OK)
		return tar_failed(w.archive, path, e);
	return 0;
}
