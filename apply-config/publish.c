/* SPDX-License-Identifier: Apache-2.0 */
/* Stage, check, sync, commit, rename, sync, put the journal away. */
#include "apply-config/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/changed.h"
#include "apply-config/generations.h"
#include "apply-config/journal.h"
#include "apply-config/output.h"
#include "apply-config/state.h"
#include "apply-config/validate.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/path.h"

/* With more files and new folders, one sync of all is faster than many. */
#define BULK 8

struct publication {
	const struct settings *settings;
	struct output *output;
	const struct state *state;
	struct journal *journal;
	bool bulk;
	int fds[BULK]; /* of what was staged; in bulk there are none */
	size_t fd_count;
};

static void
forget_fds(struct publication *p)
{
	while (p->fd_count > 0)
		close(p->fds[--p->fd_count]);
}

/* ---- what there was -------------------------------------------------------- */

/* Add the folders above path that are missing. */
static int
add_folders(struct publication *p, const char *path, struct error *e)
{
	own_free char *copy = mem_dup(path);

	if (output_dir(p->output, path, e) != -1)
		return 0;
	if (e->code != ENOENT)
		return -1;
	for (char *s = copy; (s = strchr(s, '/')) != NULL; s++) {
		own_free char *inside = mem_dupn(path, (size_t)(s - copy) + 1);

		if (output_dir(p->output, inside, e) != -1)
			continue;
		inside[s - copy] = '\0';
		strlist_add(&p->journal->folders, inside);
	}
	return 0;
}

static bool
same_folder(const char *a, const char *b)
{
	size_t n = (size_t)(path_base(a) - a);

	return strncmp(a, b, n) == 0 && path_base(b) == b + n;
}

/* Note all folders that will be made, each once, outermost first. */
static int
note_folders(struct publication *p, const struct changes *c, struct error *e)
{
	struct strlist *folders = &p->journal->folders;
	const char *last = NULL;

	for (size_t i = 0; i < c->len; i++) {
		const char *path = c->items[i].path;

		if (c->items[i].kind == CHANGE_DELETE ||
		    (last != NULL && same_folder(last, path)))
			continue;
		if (add_folders(p, path, e) == -1)
			return -1;
		last = path;
	}
	strlist_sort(folders);
	strlist_unique(folders);
	return 0;
}

static int
note_old(struct publication *p, const struct changes *c, struct error *e)
{
	for (size_t i = 0; i < c->len; i++) {
		const struct change *one = &c->items[i];
		struct entry *entry = journal_add(p->journal, one->path);

		entry->on_change =
		    mem_dup(one->on_change != NULL ? one->on_change : "");
		entry->gone = one->kind == CHANGE_DELETE;
		if (one->kind == CHANGE_CREATE)
			entry->old =
			    (struct version){ .text = "", .xattrs = "" };
		else if (version_read(p->output, one->path, p->journal->arena,
			     &entry->old, e) == -1)
			return -1;
	}
	if (note_folders(p, c, e) == -1)
		return -1;
	p->bulk = c->len + p->journal->folders.len > BULK;
	journal_place(p->journal);
	return 0;
}

/* ---- before the commit ------------------------------------------------------ */

/* What stands in the place of a tree would be no folder. */
static int
stage_trees(struct publication *p, struct error *e)
{
	const struct strlist *trees = &p->journal->trees;

	for (size_t i = 0; i < trees->len; i++) {
		own_free char *temp = version_temp(trees->items[i]);

		if (version_exists(p->output, trees->items[i])) {
			own_free char *name =
			    output_name(p->output, trees->items[i]);

			return error_set(
			    e, ENOTDIR, "%s: %s", name, strerror(ENOTDIR));
		}
		if (output_mkdir(p->output, temp, e) == -1)
			return -1;
	}
	return 0;
}

static int
stage_one(struct publication *p, const struct change *one,
    const struct entry *entry, struct error *e)
{
	struct version new = one->new;
	struct staged staged;

	if (new.xattrs == NULL) {
		new.xattrs = entry->old.xattrs;
		new.xattrs_len = entry->old.xattrs_len;
	}
	if (output_mkdirs(p->output, entry->staged, e) == -1 ||
	    version_stage(
		p->output, entry->path, entry->staged, &new, &staged, e) == -1)
		return -1;
	if (one->made != NULL)
		*one->made = staged.st;
	if (staged.fd == -1)
		return 0;
	if (p->bulk) {
		close(staged.fd);
		return 0;
	}
	p->fds[p->fd_count++] = staged.fd;
	if (file_write_back(staged.fd) == -1)
		return error_errno(e, "%s", one->path);
	return 0;
}

static int
stage(struct publication *p, const struct changes *c, struct error *e)
{
	const struct entry *entries = p->journal->items;

	if (stage_trees(p, e) == -1)
		return -1;
	for (size_t i = 0; i < c->len; i++)
		if (c->items[i].kind != CHANGE_DELETE &&
		    stage_one(p, &c->items[i], &entries[i], e) == -1)
			return -1;
	for (size_t i = 0; i < c->len; i++)
		if (c->items[i].validate != NULL &&
		    validate_run(
			p->output, &c->items[i], entries[i].staged, e) == -1)
			return -1;
	return 0;
}

/* See to the disk the folders that what was staged stands in. */
static int
sync_staged_folders(struct publication *p, struct error *e)
{
	own(strlist_clear) struct strlist paths = { 0 };
	const struct journal *j = p->journal;

	for (size_t i = 0; i < j->folders.len; i++)
		strlist_take(&paths, journal_staged(j, j->folders.items[i]));
	for (size_t i = 0; i < j->len; i++)
		strlist_add(&paths, j->items[i].staged);
	return output_sync(p->output, paths.items, paths.len, p->bulk, e);
}

