/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three-way merge of /etc.  What the machine changed is the upper folder
 * of an overlay whose lower one is the old image's /etc; what it is merged
 * with is how the images differ.  Whole files are taken from one of the
 * three; only lists of users and groups are merged by line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-update/machine.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"

/* A file that is rendered anew from a template is nobody's change. */
#define TEMPLATES "usr/libexec/os-apply-config/templates/etc/"
#define OVERLAY "trusted.overlay."

struct merge {
	int upper, to; /* folders; to may be -1 */
	int new_tree; /* of the new image */
	const struct contents *mine, *old, *new;
	struct strlist *conflicts;
};

static void
conflict(const struct merge *m, const char *path, const char *why)
{
	strlist_printf(m->conflicts, "/etc/%s: %s", path, why);
}

/* ---- comparing ------------------------------------------------------------------ */

/* A whiteout: the machine removed what the image has. */
static bool
is_gone(const struct contents_entry *t)
{
	return t->type == 'c' && t->size == 0;
}

/* Without the overlay's own notes, which are no attributes of the file. */
static char *
own_xattrs(const char *text)
{
	own(strlist_clear) struct strlist all = { 0 }, some = { 0 };

	strlist_split(&all, text, " ");
	for (size_t i = 0; i < all.len; i++)
		if (strncmp(all.items[i], OVERLAY, strlen(OVERLAY)) != 0)
			strlist_add(&some, all.items[i]);
	return strlist_join(&some, " ");
}

static bool
same_xattrs(const char *a, const char *b)
{
	own_free char *one = own_xattrs(a), *two = own_xattrs(b);

	return strcmp(one, two) == 0;
}

/* Whether two entries, either of which may be missing, are the same file. */
static bool
is_same(const struct contents_entry *a, const struct contents_entry *b)
{
	struct contents_entry x, y;

	if (a == NULL || b == NULL)
		return a == b;
	x = *a;
	y = *b;
	if (!same_xattrs(x.xattrs, y.xattrs))
		return false;
	x.xattrs = y.xattrs = "";
	return contents_differ(&x, &y) == CONTENTS_SAME;
}

/* Whether the image left a path as it was; a folder with all that is in it. */
static bool
is_left(const struct contents_entry *old, const struct contents_entry *new)
{
	return is_same(old, new) &&
	    (old == NULL || old->type != 'd' ||
		memcmp(old->sum, new->sum, sizeof(old->sum)) == 0);
}

static bool
same_attributes(const struct contents_entry *a, const struct contents_entry *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid;
}

static const struct contents_entry *
in_image(const struct contents *c, const char *path)
{
	own_free char *full = path_join("etc", path);

	return contents_find(c, strcmp(path, ".") == 0 ? "etc" : full);
}

static bool
has_template(const struct merge *m, const char *path)
{
	own_free char *full = mem_printf(TEMPLATES "%s", path);

	return contents_find(m->new, full) != NULL;
}

/* ---- users and groups --------------------------------------------------------------- */

static const struct accounts {
	const char *path;
	enum etc_lines kind;
} accounts[] = { { "passwd", ETC_NUMBERED }, { "group", ETC_NUMBERED },
	{ "shadow", ETC_NAMED }, { "gshadow", ETC_NAMED },
	{ "subuid", ETC_WHOLE }, { "subgid", ETC_WHOLE } };

static const struct accounts *
find_accounts(const char *path)
{
	for (size_t i = 0; i < sizeof(accounts) / sizeof(*accounts); i++)
		if (strcmp(path, accounts[i].path) == 0)
			return &accounts[i];
	return NULL;
}

/* Copies that the tools keep of them ("passwd-"). */
static bool
is_backup(const char *path)
{
	size_t n = strlen(path);
	own_free char *stem = mem_dupn(path, n > 0 ? n - 1 : 0);

	return n > 0 && path[n - 1] == '-' && find_accounts(stem) != NULL;
}

/* Old is where the overlay's lower layer is: the old image's own file. */
static int
read_three(const struct merge *m, int old_etc, const char *path,
    struct strbuf text[3], struct error *e)
{
	own_free char *full = path_join("etc", path);

	if (file_read(old_etc, path, LIMIT_TEXT_BYTES, &text[0], e) == -1 ||
	    file_read(m->new_tree, full, LIMIT_TEXT_BYTES, &text[1], e) == -1)
		return -1;
	return file_read(m->upper, path, LIMIT_TEXT_BYTES, &text[2], e);
}

static void clear_three(struct strbuf (*text)[3])
{
	for (int i = 0; i < 3; i++)
		strbuf_clear(&(*text)[i]);
}

/* The lines of all three; owner and mode are those of one of them. */
static int
merge_accounts(const struct merge *m, const struct accounts *a, int old_etc,
    const struct contents_entry *owner, struct error *e)
{
	__attribute__((cleanup(clear_three))) struct strbuf text[3] = { { 0 } };
	own(strbuf_clear) struct strbuf out = { 0 };
	own(strlist_clear) struct strlist why = { 0 };
	struct file_writer w = { .fd = -1 };

	if (read_three(m, old_etc, a->path, text, e) == -1)
		return -1;
	etc_merge_lines(strbuf_text(&text[0]), strbuf_text(&text[1]),
	    strbuf_text(&text[2]), a->kind, &out, &why);
	for (size_t i = 0; i < why.len; i++)
		conflict(m, a->path, why.items[i]);
	if (m->to == -1 || why.len > 0)
		return 0;
	if (file_begin(&w, m->to, a->path, owner->mode, e) == -1)
		return -1;
	w.uid = owner->uid;
	w.gid = owner->gid;
	file_add(&w, strbuf_text(&out), out.len);
	return file_publish(&w, e);
}

