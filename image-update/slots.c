/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot gets its name only when it is whole, verified and on disk, and loses
 * it before the first of its files is removed.  So a name is a promise.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "image-update/machine.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define LINK "link.new"

static bool
is_id(const char *text)
{
	return strlen(text) == DIGEST_TEXT - 1 &&
	    strspn(text, "0123456789abcdef") == DIGEST_TEXT - 1;
}

static char *
contents_name(const char *id)
{
	return mem_printf("%s.contents", id);
}

/* Where a link points, if that is a slot. */
static int
read_link(int dir, const char *name, char **id, struct error *e)
{
	char text[DIGEST_TEXT + 1];
	ssize_t n = readlinkat(dir, name, text, sizeof(text) - 1);

	*id = NULL;
	if (n == -1 && errno == ENOENT)
		return 0;
	if (n == -1)
		return error_errno(e, "%s", name);
	text[n] = '\0';
	if (!is_id(text) || !file_is_dir(dir, text))
		return error_set(e, EBADMSG, "%s: points to no slot", name);
	*id = mem_dup(text);
	return 0;
}

static int
read_links(struct slots *s, struct error *e)
{
	struct error none;

	slots_forget(s);
	free(s->current);
	free(s->previous);
	s->current = s->previous = NULL;
	if (read_link(s->dir, CURRENT, &s->current, e) == -1)
		return -1;
	/* Without a way back the next image can be taken all the same. */
	if (read_link(s->dir, PREVIOUS, &s->previous, &none) == -1)
		log_warn("%s", none.text);
	return 0;
}

int
slots_open(struct slots *s, const char *path, bool change, struct error *e)
{
	own_free char *lock = path_join(path, "lock");

	*s = (struct slots){ .dir = -1, .state = -1, .lock = -1 };
	if (change && file_mkdirs(AT_FDCWD, path, 0755, e) == -1)
		return -1;
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir == -1)
		return error_errno(e, "%s", path);
	s->state = fcntl(s->dir, F_DUPFD_CLOEXEC, 0);
	if (s->state == -1)
		return error_errno(e, "%s", path);
	if (change) {
		s->lock = lock_take(lock, 0, e);
		if (s->lock == -1)
			return -1;
		file_tidy(path);
	}
	return read_links(s, e) == -1 ? error_prefix(e, "%s", path) : 0;
}

void
slots_clear(struct slots *s)
{
	machine_close(s);
	slots_forget(s);
	if (s->state != -1)
		close(s->state);
	if (s->dir != -1)
		close(s->dir);
	if (s->lock != -1)
		close(s->lock);
	free(s->current);
	free(s->previous);
	*s = (struct slots){ .dir = -1, .state = -1, .lock = -1 };
}

struct contents *
slots_contents(const struct slots *s, const char *id, struct error *e)
{
	own_free char *name = s->machine != NULL
	    ? path_join(id, CONTENTS_INSIDE)
	    : contents_name(id);
	ownp(contents_free) struct contents *c = contents_load(s->dir, name, e);

	if (c == NULL)
		return NULL;
	if (strcmp(c->id, id) != 0) {
		error_set(e, EBADMSG, "%s: of another image", name);
		return NULL;
	}
	return take(c);
}

const struct contents *
slots_current(struct slots *s, struct error *e)
{
	if (s->contents == NULL)
		s->contents = slots_contents(s, s->current, e);
	return s->contents;
}

void
slots_forget(struct slots *s)
{
	contents_free(take(s->contents));
}

bool
slots_apart(const struct slots *s)
{
	return s->machine != NULL && s->machine->tree == NULL;
}

bool
slots_is_slot(const struct slots *s, const char *id)
{
	return is_id(id) && file_is_dir(s->dir, id);
}

int
slots_begin(struct slots *s, struct error *e)
{
	return s->machine != NULL ? machine_begin(s, e) : 0;
}

int
slots_reread(struct slots *s, struct error *e)
{
	return slots_apart(s) ? machine_reread(s, e) : 0;
}

/* What no other tree has a name for. */
static int
add_own(void *ctx, const struct tree_entry *t, struct error *e)
{
	uint64_t *bytes = ctx;

	(void)e;
	if (S_ISREG(t->st->st_mode) && t->st->st_nlink == 1)
		*bytes += (uint64_t)t->st->st_blocks * 512;
	return 0;
}

static int
add_tree(
    const struct slots *s, const char *name, uint64_t *bytes, struct error *e)
{
	return file_is_dir(s->dir, name)
	    ? tree_walk(s->dir, name, add_own, bytes, e)
	    : 0;
}

int
slots_room(const struct slots *s, uint64_t *bytes, struct error *e)
{
	struct statvfs fs;

	if (slots_apart(s))
		return machine_room(s, bytes, e);
	if (fstatvfs(s->dir, &fs) == -1)
		return error_errno(e, "slots");
	*bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (s->machine != NULL && s->previous != NULL &&
	    add_tree(s, s->previous, bytes, e) == -1)
		return -1;
	return add_tree(s, STAGING, bytes, e);
}

