/* SPDX-License-Identifier: Apache-2.0 */
/* The verb pack: two trees with their contents, or one, into a file. */
#include "lib/pack.h"

#include <fcntl.h>

#include "image-update/update.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"

struct tree {
	int dir;
	struct source source;
};

static void
tree_clear(struct tree *t)
{
	if (t->dir != -1)
		close(t->dir);
	source_clear(&t->source);
}

/*
 * Whoever packs a tree trusts it; whoever unpacks it does not.  A pack of
 * other bytes than the contents say would be of use to nobody.
 */
static int
open_tree(struct tree *t, const char *path, struct error *e)
{
	static const struct trust any = { .unsigned_too = true,
		.expired_too = true,
		.older_too = true,
		.state_too = true };
	struct slots none = SLOTS_NONE;

	t->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir == -1)
		return error_errno(e, "%s", path);
	if (source_open(&t->source, path, NULL, &none, &any, e) == -1)
		return -1;
	if (contents_verify_files(t->source.contents, t->dir, e) == -1)
		return error_prefix(e, "%s", path);
	return 0;
}

int
pack(const char *from, const char *to, const char *output, struct error *e)
{
	own(tree_clear) struct tree old = { .dir = -1 }, new = { .dir = -1 };
	own(file_discard) struct file_writer w = { .fd = -1 };
	struct pack_images images;

	if (open_tree(&new, to, e) == -1 ||
	    (from != NULL && open_tree(&old, from, e) == -1))
		return -1;
	images = (struct pack_images){ .old = old.source.contents,
		.new = new.source.contents,
		.old_dir = old.dir,
		.new_dir = new.dir };
	if (file_begin(&w, AT_FDCWD, output, 0644, e) == -1 ||
	    pack_write(&images, w.fd, e) == -1)
		return -1;
	return file_publish(&w, e);
}
