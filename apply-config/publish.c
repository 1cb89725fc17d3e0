/* SPDX-License-Identifier: Apache-2.0 */
/* Stage, check, commit, sync, rename, sync, put the journal away. */
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

/*
 * More files or folders than this are seen to the disk by one sync of all.  It
 * also waits for what others wrote, so it is not for a change of a file or two.
 */
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

/* Note all folders that will be made, each once, outermost first. */
static int
note_folders(struct publication *p, const struct changes *c, struct error *e)
{
	struct strlist *folders = &p->journal->folders;
	const char *last = NULL;

	for (size_t i = 0; i < c->len; i++) {
		const char *path = c->items[i].path;

		if (c->items[i].kind == CHANGE_DELETE ||
		    (last != NULL && path_same_dir(last, path)))
			continue;
		if (add_folders(p, path, e) == -1)
			return -1;
		last = path;
	}
	strlist_sort(folders);
	strlist_unique(folders);
	return 0;
}

/* What is to be, with the attributes of what there was unless it says. */
static struct version
new_version(const struct change *one, const struct entry *entry)
{
	struct version new = one->new;

	if (new.xattrs == NULL) {
		new.xattrs = entry->old.xattrs;
		new.xattrs_len = entry->old.xattrs_len;
	}
	return new;
}

static int
note_one(struct publication *p, const struct change *one, struct error *e)
{
	struct entry *entry = journal_add(p->journal, one->path);
	struct version new;

	entry->on_change =
	    mem_dup(one->on_change != NULL ? one->on_change : "");
	entry->gone = one->kind == CHANGE_DELETE;
	entry->old = (struct version){ .text = "", .xattrs = "" };
	if (one->kind != CHANGE_CREATE &&
	    version_read(
		p->output, one->path, p->journal->arena, &entry->old, e) == -1)
		return -1;
	if (entry->gone)
		return 0;
	new = new_version(one, entry);
	entry->new = version_seal(&new);
	return 0;
}

/* The first run, which makes the state folder, and new folders are rare. */
static int
note_all(struct publication *p, const struct changes *c, struct error *e)
{
	for (size_t i = 0; i < c->len; i++)
		if (note_one(p, &c->items[i], e) == -1)
			return -1;
	if (note_folders(p, c, e) == -1)
		return -1;
	p->bulk =
	    c->len > BULK || p->journal->folders.len > 0 || p->state->fresh;
	journal_place(p->journal);
	return 0;
}

/* ---- staging ---------------------------------------------------------------- */

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
	struct version new = new_version(one, entry);
	struct staged staged;

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

/* ---- barriers ----------------------------------------------------------------- */

/* What is renamed or removed: whole trees, and the files outside of them. */
static void
add_places(const struct journal *j, struct strlist *paths)
{
	strlist_add_all(paths, &j->trees);
	for (size_t i = 0; i < j->len; i++)
		if (!j->items[i].in_tree)
			strlist_add(paths, j->items[i].path);
}

/* See to the disk all that is on the filesystems that we write to. */
static int
sync_all(struct publication *p, struct error *e)
{
	own(strlist_clear) struct strlist paths = { 0 };

	add_places(p->journal, &paths);
	return output_sync_all(
	    p->output, paths.items, paths.len, p->state->fd, e);
}

/*
 * The barrier before the first file takes its place.  On which side of it the
 * power was cut is plain from the files: before, some that the journal speaks
 * of may not be whole, and so may the journal.
 */
static int
sync_staged(struct publication *p, struct error *e)
{
	if (p->bulk)
		return sync_all(p, e);
	for (size_t i = 0; i < p->fd_count; i++)
		if (fsync(p->fds[i]) == -1)
			return error_errno(e, "what was staged");
	if (state_sync(p->state, "commit", e) == -1)
		return -1;
	return state_sync(p->state, ".", e);
}

/* The barrier before the journal is put away: what took its place is there. */
static int
sync_published(struct publication *p, struct error *e)
{
	own(strlist_clear) struct strlist paths = { 0 };

	add_places(p->journal, &paths);
	if (paths.len > BULK)
		return sync_all(p, e);
	return output_sync(p->output, paths.items, paths.len, e);
}

/* ---- before and after the first ------------------------------------------------ */

/* Give up: what was staged goes, and with it the journal. */
static void
discard(struct publication *p)
{
	struct error ignored;

	if (journal_discard(p->journal, p->output, &ignored) == 0 &&
	    state_remove(p->state, "staging", &ignored) == 0)
		(void)state_remove(p->state, "commit", &ignored);
}

