/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree becomes a disk: a sparse file, file systems made from the parts
 * of the tree that are mounted on them, hash trees over them, volume groups,
 * a partition table, a loader.  Nothing is mounted and no device is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "image-build/image-build.h"
#include "image-build/pass.h"
#include "image-build/spans.h"
#include "image-build/target.h"
#include "lib/bytes.h"
#include "lib/clock.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/gpt.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

/* ---- what goes in ----------------------------------------------------------- */

/* Where a file system's tree is, or NULL if nothing goes in. */
static char *
source_of(const struct build *b, const struct filesystem *f)
{
	own_free char *tree = NULL;
	struct error none;

	if (f->tree != NULL)
		return mem_dup(f->tree);
	if (f->mount_point == NULL)
		return NULL;
	if (strcmp(f->mount_point, "/") == 0)
		return mem_dup(b->tree);
	tree = target_path(b->tree, f->mount_point, &none);
	return tree != NULL && file_is_dir(AT_FDCWD, tree) ? take(tree) : NULL;
}

/* Mount points of other file systems: their folders are left empty here. */
static void
nested(const struct build *b, const struct filesystem *f, struct strlist *empty)
{
	size_t n = f->mount_point != NULL ? strlen(f->mount_point) : 0;

	for (size_t i = 0; n > 0 && i < b->layout.nfilesystems; i++) {
		const char *other = b->layout.filesystems[i].mount_point;

		if (other != NULL && strlen(other) > n &&
		    strncmp(other, f->mount_point, n) == 0 &&
		    (n == 1 || other[n] == '/'))
			strlist_add(empty, path_relative(other + n));
	}
}

static int64_t
made_at(const struct settings *s)
{
	return s->epoch >= 0 ? s->epoch : (int64_t)time(NULL);
}

/* A partition named "trees" holds slots, each a folder: this is the first. */
static const char *
folder_of(const struct build *b, const struct filesystem *f)
{
	const struct disk *disk = &b->layout.disks[f->at.disk];

	if (f->mount_point == NULL || strcmp(f->mount_point, "/") != 0 ||
	    f->volume != -1 || f->at.partition == -1 ||
	    strcmp(disk->partitions[f->at.partition].name, "trees") != 0)
		return NULL;
	return b->contents_id;
}

/* Everything about the job but the disk. */
static void
fill_job(const struct build *b, const struct filesystem *f, const char *tree,
    const struct strlist *empty, struct fs_job *job)
{
	const char *seed = b->seed;

	*job = (struct fs_job){ .tree = tree,
		.empty = f->tree != NULL ? NULL : empty,
		.below = folder_of(b, f),
		.label = f->label,
		.options = f->options,
		.fd = -1,
		.scratch = b->image_dir,
		.bytes = f->bytes,
		.offset = f->start,
		.content = f->used,
		.inodes = f->inodes,
		.sector = b->layout.disks[f->at.disk].sector,
		.epoch = b->settings->epoch,
		.now = made_at(b->settings) };
	memcpy(job->uuid, f->uuid, 16);
	digest_uuid(seed, f->label, job->seed);
}

/* ---- sizes -------------------------------------------------------------------- */

/*
 * Room for what there is: two thirds more, or exactly the megabytes asked
 * for; and the journal.  What is read-only needs none.
 */
static uint64_t
with_room(const struct settings *s, const struct filesystem *f,
    const struct fs_content *c)
{
	const struct fs_kind *kind = fs_find(f->type);
	uint64_t bytes = c->bytes, least;

	if (kind->least == NULL)
		return round_up(bytes, 4096);
	if (s->extra_size != NULL)
		bytes += (uint64_t)(strtod(s->extra_size, NULL) * 0x1p20);
	else
		bytes = (uint64_t)((double)bytes / 0.6);
	if (strcmp(f->type, "ext4") == 0)
		bytes += (uint64_t)(strtod(s->journal_size, NULL) * 0x1p20);
	least = kind->least(c, f->options);
	return round_up(bytes > least ? bytes : least, 65536);
}

