/* SPDX-License-Identifier: Apache-2.0 */
/* Files read whole with all that belongs to them, and written so. */
#include "apply-config/version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "apply-config/codec.h"
#include "apply-config/output.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define TEMP_PREFIX ".apply-config."
#define NAME_LONGEST 255

/* ---- extended attributes -------------------------------------------------- */

/* One attribute, encoded; those that may not be read are left out. */
static void
add_xattr(int fd, const char *name, struct strbuf *b)
{
	ssize_t n = fgetxattr(fd, name, NULL, 0);
	own_free char *value = mem_alloc(n > 0 ? (size_t)n : 1);

	if (n >= 0)
		n = fgetxattr(fd, name, value, (size_t)n);
	if (n < 0)
		return;
	encode_text(b, name);
	encode_bytes(b, value, (size_t)n);
}

static void
read_xattrs(int fd, struct doc *arena, struct version *v)
{
	ssize_t n = flistxattr(fd, NULL, 0);
	own_free char *names = NULL;
	own(strbuf_clear) struct strbuf b = { 0 };

	if (n <= 0)
		return;
	names = mem_alloc((size_t)n);
	n = flistxattr(fd, names, (size_t)n);
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1)
		add_xattr(fd, names + i, &b);
	v->xattrs = doc_text(arena, strbuf_text(&b), b.len);
	v->xattrs_len = b.len;
}

/* What the filesystem or our rights do not allow is left out. */
static int
write_xattrs(int fd, const struct version *v)
{
	struct decoder d = { .at = v->xattrs,
		.end = v->xattrs + v->xattrs_len };

	while (d.at < d.end && !d.bad) {
		size_t n;
		own_free char *name = decode_text(&d);
		const char *value = decode_bytes(&d, &n);

		if (!d.bad && fsetxattr(fd, name, value, n, 0) == -1 &&
		    errno != ENOTSUP && errno != EPERM && errno != EACCES)
			return -1;
	}
	return 0;
}

/* ---- reading ---------------------------------------------------------------- */

static int
read_regular(int fd, const char *name, struct doc *arena, struct version *v,
    struct error *e)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	if (file_read_fd(fd, name, LIMIT_DOC_BYTES, &b, e) == -1)
		return -1;
	v->text = doc_text(arena, strbuf_text(&b), b.len);
	v->len = b.len;
	read_xattrs(fd, arena, v);
	return 0;
}

static int
read_link(struct output *o, int dir, const char *path, struct doc *arena,
    struct version *v, struct error *e)
{
	char target[4096];
	ssize_t n = readlinkat(dir, path_base(path), target, sizeof(target));

	if (n == -1)
		return output_failed(o, path, e);
	v->text = doc_text(arena, target, (size_t)n);
	v->len = (size_t)n;
	return 0;
}

int
version_read(struct output *o, const char *path, struct doc *arena,
    struct version *v, struct error *e)
{
	own_free char *name = NULL;
	int dir = output_dir(o, path, e);
	own_fd int fd = -1;
	struct stat st;