static int
prepare(struct publication *p, const struct changes *c, struct error *e)
{
	if (journal_write(p->journal, p->state, "staging", e) == -1)
		return -1;
	if (stage(p, c, e) == -1 ||
	    state_rename(p->state, "staging", "commit", e) == -1 ||
	    sync_staged(p, e) == -1) {
		discard(p);
		return -1;
	}
	return 0;
}

/*
 * Bring the old set back, whatever has been done of the new one.  A journal
 * called "abort" is on the disk.
 */
static int
take_back(struct publication *p, struct error *e)
{
	if (state_sync(p->state, "commit", e) == -1 ||
	    state_rename(p->state, "commit", "abort", e) == -1 ||
	    state_sync(p->state, ".", e) == -1 ||
	    journal_backward(p->journal, p->output, e) == -1 ||
	    sync_all(p, e) == -1)
		return -1;
	return state_remove(p->state, "abort", e);
}

/* Take back a set that could not be renamed to its place whole. */
static int
undo(struct publication *p, struct error *e)
{
	struct error why;

	if (take_back(p, &why) == -1)
		error_prefix(e, "%s (not undone yet: %s)", "publishing failed",
		    why.text);
	return -1;
}

static int
finish(struct publication *p, struct changed *done, struct error *e)
{
	own_free char *name = generation_name(p->journal->number);

	if (journal_forward(p->journal, p->output, e) == -1)
		return undo(p, e);
	if (sync_published(p, e) == -1)
		return -1;
	if (p->journal->deadline != 0 &&
	    pending_write(p->state, p->journal, e) == -1)
		return -1;
	changed_note(done, p->output, p->journal);
	if (changed_tell(p->settings, done, e) == -1)
		return -1;
	return state_rename(p->state, "commit", name, e);
}

/*
 * Renaming a file moves its change time.  Whatever else is in its place by now
 * is not the one that was made.
 */
static void
note_times(struct publication *p, const struct changes *c)
{
	for (size_t i = 0; i < c->len; i++) {
		const char *path = c->items[i].path;
		struct error ignored;
		struct stat st;
		int dir;

		if (c->items[i].made == NULL || p->journal->items[i].in_tree)
			continue;
		dir = output_dir(p->output, path, &ignored);
		if (dir != -1 &&
		    fstatat(dir, path_base(path), &st, AT_SYMLINK_NOFOLLOW) ==
			0)
			c->items[i].made->st_ctim = st.st_ctim;
	}
}

static void
publication_clear(struct publication *p)
{
	while (p->fd_count > 0)
		close(p->fds[--p->fd_count]);
}

int
publish(const struct settings *s, struct output *o, const struct state *st,
    const struct changes *c, struct journal *j, struct changed *done,
    struct error *e)
{
	own(publication_clear) struct publication p = {
		.settings = s, .output = o, .state = st, .journal = j
	};

	/* Whoever is to be told can be told, or nothing happens. */
	if (changed_tell(s, done, e) == -1)
		return -1;
	if (note_all(&p, c, e) == -1 || prepare(&p, c, e) == -1)
		return -1;
	if (finish(&p, done, e) == -1)
		return -1;
	note_times(&p, c);
	return 0;
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

/*
 * One that is not whole was on its way to the disk when the power was cut, so
 * nothing had taken its place yet; it is the same when what was staged is not
 * whole.
 */
static int
recover_commit(struct publication *p, struct changed *done, struct error *e)
{
	int r = journal_read(p->journal, p->state, "commit", e);

	if (r == 2)
		return state_remove(p->state, "commit", e) == -1 ? -1 : 1;
	if (r != 1)
		return r;
	if (!journal_has_arrived(p->journal, p->output))
		return take_back(p, e) == -1 ? -1 : 1;
	return sync_staged(p, e) == -1 || finish(p, done, e) == -1 ? -1 : 1;
}

static int
recover_abort(struct publication *p, struct error *e)
{
	int r = journal_read(p->journal, p->state, "abort", e);

	if (r == 2)
		return error_set(
		    e, EIO, "%s/abort: the journal is damaged", p->state->path);
	if (r == 1 &&
	    (journal_backward(p->journal, p->output, e) == -1 ||
		sync_all(p, e) == -1 ||
		state_remove(p->state, "abort", e) == -1))
		return -1;
	return r;
}

int
publish_recover(const struct settings *s, struct output *o,
    const struct state *st, struct changed *done, struct error *e)
{
	own(journal_clear) struct journal a = { 0 }, b = { 0 }, c = { 0 };
	struct publication p = { .settings = s,
		.output = o,
		.state = st,
		.journal = &a,
		.bulk = true };
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