/* The same for what took its place; all: for what is in trees as well. */
static int
sync_folders(struct publication *p, bool all, struct error *e)
{
	own(strlist_clear) struct strlist paths = { 0 };
	const struct journal *j = p->journal;

	strlist_add_all(&paths, all ? &j->folders : &j->trees);
	for (size_t i = 0; i < j->len; i++)
		if (all || !j->items[i].in_tree)
			strlist_add(&paths, j->items[i].path);
	return output_sync(p->output, paths.items, paths.len, p->bulk, e);
}

/*
 * See to the disk whatever the commit speaks of.  All of it was written
 * before, and its data is on its way, so the first call waits for the most.
 */
static int
sync_staged(struct publication *p, struct error *e)
{
	for (size_t i = 0; i < p->fd_count; i++)
		if (fsync(p->fds[i]) == -1)
			return error_errno(e, "what was staged");
	if (sync_staged_folders(p, e) == -1 ||
	    (p->state->fresh && state_sync(p->state, "output", e) == -1))
		return -1;
	return state_sync(p->state, "staging", e);
}

/* Give up: what was staged goes, and with it the journal. */
static void
discard(struct publication *p)
{
	struct error ignored;

	if (journal_discard(p->journal, p->output, &ignored) == 0)
		(void)state_remove(p->state, "staging", &ignored);
}

static int
prepare(struct publication *p, const struct changes *c, struct error *e)
{
	if (journal_write(p->journal, p->state, "staging", e) == -1)
		return -1;
	if (stage(p, c, e) == -1 || sync_staged(p, e) == -1 ||
	    state_rename(p->state, "staging", "commit", e) == -1) {
		forget_fds(p);
		discard(p);
		return -1;
	}
	forget_fds(p);
	return 0;
}

/* ---- after the commit --------------------------------------------------------- */

/* Take back a set that could not be renamed to its place whole. */
static int
undo(struct publication *p, struct error *e)
{
	struct error why;

	if (state_rename(p->state, "commit", "abort", &why) == -1 ||
	    state_sync(p->state, ".", &why) == -1 ||
	    journal_backward(p->journal, p->output, &why) == -1 ||
	    sync_folders(p, true, &why) == -1 ||
	    state_remove(p->state, "abort", &why) == -1)
		error_prefix(e, "%s (not undone yet: %s)", "publishing failed",
		    why.text);
	return -1;
}

/*
 * The names in the state folder go to the disk before the first file takes
 * its place, and all files before the journal is put away.
 */
static int
finish(struct publication *p, struct changed *done, struct error *e)
{
	own_free char *name = generation_name(p->journal->number);

	if (state_sync(p->state, ".", e) == -1 ||
	    journal_forward(p->journal, p->output, e) == -1)
		return undo(p, e);
	if (sync_folders(p, false, e) == -1)
		return -1;
	if (p->journal->deadline != 0 &&
	    pending_write(p->state, p->journal, e) == -1)
		return -1;
	changed_note(done, p->output, p->journal);
	if (changed_tell(p->settings, done, e) == -1)
		return -1;
	return state_rename(p->state, "commit", name, e);
}

int
publish(const struct settings *s, struct output *o, const struct state *st,
    const struct changes *c, struct journal *j, struct changed *done,
    struct error *e)
{
	struct publication p = {
		.settings = s, .output = o, .state = st, .journal = j
	};

	/* Whoever is to be told can be told, or nothing happens. */
	if (changed_tell(s, done, e) == -1)
		return -1;
	if (note_old(&p, c, e) == -1 || prepare(&p, c, e) == -1)
		return -1;
	return finish(&p, done, e);
}

/* ---- after a crash --------------------------------------------------------------- */

/* 1 when there was such a journal and it was dealt with. */
static int
recover_staging(struct publication *p, struct error *e)
{
	int r = journal_read(p->journal, p->state, "staging", e);

	if (r == 1 && journal_discard(p->journal, p->output, e) == -1)
		return -1;
	/* One that is not whole was not acted on yet. */
	if (r > 0 && state_remove(p->state, "staging", e) == -1)
		return -1;
	return r;
}

static int
read_whole(struct publication *p, const char *name, struct error *e)
{
	int r = journal_read(p->journal, p->state, name, e);

	if (r != 2)
		return r;
	return error_set(
	    e, EIO, "%s/%s: the journal is damaged", p->state->path, name);
}

static int
recover_commit(struct publication *p, struct changed *done, struct error *e)
{
	int r = read_whole(p, "commit", e);

	return r == 1 && finish(p, done, e) == -1 ? -1 : r;
}

static int
recover_abort(struct publication *p, struct error *e)
{
	int r = read_whole(p, "abort", e);

	if (r == 1 &&
	    (journal_backward(p->journal, p->output, e) == -1 ||
		sync_folders(p, true, e) == -1 ||
		state_remove(p->state, "abort", e) == -1))
		return -1;
	return r;
}

int
publish_recover(const struct settings *s, struct output *o,
    const struct state *st, struct changed *done, struct error *e)
{
	own(journal_clear) struct journal a = { 0 }, b = { 0 }, c = { 0 };
	struct publication p = {
		.settings = s, .output = o, .state = st, .journal = &a
	};
	int staging, commit, aborted;

	if (st->fd == -1)
		return 0;
	staging = recover_staging(&p, e);
	p.journal = &b;
	commit = staging == -1 ? -1 : recover_commit(&p, done, e);
	p.journal = &c;
	aborted = commit == -1 ? -1 : recover_abort(&p, e);
	return aborted == -1 ? -1 : staging || commit || aborted;
}
