/* SPDX-License-Identifier: Apache-2.0 */
/* btrfs by mkfs.btrfs, which fills it from a folder. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

static int
run_mkfs(const struct fs_job *job, const char *tree, const char *image,
    struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	char uuid[UUID_TEXT];

	if (fs_blank(job, image, e) == -1)
		return -1;
	fs_uuid(job->uuid, uuid);
	strlist_split(&argv, "mkfs.btrfs -q -L", " ");
	strlist_add(&argv, job->label);
	strlist_add(&argv, "-U");
	strlist_add(&argv, uuid);
	if (tree != NULL) {
		strlist_add(&argv, "--rootdir");
		strlist_add(&argv, tree);
	}
	strlist_split(&argv, job->options != NULL ? job->options : "", " ");
	strlist_add(&argv, image);
	return fs_run(job, &argv, e);
}

static int
write_btrfs(const struct fs_job *job, struct error *e)
{
	own_free char *image = path_join(job->scratch, "btrfs.img");
	own_free char *copy = path_join(job->scratch, "btrfs");
	const char *tree = fs_is_empty(job) ? NULL : job->tree;
	int r = 0;

	if (tree != NULL && job->empty != NULL && job->empty->len > 0) {
		r = fs_copy_tree(job, copy, e);
		tree = copy;
	}
	if (r == 0)
		r = run_mkfs(job, tree, image, e);
	if (r == 0)
		r = fs_place(job, image, false, e);
	unlink(image);
	if (r == 0 && tree == copy)
		r = tree_remove(AT_FDCWD, copy, e);
	return r;
}

/* Metadata are there twice, and space comes in chunks. */
static uint64_t
least(const struct fs_content *c, const char *options)
{
	(void)options;
	return c->bytes + c->bytes / 4 + c->inodes * 1024 +
	    ((uint64_t)256 << 20);
}

const struct fs_kind fs_btrfs = {
	.name = "btrfs",
	.summary = "made and filled by mkfs.btrfs",
	.label_max = 255,
	.least = least,
	.write = write_btrfs,
};
