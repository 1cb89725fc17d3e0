/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfat by mkfs.vfat and mtools.  Names go in sorted, folder by folder, and
 * times are clamped, so that the same tree gives the same bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

struct vfat {
	const struct fs_job *job;
	const char *image; /* being filled */
	const char *tree; /* a copy of what goes in */
};

/* ---- the copy ---------------------------------------------------------------- */

static int
check_entry(void *ctx, const struct tree_entry *t, struct error *e)
{
	const struct vfat *v = ctx;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		t->st->st_mtim };

	if (!S_ISREG(t->st->st_mode) && !S_ISDIR(t->st->st_mode))
		return error_set(e, EINVAL,
		    "%s: %s is neither a file nor a folder, and vfat has "
		    "nothing else",
		    v->job->what, t->path);
	if (t->st->st_size > UINT32_MAX)
		return error_set(e, EFBIG,
		    "%s: %s is larger than the 4 GiB of vfat", v->job->what,
		    t->path);
	if (v->job->epoch >= 0 && times[1].tv_sec > v->job->epoch)
		times[1] = (struct timespec){ .tv_sec = v->job->epoch };
	if (utimensat(t->dir, t->name, times, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(e, "%s", t->path);
	return 0;
}

/* ---- filling ------------------------------------------------------------------- */

/* "::a/b" */
static void
add_target(struct strlist *argv, const char *path)
{
	strlist_printf(argv, "::%s", path);
}

static int
make_folder(const struct vfat *v, const char *path, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };

	strlist_split(&argv, "mmd -D s -i", " ");
	strlist_add(&argv, v->image);
	add_target(&argv, path);
	return fs_run(v->job, &argv, e);
}

static int
copy_file(const struct vfat *v, const char *path, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own_free char *from = path_join(v->tree, path);

	strlist_split(&argv, "mcopy -D s -m -i", " ");
	strlist_add(&argv, v->image);
	strlist_add(&argv, from);
	add_target(&argv, path);
	return fs_run(v->job, &argv, e);
}

static int
fill_entry(void *ctx, const struct tree_entry *t, struct error *e)
{
	const struct vfat *v = ctx;

	if (*t->path == '\0')
		return 0;
	if (S_ISDIR(t->st->st_mode))
		return make_folder(v, t->path, e);
	return copy_file(v, t->path, e);
}

/* ---- making -------------------------------------------------------------------- */

static int
run_mkfs(const struct fs_job *job, const char *image, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };

	strlist_split(&argv, "mkfs.vfat --invariant -n", " ");
	strlist_add(&argv, job->label);
	strlist_add(&argv, "-i");
	strlist_printf(&argv, "%08x", get_be32(job->uuid));
	strlist_add(&argv, "-S");
	strlist_printf(&argv, "%u", job->sector ? job->sector : 512);
	strlist_split(&argv, job->options != NULL ? job->options : "", " ");
	strlist_add(&argv, image);
	return fs_run(job, &argv, e);
}

static int
make_empty(const struct fs_job *job, const char *image, struct error *e)
{
	if (fs_blank(job, image, e) == -1)
		return -1;
	return run_mkfs(job, image, e);
}

static int
fill(const struct fs_job *job, const char *image, struct error *e)
{
	own_free char *tree = path_join(job->scratch, "vfat");
	struct vfat v = { .job = job, .image = image, .tree = tree };

	if (fs_copy_tree(job, tree, e) == -1 ||
	    tree_walk(AT_FDCWD, tree, check_entry, &v, e) == -1 ||
	    tree_walk(AT_FDCWD, tree, fill_entry, &v, e) == -1)
		return -1;
	return tree_remove(AT_FDCWD, tree, e);
}

static int
write_vfat(const struct fs_job *job, struct error *e)
{
	own_free char *image = path_join(job->scratch, "vfat.img");
	int r;

	r = make_empty(job, image, e);
	if (r == 0 && !fs_is_empty(job))
		r = fill(job, image, e);
	if (r == 0)
		r = fs_place(job, image, false, e);
	unlink(image);
	return r;
}

/* Two tables of four bytes a cluster, and what stands before them. */
static uint64_t
least(const struct fs_content *c, const char *options)
{
	(void)options;
	return c->bytes + c->bytes / 128 + ((uint64_t)4 << 20);
}

const struct fs_kind fs_vfat = {
	.name = "vfat",
	.summary = "what firmware reads (mkfs.vfat, mtools)",
	.label_max = 11,
	.upper = true,
	.least = least,
	.write = write_vfat,
};
