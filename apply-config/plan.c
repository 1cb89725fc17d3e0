/* SPDX-License-Identifier: Apache-2.0 */
/* What was rendered beside what is there: the changes to make. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/output.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

#define MODE_USUAL 0644
#define MODE_SECRET 0600

void
changes_clear(struct changes *c)
{
	for (size_t i = 0; i < c->len; i++) {
		free(c->items[i].path);
		free(c->items[i].copy_of);
	}
	free(c->items);
	doc_free(c->arena);
	*c = (struct changes){ 0 };
}

struct change *
changes_add(struct changes *c, enum change_kind kind, const char *path)
{
	struct change *one;

	c->items = mem_grow(c->items, &c->cap, c->len + 1, sizeof(*c->items));
	one = &c->items[c->len++];
	*one = (struct change){ .kind = kind, .path = mem_dup(path) };
	return one;
}

static void
add(struct changes *c, enum change_kind kind, struct rendered *r,
    const struct stat *want)
{
	const struct control *control = &r->control;
	struct change *one = changes_add(c, kind, r->template->path);

	one->on_change = control->on_change;
	one->secret = r->secret;
	one->spans = &r->spans;
	if (kind == CHANGE_DELETE)
		return;
	one->made = &r->made;
	one->validate = control->validate.len > 0 ? &control->validate : NULL;
	one->new = (struct version){ .mode = S_IFREG | want->st_mode,
		.uid = want->st_uid,
		.gid = want->st_gid,
		.text = strbuf_text(&r->body),
		.len = r->body.len };
}

/* Whether an open file holds exactly these bytes. */
static bool
has_text(int fd, const char *text, size_t len)
{
	char buf[65536];
	size_t at = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 || (size_t)n > len - at ||
		    memcmp(buf, text + at, (size_t)n) != 0)
			return false;
		at += (size_t)n;
	}
	return at == len;
}

/*
 * Mode and owner for the new file: the control file's, else those of the
 * file that is there (through symlinks), else the usual ones.
 */
static void
want_owner(const struct settings *s, const struct rendered *r,
    const struct stat *old, struct stat *want)
{
	const struct control *c = &r->control;

	*want = (struct stat){
		.st_mode = MODE_USUAL, .st_uid = (uid_t)-1, .st_gid = (gid_t)-1
	};
	if (old != NULL) {
		want->st_mode = old->st_mode & 07777;
		want->st_uid = old->st_uid;
		want->st_gid = old->st_gid;
	}
	if (r->secret && !s->compat)
		want->st_mode = MODE_SECRET;
	if (c->mode != -1)
		want->st_mode = (mode_t)c->mode;
	if (c->uid != (uid_t)-1)
		want->st_uid = c->uid;
	if (c->gid != (gid_t)-1)
		want->st_gid = c->gid;
}

static bool
is_same(int dir, const char *name, const struct stat *is,
    const struct stat *want, const struct strbuf *body)
{
	own_fd int fd = -1;

	if (!S_ISREG(is->st_mode) || (is->st_mode & 07777) != want->st_mode ||
	    is->st_uid != want->st_uid || is->st_gid != want->st_gid ||
	    (size_t)is->st_size != body->len)
		return false;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd != -1 && has_text(fd, strbuf_text(body), body->len);
}

/*
 * The folder of a path, or -1 with error.code ENOENT when it is missing, which
 * is not asked twice for the files of one.
 */
static int
look_dir(struct output *o, const char *path, struct changes *c, struct error *e)
{
	int dir = -1;

	e->code = ENOENT;
	if (c->missing != NULL && path_same_dir(c->missing, path))
		return -1;
	dir = output_dir(o, path, e);
	if (dir == -1 && e->code == ENOENT)
		c->missing = path;
	return dir;
}

/* The file itself (0 when there is none), then what it leads to. */
static int
look(struct output *o, const char *path, struct changes *c, struct stat *self,
    struct stat *old, struct error *e)
{
	int dir = look_dir(o, path, c, e);

	*self = *old = (struct stat){ 0 };
	if (dir == -1)
		return e->code == ENOENT ? 0 : -1;
	if (fstatat(dir, path_base(path), self, AT_SYMLINK_NOFOLLOW) == -1) {
		*self = (struct stat){ 0 };
		return errno == ENOENT ? 0 : output_failed(o, path, e);
	}
	if (S_ISDIR(self->st_mode)) {
		own_free char *name = output_name(o, path);

		return error_set(e, EISDIR, "%s: is a folder", name);
	}
	*old = *self;
	if (S_ISLNK(self->st_mode) && output_stat(o, path, old) == -1)
		*old = (struct stat){ 0 };
	return 0;
}

/* The name of the i-th old version of a file; 0 is the file itself. */
static char *
backup_name(const char *path, unsigned i)
{
	return i == 0 ? mem_dup(path) : mem_printf("%s.bak.%u", path, i);
}

/* Each old version moves one on, the oldest goes. */
static int
plan_backups(struct output *o, const struct rendered *r, struct changes *c,
    struct error *e)
{
	if (c->arena == NULL)
		c->arena = doc_new();
	for (unsigned i = 0; i < r->control.backup; i++) {
		own_free char *from = backup_name(r->template->path, i);
		own_free char *to = backup_name(r->template->path, i + 1);
		struct version v, there;
		struct change *one;

		if (version_read(o, from, c->arena, &v, e) == -1 ||
		    version_read(o, to, c->arena, &there, e) == -1)
			return -1;
		if (v.mode == 0)
			break;
		one = changes_add(
		    c, there.mode == 0 ? CHANGE_CREATE : CHANGE_UPDATE, to);
		one->new = v;
		one->secret = r->secret;
		one->copy_of = take(from);
	}
	return 0;
}

static int
plan_change(struct output *o, const struct settings *s, struct rendered *r,
    struct changes *c, struct error *e)
{
	const char *path = r->template->path;
	struct stat self, old, want;
	int dir;

	if (look(o, path, c, &self, &old, e) == -1)
		return -1;
	want_owner(s, r, old.st_mode != 0 ? &old : NULL, &want);
	if (r->body.len == 0 && !r->control.keep_empty) {
		if (old.st_mode != 0)
			add(c, CHANGE_DELETE, r, &want);
		return 0;
	}
	if (self.st_mode == 0) {
		add(c, CHANGE_CREATE, r, &want);
		return 0;
	}
	dir = output_dir(o, path, e);
	if (dir == -1)
		return -1;
	if (is_same(dir, path_base(path), &self, &want, &r->body))
		r->made = self;
	else
		add(c, CHANGE_UPDATE, r, &want);
	return 0;
}

int
plan_add(struct output *o, const struct settings *s, struct rendered *r,
    struct changes *c, struct error *e)
{
	size_t before = c->len;

	if (plan_change(o, s, r, c, e) == -1)
		return -1;
	if (c->len == before || c->items[before].kind == CHANGE_CREATE)
		return 0;
	return plan_backups(o, r, c, e);
}
