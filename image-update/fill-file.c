/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of the staging tree, from bytes that come in order.  It gets its
 * name when it is whole and compared with the contents; until then it is a
 * part that says in its own name what it is to become, so that whoever goes
 * on after a cut knows.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/fs.h>

#include "image-update/update.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

/* ---- attributes -------------------------------------------------------------- */

/* "name=base64" from the signed list, onto the file at path. */
static int
set_xattr(const char *path, char *text, struct error *e)
{
	own(strbuf_clear) struct strbuf value = { 0 };
	char *name = text, *to = text, *equals = strchr(text, '=');
	unsigned code;

	*equals = '\0';
	if (base64_decode(equals + 1, strlen(equals + 1), &value, e) == -1)
		return -1;
	for (char *p = text; *p != '\0'; p++, to++) {
		*to = *p;
		if (*p == '%' && sscanf(p + 1, "%2X", &code) == 1) {
			*to = (char)code;
			p += 2;
		}
	}
	*to = '\0';
	if (lsetxattr(path, name, strbuf_text(&value), value.len, 0) == -1)
		return error_errno(e, "%s", name);
	return 0;
}

/* A new owner takes capabilities away, so extended attributes come last. */
int
fill_attributes(
    struct filling *f, const struct contents_entry *t, struct error *e)
{
	own(strlist_clear) struct strlist xattrs = { 0 };
	own_free char *path = NULL;

