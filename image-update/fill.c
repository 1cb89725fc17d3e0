/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staging tree: its shape comes from the signed contents, what the
 * current slot has already from there, and only the bytes of other files from
 * the source.  No name, link or attribute that a source tells is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image-update/update.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strlist.h"
#include "lib/tree.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* ---- what is there already ------------------------------------------------------ */

/* Whether an entry of the tree is, all of it, what the contents say. */
static bool
is_right(const struct filling *f, const struct contents_entry *there,
    const struct contents_entry *t)
{
	const struct contents_entry *first;

	if (t == NULL || contents_differ(there, t) != CONTENTS_SAME)
		return false;
	if (t->type != 'h')
		return true;
	first = contents_find(f->new, t->target);
	return first != NULL && f->done[first - f->new->entries];
}

/* The beginning of a file that is wanted, or what a program has left. */
static bool
is_part(const struct filling *f, const struct contents_entry *there)
{
	char sum[DIGEST_TEXT];

	if (strncmp(there->path, CONFINED, strlen(CONFINED)) == 0)
		return true;
	if (there->type != 'f' || strncmp(there->path, PART, strlen(PART)) != 0)
		return false;
	for (size_t i = 0; i < f->new->n; i++) {
		if (f->needs.list[i].how != NEED_BYTES)
			continue;
		digest_print(f->new->entries[i].sum, sum);
		if (strcmp(there->path + strlen(PART), sum) == 0)
			return true;
	}
	return false;
}

static int
keep_or_remove(
    struct filling *f, const struct contents_entry *there, struct error *e)
{
	const struct contents_entry *t = contents_find(f->new, there->path);
	size_t i = t != NULL ? (size_t)(t - f->new->entries) : 0;

	if (is_part(f, there) ||
	    (there->type == 'd' && t != NULL && t->type == 'd'))
		return 0;
	if (there->type != 'd' && is_right(f, there, t)) {
		f->done[i] = true;
		return 0;
	}
	if (there->type == 'd')
		return tree_remove(f->staging, there->path, e);
	if (unlinkat(f->staging, there->path, 0) == -1 && errno != ENOENT &&
	    errno != ENOTDIR)
		return error_errno(e, "%s", there->path);
	return 0;
}

/* What an update that was cut off has left. */
static int
look_around(struct filling *f, struct error *e)
{
	ownp(contents_free) struct contents *there =
	    contents_scan(f->staging, "", CONTENTS_DIGESTS, e);
	size_t kept = 0;

	if (there == NULL && e->code == EIO) {
		log_warn(STAGING ": %s; all of it is brought anew", e->text);
		return tree_empty(f->staging, ".", e);
	}
	if (there == NULL)
		return error_prefix(e, STAGING);
	for (size_t i = 0; i < there->n; i++)
		if (keep_or_remove(f, &there->entries[i], e) == -1)
			return -1;
	for (size_t i = 0; i < f->new->n; i++)
		kept += f->done[i];
	if (kept > 0)
		log_info("go on with %zu paths that are there", kept);
	return 0;
}

/* ---- the shape --------------------------------------------------------------------- */

static int
make_entry(struct filling *f, const struct contents_entry *t, struct error *e)
{
	int r = 0;

	switch (t->type) {
	case 'd':
		r = t->depth > 0 ? mkdirat(f->staging, t->path, 0700) : 0;
		return r == -1 && errno != EEXIST
		    ? error_errno(e, "%s", t->path)
		    : 0;
	case 'f':
		r = mknodat(f->staging, t->path, S_IFREG | 0600, 0);
		break;
	case 'l':
		r = symlinkat(t->target, f->staging, t->path);
		break;
	case 'p':
		r = mknodat(f->staging, t->path, S_IFIFO | 0600, 0);
		break;
	default:
		r = mknodat(f->staging, t->path,
		    (t->type == 'c' ? S_IFCHR : S_IFBLK) | 0600, t->size);
	}
	if (r == -1)
		return error_errno(e, "%s", t->path);
	return fill_attributes(f, t, e);
}

/* It cannot be had here after all: somebody has to bring it. */
static void
want(struct filling *f, size_t i)
{
	f->needs.list[i].how = NEED_BYTES;
	f->left++;
	f->all += f->new->entries[i].size;
}

/* From another path or file system: compared, since it is read anyway. */
static int
copy_old(struct filling *f, size_t i, const char *path, struct error *e)
{
	if (fill_copy(f, (uint32_t)i, f->current, path, e) == 0)
		return 0;
	if (e->code != EBADMSG && e->code != ENOENT && e->code != EIO)
		return -1;
	log_warn("the current slot: %s", e->text);
	want(f, i);
	return 0;
}