static int
made_bytes(struct filesystem *f, struct error *e)
{
	struct stat st;

	if (stat(f->made, &st) == -1)
		return error_errno(e, "%s", f->made);
	f->content = round_up((uint64_t)st.st_size, 4096);
	return 0;
}

/* A file system with a folder of its own, or whose source is not there. */
static int
measure_apart(struct build *b, struct filesystem *f, struct error *e)
{
	own(strlist_clear) struct strlist start = { 0 };
	struct fs_content c = { 0 };

	strlist_add(&start, "");
	if (fs_measure(f->tree, &start, &c, e) == -1)
		return -1;
	f->content = with_room(b->settings, f, &c);
	f->used = c.bytes;
	f->inodes = c.inodes;
	return 0;
}

/* Those below the tree, in one walk. */
static int
measure_tree(struct build *b, struct error *e)
{
	own(strlist_clear) struct strlist points = { 0 };
	own_free struct fs_content *all =
	    mem_alloc((b->layout.nfilesystems + 1) * sizeof(*all));
	own_free struct filesystem **owner =
	    mem_alloc((b->layout.nfilesystems + 1) * sizeof(*owner));

	strlist_add(&points, ""); /* what no file system takes, or "/" */
	for (size_t i = 0; i < b->layout.nfilesystems; i++) {
		struct filesystem *f = &b->layout.filesystems[i];
		const char *point = f->mount_point;

		if (point == NULL)
			continue;
		if (strcmp(point, "/") == 0) {
			owner[0] = f;
			continue;
		}
		owner[points.len] = f;
		strlist_add(&points, path_relative(point));
	}
	if (fs_measure(b->tree, &points, all, e) == -1)
		return -1;
	for (size_t i = 0; i < points.len; i++)
		if (owner[i] != NULL && all[i].inodes > 0) {
			owner[i]->content =
			    with_room(b->settings, owner[i], &all[i]);
			owner[i]->used = all[i].bytes;
			owner[i]->inodes = all[i].inodes;
		}
	return 0;
}

int
disk_measure(struct build *b, struct error *e)
{
	const struct settings *s = b->settings;
	uint64_t total = 0;

	if (measure_tree(b, e) == -1)
		return -1;
	for (size_t i = 0; i < b->layout.nfilesystems; i++) {
		struct filesystem *f = &b->layout.filesystems[i];

		if (f->made != NULL
			? made_bytes(f, e) == -1
			: f->tree != NULL && measure_apart(b, f, e) == -1)
			return -1;
	}
	if (s->image_size != NULL)
		total = (uint64_t)(strtod(s->image_size, NULL) * 0x1p30);
	return layout_compute(&b->layout, total, e);
}

/* ---- file systems that are as large as they become --------------------------- */

static int
make_filesystem(struct build *b, struct filesystem *f, struct error *e)
{
	const struct fs_kind *kind = fs_find(f->type);
	own(strlist_clear) struct strlist empty = { 0 };
	own_free char *what = mem_printf("%s %s", f->type, f->name);
	own_free char *tree = source_of(b, f);
	own_free char *name = mem_printf("fs-%s.img", f->name);
	own_free char *file = path_join(b->image_dir, name);
	struct fs_job job;
	double start = clock_seconds();

	if (tree == NULL)
		return error_set(e, ENOENT, "%s: nothing goes in", what);
	nested(b, f, &empty);
	fill_job(b, f, tree, &empty, &job);
	job.what = what;
	log_status("write %s", what);
	if (kind->make(&job, file, e) == -1)
		return -1;
	free(f->made);
	f->made = take(file);
	report_part(b->report, what, clock_seconds() - start);
	return 0;
}

int
disk_prepare(struct build *b, struct error *e)
{
	for (size_t i = 0; i < b->layout.nfilesystems; i++) {
		struct filesystem *f = &b->layout.filesystems[i];

		if (fs_find(f->type)->make != NULL &&
		    make_filesystem(b, f, e) == -1)
			return -1;
	}
	return boot_stage(b, e);
}

/* ---- writing -------------------------------------------------------------------- */