	if (fchownat(
		f->staging, t->path, t->uid, t->gid, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(e, "%s: owner", t->path);
	if (t->type != 'l' && fchmodat(f->staging, t->path, t->mode, 0) == -1)
		return error_errno(e, "%s: mode", t->path);
	if (*t->xattrs == '\0')
		return 0;
	path = mem_printf("/proc/self/fd/%d/%s", f->staging, t->path);
	strlist_split(&xattrs, t->xattrs, " ");
	for (size_t i = 0; i < xattrs.len; i++)
		if (set_xattr(path, xattrs.items[i], e) == -1)
			return error_prefix(e, "%s", t->path);
	return 0;
}

/* ---- bytes --------------------------------------------------------------------- */

bool
fill_wants(const struct filling *f, size_t entry)
{
	return f->needs.list[entry].how == NEED_BYTES && !f->done[entry];
}

void
fill_close(struct filling *f)
{
	uint8_t sum[DIGEST_BYTES];

	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
	if (f->digest != NULL)
		digest_end(f->digest, sum);
	f->digest = NULL;
}

/* Where a file grows until it is whole: named by what it is to become. */
static char *
part_name(const struct contents_entry *t)
{
	char sum[DIGEST_TEXT];

	digest_print(t->sum, sum);
	return mem_printf(PART "%s", sum);
}

uint64_t
fill_have(struct filling *f, uint32_t entry)
{
	const struct contents_entry *t = &f->new->entries[entry];
	own_free char *part = NULL;
	struct stat st;

	if (f->fd != -1 && f->entry == entry)
		return f->at;
	part = part_name(t);
	if (fstatat(f->staging, part, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < t->size)
		return (uint64_t)st.st_size;
	(void)unlinkat(f->staging, part, 0);
	return 0;
}

static int
open_entry(struct filling *f, uint32_t entry, struct error *e)
{
	uint64_t have = fill_have(f, entry);
	own_free char *part = NULL;

	if (f->fd != -1 && f->entry == entry)
		return 0;
	fill_close(f);
	part = part_name(&f->new->entries[entry]);
	f->fd = openat(f->staging, part,
	    O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC |
		(have == 0 ? O_CREAT : 0),
	    0600);
	if (f->fd == -1)
		return error_errno(e, "%s", part);
	f->entry = entry;
	f->at = have;
	if (have == 0)
		f->digest = digest_new();
	return 0;
}

/* The digest of what was written, of the file itself where it was begun
 * before. */
static int
sum_entry(struct filling *f, const char *path, uint8_t sum[DIGEST_BYTES],
    struct error *e)
{
	own_fd int fd = -1;
	struct digest *d;
	char buffer[1 << 14];
	ssize_t n;

	if (f->digest != NULL) {
		digest_end(take(f->digest), sum);
		return 0;
	}
	fd = openat(f->staging, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return error_errno(e, "%s", path);
	d = digest_new();
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		digest_add(d, buffer, (size_t)n);
	digest_end(d, sum);
	return n == -1 ? error_errno(e, "%s", path) : 0;
}

static int
wrong(const struct contents_entry *t, struct error *e)
{
	return error_set(
	    e, EBADMSG, "%s: its bytes are not what the contents say", t->path);
}

/* It stands at its place, with its bytes. */
static int
settle(struct filling *f, uint32_t entry, struct error *e)
{
	if (fill_attributes(f, &f->new->entries[entry], e) == -1)
		return -1;
	f->done[entry] = true;
	if (f->needs.list[entry].how == NEED_BYTES)
		f->left--;
	return 0;
}

static int
end_entry(struct filling *f, struct error *e)
{
	const struct contents_entry *t = &f->new->entries[f->entry];
	own_free char *part = part_name(t);
	uint8_t sum[DIGEST_BYTES];

	if (sum_entry(f, part, sum, e) == -1)
		return -1;
	fill_close(f);
	if (memcmp(sum, t->sum, sizeof(sum)) != 0) {
		(void)unlinkat(f->staging, part, 0);
		return wrong(t, e);
	}
	if (renameat(f->staging, part, f->staging, t->path) == -1)
		return error_errno(e, "%s", t->path);
	return settle(f, f->entry, e);
}

/* All of a file at once, as most are: compared before it is written. */
static int
put_entry(struct filling *f, uint32_t entry, const void *data, size_t n,
    struct error *e)
{
	const struct contents_entry *t = &f->new->entries[entry];
	own_fd int fd = -1;
	uint8_t sum[DIGEST_BYTES];

	digest_buffer(data, n, sum);
	if (memcmp(sum, t->sum, sizeof(sum)) != 0)
		return wrong(t, e);
	fd = openat(f->staging, t->path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || file_write_all(fd, data, n) == -1)
		return error_errno(e, "%s", t->path);
	return settle(f, entry, e);
}

static void
show(struct filling *f, uint32_t entry, size_t n)
{
	if (f->needs.list[entry].how != NEED_BYTES)
		return;
	f->bytes += n;
	log_progress(
	    "stage", f->bytes < f->all ? f->bytes : f->all - 1, f->all);
}

int
fill_add(struct filling *f, uint32_t entry, uint64_t offset, const void *data,
    size_t n, struct error *e)
{
	const struct contents_entry *t = &f->new->entries[entry];
	const char *from = data;

	show(f, entry, n);
	if (offset == 0 && n == t->size)
		return put_entry(f, entry, data, n, e);
	if (open_entry(f, entry, e) == -1)
		return -1;
	if (offset > f->at || n > t->size - offset)
		return error_set(e, EBADMSG, "%s: bytes out of place", t->path);
	if (offset + n <= f->at)
		return 0;
	from += f->at - offset;
	n -= (size_t)(f->at - offset);
	if (file_write_all(f->fd, from, n) == -1)
		return error_errno(e, "%s", t->path);
	if (f->digest != NULL)
		digest_add(f->digest, from, n);
	f->at += n;
	return f->at == t->size ? end_entry(f, e) : 0;
}

/* Shares the blocks where the file system can; false: nothing was done. */
static bool
clone(struct filling *f, uint32_t entry, int in)
{
	const struct contents_entry *t = &f->new->entries[entry];
	struct stat st;
	struct error none;

	if (fstat(in, &st) == -1 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != t->size || fill_have(f, entry) != 0 ||
	    open_entry(f, entry, &none) == -1 ||
	    ioctl(f->fd, FICLONE, in) == -1)
		return false;
	fill_close(f);
	return true;
}

int
fill_copy(struct filling *f, uint32_t entry, int dir, const char *path,
    struct error *e)
{
	const struct contents_entry *t = &f->new->entries[entry];
	own_fd int in =
	    file_open_in(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	char buffer[1 << 16];
	uint64_t at = 0;
	ssize_t n;

	if (in == -1)
		return error_errno(e, "%s", path);
	if (t->size > sizeof(buffer) && clone(f, entry, in))
		return end_entry(f, e);
	while ((n = read(in, buffer, sizeof(buffer))) > 0) {
		if ((uint64_t)n > t->size - at)
			break;
		if (fill_add(f, entry, at, buffer, (size_t)n, e) == -1)
			return -1;
		at += (uint64_t)n;
	}
	if (n == -1)
		return error_errno(e, "%s", path);
	return at == t->size && n == 0 ? 0 : wrong(t, e);
}

int
fill_take(struct filling *f, uint32_t entry, int dir, const char *path,
    struct error *e)
{
	const struct contents_entry *t = &f->new->entries[entry];
	own_fd int fd =
	    openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[DIGEST_TEXT], want[DIGEST_TEXT];
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return error_errno(e, "%s", path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != t->size)
		return wrong(t, e);
	if (st.st_nlink != 1)
		return error_set(e, EMLINK, "%s: has other names", path);
	if (digest_file(fd, text, NULL) == -1)
		return error_errno(e, "%s", path);
	digest_print(t->sum, want);
	if (strcmp(text, want) != 0)
		return wrong(t, e);
	if (renameat(dir, path, f->staging, t->path) == -1)
		return error_errno(e, "%s", t->path);
	show(f, entry, t->size);
	return settle(f, entry, e);
}