/* ---- files ------------------------------------------------------------------------- */

enum choice {
	CHOICE_MINE,
	CHOICE_NEW, /* the machine's is taken out, so the image's is seen */
	CHOICE_LINES,
};

static enum choice
choose(const struct merge *m, const struct contents_entry *mine,
    const struct contents_entry *old, const struct contents_entry *new)
{
	const char *path = mine->path;

	if (is_gone(mine)) {
		if (new != NULL && !is_left(old, new))
			conflict(m, path, "removed here, changed by the image");
		return new == NULL ? CHOICE_NEW : CHOICE_MINE;
	}
	if (is_same(mine, old) || is_same(mine, new))
		return CHOICE_NEW;
	if (is_left(old, new) || is_backup(path) || has_template(m, path))
		return CHOICE_MINE;
	if (find_accounts(path) != NULL && old != NULL && new != NULL &&
	    mine->type == 'f' && old->type == 'f' && new->type == 'f') {
		if (!same_attributes(old, new) && !same_attributes(mine, old) &&
		    !same_attributes(mine, new))
			conflict(m, path,
			    "its owner or mode changed here and by the image");
		return CHOICE_LINES;
	}
	if (new == NULL)
		conflict(m, path, "changed here, removed by the image");
	else if (old == NULL)
		conflict(m, path, "added here and by the image");
	else
		conflict(m, path, "changed here and by the image");
	return CHOICE_MINE;
}

/* What the machine made of a folder, and the image of the same. */
static int
merge_folder(const struct merge *m, const struct contents_entry *mine,
    const struct contents_entry *old, const struct contents_entry *new,
    struct error *e)
{
	bool opaque = strstr(mine->xattrs, OVERLAY "opaque=") != NULL;

	if (new != NULL &&new->type != 'd') {
		if (!is_left(old, new))
			conflict(
			    m, mine->path, "a folder here, none in the image");
		return 0;
	}
	if (opaque && !is_left(old, new))
		conflict(m, mine->path, "replaced here, changed by the image");
	if (old == NULL || new == NULL || old->type != 'd' ||
	    same_attributes(old, new) || same_attributes(mine, new))
		return 0;
	if (!same_attributes(mine, old)) {
		conflict(m, mine->path, "changed here and by the image");
		return 0;
	}
	if (m->to == -1)
		return 0;
	if (fchownat(m->to, mine->path, new->uid, new->gid, 0) == -1 ||
	    fchmodat(m->to, mine->path, new->mode, 0) == -1)
		return error_errno(e, "/etc/%s", mine->path);
	return 0;
}

static int
merge_entry(const struct merge *m, const struct contents_entry *mine,
    int old_etc, struct error *e)
{
	const struct contents_entry *old = in_image(m->old, mine->path),
				    *new = in_image(m->new, mine->path);

	if (mine->type == 'd')
		return merge_folder(m, mine, old, new, e);
	switch (choose(m, mine, old, new)) {
	case CHOICE_NEW:
		if (m->to != -1 && unlinkat(m->to, mine->path, 0) == -1)
			return error_errno(e, "/etc/%s", mine->path);
		return 0;
	case CHOICE_LINES:
		if (m->new_tree == -1)
			return 0;
		return merge_accounts(m, find_accounts(mine->path), old_etc,
		    same_attributes(mine, old) ? new : mine, e);
	default:
		return 0;
	}
}

int
etc_merge(const struct etc_places *at, const struct contents *old,
    const struct contents *new, struct strlist *conflicts, struct error *e)
{
	ownp(contents_free) struct contents *mine =
	    contents_scan(at->upper, "etc", CONTENTS_DIGESTS, e);
	const struct merge m = { .upper = at->upper,
		.to = at->to,
		.new_tree = at->new_tree,
		.mine = mine,
		.old = old,
		.new = new,
		.conflicts = conflicts };
	own_fd int old_etc =
	    openat(at->old_tree, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (mine == NULL)
		return error_prefix(e, "changes of /etc");
	if (old_etc == -1)
		return error_errno(e, "the current image's /etc");
	if (at->to != -1 &&
	    tree_clone(at->upper, ".", at->to, ".", true, e) == -1)
		return error_prefix(e, "changes of /etc");
	for (size_t i = 0; i < mine->n; i++)
		if (merge_entry(&m, &mine->entries[i], old_etc, e) == -1)
			return -1;
	return 0;
}

int
etc_look(struct slots *s, const struct source *from, struct strlist *conflicts,
    struct error *e)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	const struct contents *old = slots_current(s, e);
	own_free char *mine =
	    mem_printf("state/etc-%c/upper", s->machine->slot);
	const char *tree = source_tree(from);
	own_fd int upper = openat(s->machine->root, mine, flags);
	own_fd int old_tree = openat(s->dir, s->current, flags);
	own_fd int new_tree = tree != NULL ? open(tree, flags) : -1;

	if (old == NULL)
		return -1;
	if (upper == -1 || old_tree == -1)
		return error_errno(e, "changes of /etc");
	return etc_merge(&(struct etc_places){ upper, -1, old_tree, new_tree },
	    old, from->contents, conflicts, e);
}