static int
write_filesystem(struct build *b, const struct filesystem *f, int fd,
    struct spans *spans, struct error *e)
{
	const struct fs_kind *kind = fs_find(f->type);
	own(strlist_clear) struct strlist empty = { 0 };
	own_free char *what = mem_printf("%s %s", f->type, f->label);
	own_free char *tree = source_of(b, f);
	struct fs_job job;
	double start = clock_seconds();

	nested(b, f, &empty);
	fill_job(b, f, tree, &empty, &job);
	job.what = what;
	job.fd = fd;
	job.spans = spans;
	if (f->made != NULL)
		return fs_place(&job, f->made, true, e);
	log_status("write %s", what);
	if (kind->write(&job, e) == -1)
		return -1;
	report_part(b->report, what, clock_seconds() - start);
	return 0;
}

/* File systems of a disk: those that loaders fill, or all others. */
static int
write_filesystems(struct build *b, size_t d, bool staged, int fd,
    struct spans *spans, struct error *e)
{
	for (size_t i = 0; i < b->layout.nfilesystems; i++) {
		const struct filesystem *f = &b->layout.filesystems[i];

		if (f->at.disk == d && (f->tree != NULL) == staged &&
		    write_filesystem(b, f, fd, spans, e) == -1)
			return -1;
	}
	return 0;
}

int
disk_fill(int fd, struct spans *spans, struct error *e)
{
	const struct pass_source from = { fd, spans };
	ownp(pool_free) struct pool *pool = NULL;
	struct pass_writer w;
	struct pass_consumer c;
	int r;

	if (spans->len == 0)
		return 0;
	spans_sort(spans);
	pool = pool_new(pool_processors());
	c = pass_write_begin(&w, fd, false);
	r = pass_run(&from, pool, &c, 1, "fill the disk", e);
	spans_clear(spans);
	return r;
}

static int
write_verities(
    struct build *b, size_t d, int fd, struct spans *spans, struct error *e)
{
	const char *seed = b->seed;
	bool any = false;

	for (size_t i = 0; i < b->layout.nverities; i++) {
		struct verity *v = &b->layout.verities[i];
		double start = clock_seconds();

		if (v->at.disk != d)
			continue;
		log_status("write %s", v->name);
		if (disk_fill(fd, spans, e) == -1 ||
		    verity_write(&b->layout, v, fd, seed, e) == -1)
			return error_prefix(e, "%s", v->name);
		log_info("%s: root hash %s", v->name, v->root_hash);
		report_part(b->report, v->name, clock_seconds() - start);
		any = true;
	}
	/* What the loaders say holds the root hash, so they come anew. */
	return any ? boot_stage(b, e) : 0;
}

static int
write_loader(struct build *b, size_t d, int fd, struct error *e)
{
	own(strbuf_clear) struct strbuf names = { 0 };

	if (boot_write(b, d, fd, &names, e) == -1)
		return -1;
	if (names.len > 0)
		log_info("loader: %s", strbuf_text(&names));
	else if (b->layout.disks[d].table != NULL &&
	    strcmp(b->layout.disks[d].name, "image0") == 0)
		log_warn("no loader: the tree has none that fits this disk");
	return 0;
}

static int
write_all(
    struct build *b, size_t d, int fd, struct spans *spans, struct error *e)
{
	const struct disk *disk = &b->layout.disks[d];
	const char *seed = b->seed;

	if (write_filesystems(b, d, false, fd, spans, e) == -1 ||
	    write_verities(b, d, fd, spans, e) == -1 ||
	    write_filesystems(b, d, true, fd, spans, e) == -1 ||
	    lvm_write(&b->layout, d, fd, seed, made_at(b->settings), e) == -1)
		return -1;
	if (disk->table != NULL && disk->table->write(disk, fd, seed, e) == -1)
		return error_prefix(e, "%s", disk->name);
	return write_loader(b, d, fd, e);
}

int
disk_write(struct build *b, size_t d, const char *path, struct spans *spans,
    struct error *e)
{
	own_fd int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd == -1)
		return error_errno(e, "%s", path);
	if (ftruncate(fd, (off_t)b->layout.disks[d].bytes) == -1)
		return error_errno(e, "%s", path);
	if (write_all(b, d, fd, spans, e) == -1) {
		unlink(path);
		return -1;
	}
	spans_sort(spans);
	return 0;
}