/* Folders get their attributes when they are full. */
static int
fill_entry(struct filling *f, size_t i, struct error *e)
{
	const struct contents_entry *t = &f->new->entries[i];
	const struct need *need = &f->needs.list[i];

	switch (need->how) {
	case NEED_NOTHING:
		return t->type == 'h' ? 0 : make_entry(f, t, e);
	case NEED_SAME:
		if (linkat(f->current, t->path, f->staging, t->path, 0) == 0)
			return 0;
		if (errno != EXDEV && errno != EMLINK && errno != ENOENT)
			return error_errno(e, "%s", t->path);
		return t->size > 0 ? copy_old(f, i, t->path, e)
				   : make_entry(f, t, e);
	case NEED_COPY:
		return copy_old(f, i, f->old->entries[need->from].path, e);
	default:
		return 0;
	}
}

static int
make_shape(struct filling *f, struct error *e)
{
	for (size_t i = 0; i < f->new->n; i++)
		if (f->needs.list[i].how == NEED_BYTES && !f->done[i]) {
			f->left++;
			f->all += f->new->entries[i].size;
		}
	for (size_t i = 0; i < f->new->n; i++)
		if (!f->done[i] && fill_entry(f, i, e) == -1)
			return -1;
	return 0;
}

/* ---- what follows the bytes ----------------------------------------------------------- */

static int
end_entry(struct filling *f, size_t i, struct error *e)
{
	const struct contents_entry *t = &f->new->entries[i];

	if (f->done[i])
		return 0;
	if (t->type == 'h' &&
	    linkat(f->staging, t->target, f->staging, t->path, 0) == -1)
		return error_errno(e, "%s", t->path);
	if (f->needs.list[i].how == NEED_TWIN)
		return fill_copy(f, (uint32_t)i, f->staging,
		    f->new->entries[f->needs.list[i].from].path, e);
	return 0;
}

/* Parts of files that came whole in another way. */
static int
remove_parts(struct filling *f, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (file_names(f->staging, ".", &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (strncmp(names.items[i], PART, strlen(PART)) == 0 &&
		    contents_find(f->new, names.items[i]) == NULL &&
		    tree_remove(f->staging, names.items[i], e) == -1)
			return -1;
	return 0;
}

static int
end_shape(struct filling *f, struct error *e)
{
	if (remove_parts(f, e) == -1)
		return -1;
	for (size_t i = 0; i < f->new->n; i++)
		if (end_entry(f, i, e) == -1)
			return -1;
	for (size_t i = f->new->n; i-- > 0;)
		if (f->new->entries[i].type == 'd' &&
		    fill_attributes(f, &f->new->entries[i], e) == -1)
			return -1;
	return 0;
}

/* ---- all of it --------------------------------------------------------------------------- */

static int
open_trees(
    struct filling *f, const struct slots *s, bool *fresh, struct error *e)
{
	if (f->old != NULL) {
		f->current = openat(s->dir, s->current, OPEN_DIR);
		if (f->current == -1)
			return error_errno(e, "slot %.12s", s->current);
	}
	*fresh = mkdirat(s->dir, STAGING, 0700) == 0;
	if (!*fresh && errno != EEXIST)
		return error_errno(e, STAGING);
	f->staging = openat(s->dir, STAGING, OPEN_DIR);
	if (f->staging == -1)
		return error_errno(e, STAGING);
	/* What the folder of slots hands down is nothing of the image's. */
	if (*fresh) {
		(void)fremovexattr(f->staging, "system.posix_acl_default");
		(void)fremovexattr(f->staging, "system.posix_acl_access");
	}
	return 0;
}

static int
fill_all(
    struct filling *f, struct slots *s, struct source *from, struct error *e)
{
	bool fresh = false;

	if (open_trees(f, s, &fresh, e) == -1)
		return -1;
	needs_make(&f->needs, f->old, f->new);
	f->done = mem_alloc((f->new->n + 1) * sizeof(*f->done));
	if ((!fresh && look_around(f, e) == -1) || make_shape(f, e) == -1)
		return -1;
	if (!source_compares(from)) {
		slots_forget(s); /* memory is for who unpacks */
		f->old = NULL;
	}
	if (f->left > 0 && source_bring(from, f, e) == -1)
		return -1;
	if (f->all > 0)
		log_progress("stage", f->all, f->all);
	return end_shape(f, e);
}

int
fill(struct slots *s, struct source *from, const struct contents *old,
    struct error *e)
{
	struct filling f = { .staging = -1,
		.current = -1,
		.fd = -1,
		.new = from->contents,
		.old = old };
	int r = fill_all(&f, s, from, e);

	fill_close(&f);
	needs_clear(&f.needs);
	free(f.done);
	if (f.staging != -1)
		close(f.staging);
	if (f.current != -1)
		close(f.current);
	return r;
}