int
slots_verify(const struct slots *s, const char *id, const struct contents *c,
    struct error *e)
{
	own_fd int dir = openat(s->dir, id, OPEN_DIR);

	if (dir == -1)
		return error_errno(e, "slot %.12s", id);
	/* What e2fsck keeps at the top of a partition belongs to no image. */
	if (contents_verify(c, dir, CONTENTS_DIGESTS,
		slots_apart(s) ? "lost+found" : NULL, e) == -1)
		return error_prefix(e, "slot %.12s", id);
	return 0;
}

static int
sync_folder(const struct slots *s, struct error *e)
{
	return fsync(s->dir) == -1 ? error_errno(e, "slots: fsync") : 0;
}

int
slots_point(struct slots *s, const char *name, const char *id, struct error *e)
{
	if (unlinkat(s->dir, LINK, 0) == -1 && errno != ENOENT)
		return error_errno(e, LINK);
	if (id == NULL && unlinkat(s->dir, name, 0) == -1 && errno != ENOENT)
		return error_errno(e, "%s", name);
	if (id != NULL && symlinkat(id, s->dir, LINK) == -1)
		return error_errno(e, LINK);
	if (id != NULL && renameat(s->dir, LINK, s->dir, name) == -1)
		return error_errno(e, "%s", name);
	return sync_folder(s, e) == -1 ? -1 : read_links(s, e);
}

int
slots_exchange(struct slots *s, struct error *e)
{
	ownp(contents_free) struct contents *c = NULL;

	if (s->machine != NULL) {
		c = slots_contents(s, s->previous, e);
		return c == NULL ? -1 : machine_choose(s, c, -1, e);
	}
	if (renameat2(s->dir, CURRENT, s->dir, PREVIOUS, RENAME_EXCHANGE) == -1)
		return error_errno(e, "exchange " CURRENT " and " PREVIOUS);
	return sync_folder(s, e) == -1 ? -1 : read_links(s, e);
}

/* The slot's own copy, for who looks from inside; its folder is listed. */
static int
put_inside(int tree, const struct contents *c, const struct strbuf *text,
    struct error *e)
{
	own_free char *folder = path_dir(CONTENTS_INSIDE);
	const struct contents_entry *t = contents_find(c, folder);

	if (t == NULL || t->type != 'd')
		return 0;
	return file_replace(tree, CONTENTS_INSIDE, 0644, text->s, text->len, e);
}

int
slots_settle(struct slots *s, const struct contents *c, struct error *e)
{
	own_fd int tree = openat(s->dir, STAGING, OPEN_DIR);
	own_free char *name = contents_name(c->id);
	own(strbuf_clear) struct strbuf text = { 0 };

	if (tree == -1)
		return error_errno(e, STAGING);
	contents_print(c, &text);
	if (put_inside(tree, c, &text, e) == -1)
		return -1;
	if (syncfs(tree) == -1)
		return error_errno(e, STAGING ": sync");
	close(take_fd(&tree));
	if (slots_apart(s))
		return machine_settle(s, c, e);
	if (s->machine == NULL &&
	    file_replace(s->dir, name, 0644, text.s, text.len, e) == -1)
		return -1;
	if (renameat(s->dir, STAGING, s->dir, c->id) == -1)
		return error_errno(e, "slot %.12s", c->id);
	if (sync_folder(s, e) == -1)
		return -1;
	return s->machine != NULL ? machine_settle(s, c, e) : 0;
}

/* First the name, then the files: no half slot has a slot's name. */
static int
remove_slot(struct slots *s, const char *id, struct error *e)
{
	own_free char *name = contents_name(id);

	if (renameat(s->dir, id, s->dir, TRASH) == -1)
		return error_errno(e, "slot %.12s", id);
	if (tree_remove(s->dir, TRASH, e) == -1)
		return -1;
	if (unlinkat(s->dir, name, 0) == -1 && errno != ENOENT)
		return error_errno(e, "%s", name);
	return 0;
}

static bool
is_used(const struct slots *s, const char *id)
{
	return (s->current != NULL && strcmp(s->current, id) == 0) ||
	    (s->previous != NULL && strcmp(s->previous, id) == 0);
}

/* The contents of a slot whose files are gone already. */
static int
remove_orphan(struct slots *s, const char *name, struct error *e)
{
	own_free char *id = mem_dup(name);
	char *dot = strchr(id, '.');

	if (dot == NULL || strcmp(dot, ".contents") != 0)
		return 0;
	*dot = '\0';
	if (!is_id(id) || file_is_dir(s->dir, id))
		return 0;
	if (unlinkat(s->dir, name, 0) == -1 && errno != ENOENT)
		return error_errno(e, "%s", name);
	return 0;
}

int
slots_tidy(struct slots *s, bool staging, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (slots_apart(s))
		return 0;
	if ((staging && tree_remove(s->dir, STAGING, e) == -1) ||
	    tree_remove(s->dir, TRASH, e) == -1 ||
	    file_names(s->dir, ".", &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];

		if (is_id(name) && !is_used(s, name) &&
		    remove_slot(s, name, e) == -1)
			return -1;
		if (remove_orphan(s, name, e) == -1)
			return -1;
	}
	return 0;
}
