/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying out what a journal says, and taking it back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply-config/journal.h"
#include "apply-config/output.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"

/* Whether the file is what it was before. */
static bool
is_old(const struct entry *entry, struct output *o)
{
	ownp(doc_free) struct doc *arena = doc_new();
	struct error ignored;
	struct version now;

	return version_read(o, entry->path, arena, &now, &ignored) == 0 &&
	    version_same(&now, &entry->old);
}

static bool
has_arrived(const struct entry *entry, struct output *o)
{
	if (entry->gone || entry->new.mode == 0)
		return true;
	if (version_exists(o, entry->staged))
		return version_is_sealed(o, entry->staged, &entry->new);
	return version_is_sealed(o, entry->path, &entry->new) ||
	    !is_old(entry, o);
}

bool
journal_has_arrived(const struct journal *j, struct output *o)
{
	for (size_t i = 0; i < j->len; i++)
		if (!has_arrived(&j->items[i], o))
			return false;
	return true;
}

/* ---- forward ---------------------------------------------------------------- */

/* Whether entry stands in the tree. */
static bool
is_in(const struct entry *entry, const char *tree)
{
	size_t n = strlen(tree);

	return strncmp(entry->path, tree, n) == 0 && entry->path[n] == '/';
}

/* Somebody made a folder of that name meanwhile: go file by file. */
static int
merge_tree(const struct journal *j, const char *tree, struct output *o,
    struct error *e)
{
	own_free char *temp = version_temp(tree);
	own(strlist_clear) struct strlist paths = { 0 };

	for (size_t i = 0; i < j->len; i++) {
		const struct entry *entry = &j->items[i];

		if (!is_in(entry, tree))
			continue;
		if (version_move(o, entry->staged, entry->path, e) == -1)
			return -1;
		strlist_add(&paths, entry->path);
	}
	if (output_sync_all(o, paths.items, paths.len, -1, e) == -1)
		return -1;
	return output_remove(o, temp, e);
}

/* EINVAL: this filesystem cannot tell whether the name is in use. */
static int
publish_tree(const struct journal *j, const char *tree, struct output *o,
    struct error *e)
{
	if (version_publish_folder(o, tree, e) != -1)
		return 0;
	if (e->code != EEXIST && e->code != EINVAL)
		return -1;
	return merge_tree(j, tree, o, e);
}

int
journal_forward(const struct journal *j, struct output *o, struct error *e)
{
	for (size_t i = 0; i < j->trees.len; i++)
		if (publish_tree(j, j->trees.items[i], o, e) == -1)
			return -1;
	for (size_t i = 0; i < j->len; i++) {
		const struct entry *entry = &j->items[i];
		int r = entry->gone  ? version_remove(o, entry->path, e)
		    : entry->in_tree ? 0
				     : version_publish(o, entry->path, e);

		if (r == -1)
			return -1;
	}
	return 0;
}

/* ---- back -------------------------------------------------------------------- */

/* Put back what was there, unless the new file is still only staged. */
static int
restore(const struct entry *entry, struct output *o, struct error *e)
{
	struct staged staged;
	own_fd int fd = -1;

	if ((!entry->gone && version_exists(o, entry->staged)) ||
	    is_old(entry, o))
		return 0;
	if (entry->old.mode == 0)
		return version_remove(o, entry->path, e);
	if (version_stage(
		o, entry->path, entry->staged, &entry->old, &staged, e) == -1)
		return -1;
	fd = staged.fd;
	if (fd != -1 && fsync(fd) == -1)
		return error_errno(e, "%s", entry->path);
	return version_publish(o, entry->path, e) == -1 ? -1 : 0;
}

int
journal_backward(const struct journal *j, struct output *o, struct error *e)
{
	for (size_t i = 0; i < j->len; i++)
		if (restore(&j->items[i], o, e) == -1)
			return -1;
	return journal_discard(j, o, e);
}

int
journal_discard(const struct journal *j, struct output *o, struct error *e)
{
	for (size_t i = 0; i < j->trees.len; i++) {
		own_free char *temp = version_temp(j->trees.items[i]);

		if (output_remove(o, temp, e) == -1)
			return -1;
	}
	for (size_t i = 0; i < j->len; i++)
		if (!j->items[i].in_tree &&
		    version_remove(o, j->items[i].staged, e) == -1)
			return -1;
	journal_tidy(j, o);
	return 0;
}

void
journal_tidy(const struct journal *j, struct output *o)
{
	for (size_t i = j->folders.len; i-- > 0;)
		output_rmdir(o, j->folders.items[i]);
}