	*v = (struct version){ .text = "", .xattrs = "" };
	if (dir == -1)
		return e->code == ENOENT ? 0 : -1;
	if (fstatat(dir, path_base(path), &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : output_failed(o, path, e);
	v->mode = st.st_mode;
	v->uid = st.st_uid;
	v->gid = st.st_gid;
	if (S_ISLNK(st.st_mode))
		return read_link(o, dir, path, arena, v, e);
	name = output_name(o, path);
	if (!S_ISREG(st.st_mode))
		return error_set(e, EINVAL, "%s: is no regular file", name);
	fd = openat(dir, path_base(path),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return output_failed(o, path, e);
	return read_regular(fd, name, arena, v, e);
}

/* ---- the same again --------------------------------------------------------- */

bool
version_same(const struct version *a, const struct version *b)
{
	if (a->mode == 0 || b->mode == 0)
		return a->mode == b->mode;
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	    a->len == b->len && a->xattrs_len == b->xattrs_len &&
	    memcmp(a->text, b->text, a->len) == 0 &&
	    memcmp(a->xattrs, b->xattrs, a->xattrs_len) == 0;
}

struct seal
version_seal(const struct version *v)
{
	return (struct seal){ .mode = v->mode,
		.uid = v->uid,
		.gid = v->gid,
		.digest = hash_known(v->text, v->len),
		.xattrs = v->xattrs,
		.xattrs_len = v->xattrs_len };
}

/* Whether each attribute of some is among those of all. */
static bool
has_xattrs(const struct version *all, const struct seal *some)
{
	struct decoder d = { .at = some->xattrs,
		.end = some->xattrs + some->xattrs_len };

	while (d.at < d.end && !d.bad) {
		const char *one = d.at;
		size_t n;

		(void)decode_bytes(&d, &n);
		(void)decode_bytes(&d, &n);
		if (memmem(all->xattrs, all->xattrs_len, one,
			(size_t)(d.at - one)) == NULL)
			return false;
	}
	return true;
}

bool
version_is_sealed(struct output *o, const char *path, const struct seal *seal)
{
	ownp(doc_free) struct doc *arena = doc_new();
	struct error ignored;
	struct version v;

	return version_read(o, path, arena, &v, &ignored) == 0 &&
	    v.mode == seal->mode && hash_known(v.text, v.len) == seal->digest &&
	    (seal->uid == (uid_t)-1 || v.uid == seal->uid) &&
	    (seal->gid == (gid_t)-1 || v.gid == seal->gid) &&
	    has_xattrs(&v, seal);
}

/* ---- writing ---------------------------------------------------------------- */

char *
version_temp(const char *path)
{
	static const uint8_t key[16];
	const char *base = path_base(path);
	size_t len = strlen(base);
	struct strbuf b = { 0 };
	struct hash h;

	strbuf_reserve(&b, strlen(path) + strlen(TEMP_PREFIX));
	strbuf_add(&b, path, (size_t)(base - path));
	strbuf_puts(&b, TEMP_PREFIX);
	if (strlen(TEMP_PREFIX) + len <= NAME_LONGEST) {
		strbuf_add(&b, base, len);
		return strbuf_take(&b);
	}
	hash_begin(&h, key);
	hash_add(&h, base, len);
	strbuf_printf(&b, "%016llx", (unsigned long long)hash_end(&h));
	return strbuf_take(&b);
}

static bool
has_owner(const struct version *v)
{
	return v->uid != (uid_t)-1 || v->gid != (gid_t)-1;
}

/* Owner before mode: a change of owner takes bits of the mode away. */
static int
fill(int fd, const struct version *v, struct stat *st)
{
	if (file_write_all(fd, v->text, v->len) == -1 ||
	    (has_owner(v) && fchown(fd, v->uid, v->gid) == -1) ||
	    write_xattrs(fd, v) == -1 || fstat(fd, st) == -1)
		return -1;
	if ((st->st_mode & 07777) == (v->mode & 07777))
		return 0;
	return fchmod(fd, v->mode & 07777) == -1 ? -1 : fstat(fd, st);
}

/* Nobody but its owner may open it before it has the owner it is to have. */
static int
stage_regular(
    int dir, const char *temp, const struct version *v, struct staged *to)
{
	own_fd int fd = openat(dir, temp,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    has_owner(v) ? 0600 : v->mode & 0777);

	if (fd == -1 || fill(fd, v, &to->st) == -1)
		return -1;
	to->fd = fd;
	fd = -1;
	return 0;
}

static int
stage_link(int dir, const char *temp, const struct version *v)
{
	own_free char *target = mem_dupn(v->text, v->len);

	if (symlinkat(target, dir, temp) == -1)
		return -1;
	return fchownat(dir, temp, v->uid, v->gid, AT_SYMLINK_NOFOLLOW);
}

int
version_stage(struct output *o, const char *path, const char *staged,
    const struct version *v, struct staged *to, struct error *e)
{
	const char *name = path_base(staged);
	int dir = output_dir(o, staged, e), r;

	*to = (struct staged){ .fd = -1 };
	if (dir == -1)
		return -1;
	for (int try = 0; try < 2; try++) {
		r = S_ISLNK(v->mode) ? stage_link(dir, name, v)
				     : stage_regular(dir, name, v, to);
		if (r == 0 || errno != EEXIST)
			break;
		(void)unlinkat(dir, name, 0);
	}
	return r == -1 ? output_failed(o, path, e) : 0;
}

/* ---- what was staged --------------------------------------------------------- */

/* Whether a folder was not to be found, or is none any more. */
static bool
is_gone(const struct error *e)
{
	return e->code == ENOENT || e->code == ENOTDIR;
}

bool
version_exists(struct output *o, const char *path)
{
	struct error ignored;
	struct stat st;
	int dir = output_dir(o, path, &ignored);

	return dir != -1 &&
	    fstatat(dir, path_base(path), &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
publish(struct output *o, const char *path, unsigned flags, struct error *e)
{
	own_free char *temp = version_temp(path);
	int dir = output_dir(o, path, e);

	if (dir == -1)
		return is_gone(e) ? 0 : -1;
	if (renameat2(dir, path_base(temp), dir, path_base(path), flags) == 0)
		return 1;
	return errno == ENOENT ? 0 : output_failed(o, path, e);
}

int
version_publish(struct output *o, const char *path, struct error *e)
{
	return publish(o, path, 0, e);
}

int
version_publish_folder(struct output *o, const char *path, struct error *e)
{
	return publish(o, path, RENAME_NOREPLACE, e);
}

int
version_move(
    struct output *o, const char *from, const char *to, struct error *e)
{
	int dir = output_dir(o, from, e);
	own_fd int old = dir == -1 ? -1 : fcntl(dir, F_DUPFD_CLOEXEC, 0);

	if (dir == -1)
		return is_gone(e) ? 0 : -1;
	if (old == -1)
		return output_failed(o, from, e);
	dir = output_mkdirs(o, to, e);
	if (dir == -1)
		return -1;
	if (renameat(old, path_base(from), dir, path_base(to)) == 0)
		return 1;
	return errno == ENOENT ? 0 : output_failed(o, to, e);
}

int
version_remove(struct output *o, const char *path, struct error *e)
{
	struct stat st;
	int dir = output_dir(o, path, e);

	if (dir == -1)
		return is_gone(e) ? 0 : -1;
	/* A disk that may not be written to says so before it looks. */
	if (fstatat(dir, path_base(path), &st, AT_SYMLINK_NOFOLLOW) == -1 &&
	    errno == ENOENT)
		return 0;
	if (unlinkat(dir, path_base(path), 0) == -1 && errno != ENOENT)
		return output_failed(o, path, e);
	return 0;
}
