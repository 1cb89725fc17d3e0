/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree becomes a disk: a sparse file, a partition table, file systems
 * made from the parts of the tree that are mounted on them, a loader.
 * Nothing is mounted and no device is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/bytes.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/gpt.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

/* ---- sizes -------------------------------------------------------------- */

/* Bytes of the tree below a mount point, without nested mount points. */
static int
usage(const struct build *b, const struct filesystem *f, uint64_t *bytes,
    struct error *e)
{
	own_free char *path = path_join(b->tree, f->mount_point);
	size_t n = strlen(f->mount_point);

	*bytes = 0;
	if (!file_is_dir(AT_FDCWD, path))
		return 0;
	if (tree_usage(AT_FDCWD, path, bytes, e) == -1)
		return -1;
	for (size_t i = 0; i < b->layout.nfilesystems; i++) {
		const char *other = b->layout.filesystems[i].mount_point;
		own_free char *below = NULL;
		uint64_t less;

		if (other == NULL || strncmp(other, f->mount_point, n) != 0 ||
		    strcmp(other, f->mount_point) == 0 ||
		    (n > 1 && other[n] != '/'))
			continue;
		below = path_join(b->tree, other);
		if (!file_is_dir(AT_FDCWD, below))
			continue;
		if (tree_usage(AT_FDCWD, below, &less, e) == -1)
			return -1;
		*bytes -= less < *bytes ? less : *bytes;
	}
	return 0;
}

/*
 * Room for what there is: two thirds more, or exactly the megabytes asked
 * for; and the journal.
 */
static uint64_t
with_room(const struct settings *s, const struct filesystem *f, uint64_t bytes)
{
	if (s->extra_size != NULL)
		bytes += (uint64_t)(atof(s->extra_size) * 0x1p20);
	else
		bytes = (uint64_t)((double)bytes / 0.6);
	if (strcmp(f->type, "ext4") == 0)
		bytes += (uint64_t)(atof(s->journal_size) * 0x1p20);
	return round_up(bytes, 65536);
}

int
disk_measure(struct build *b, struct error *e)
{
	const struct settings *s = b->settings;
	uint64_t total = 0;

	for (size_t i = 0; i < b->layout.nfilesystems; i++) {
		struct filesystem *f = &b->layout.filesystems[i];
		uint64_t bytes;

		if (f->mount_point == NULL)
			continue;
		if (usage(b, f, &bytes, e) == -1)
			return -1;
		f->content = bytes == 0 ? 0 : with_room(s, f, bytes);
	}
	if (s->image_size != NULL)
		total = (uint64_t)(atof(s->image_size) * 0x1p30);
	return layout_compute(&b->layout, total, e);
}

/* ---- partition table ----------------------------------------------------- */

static void
copy_name(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static int
write_table(const struct build *b, const struct disk *disk, int fd,
    const char *seed, struct error *e)
{
	own_free struct gpt *g = mem_alloc(sizeof(*g));
	uint8_t uuid[16];

	if (disk->npartitions > GPT_ENTRIES)
		return error_set(e, E2BIG, "%s: more than %d partitions",
		    disk->name, GPT_ENTRIES);
	(void)b;
	g->sector = disk->sector;
	g->sectors = disk->bytes / disk->sector;
	digest_uuid(seed, disk->name, uuid);
	gpt_guid(uuid, g->guid);
	for (size_t i = 0; i < disk->npartitions; i++) {
		const struct partition *p = &disk->partitions[i];
		struct gpt_partition *to = &g->partitions[i];

		if (!gpt_type(p->type, to->type))
			return error_set(e, EINVAL,
			    "partition %s: no such type: %s", p->name, p->type);
		digest_uuid(seed, p->name, uuid);
		gpt_guid(uuid, to->guid);
		to->first = p->start / disk->sector;
		to->last = (p->start + p->bytes) / disk->sector - 1;
		copy_name(to->name, sizeof(to->name), p->name);
	}
	return gpt_write(g, fd, e);
}

/* ---- file systems --------------------------------------------------------- */

static int64_t
made_at(const struct settings *s)
{
	return s->epoch >= 0 ? s->epoch : (int64_t)time(NULL);
}

/* Mount points of other file systems: their folders are left empty here. */
static void
nested(const struct build *b, const struct filesystem *f, struct strlist *empty)
{
	size_t n = strlen(f->mount_point);

	for (size_t i = 0; i < b->layout.nfilesystems; i++) {
		const char *other = b->layout.filesystems[i].mount_point;

		if (other != NULL && strlen(other) > n &&
		    strncmp(other, f->mount_point, n) == 0 &&
		    (n == 1 || other[n] == '/'))
			strlist_add(empty, path_relative(other + n));
	}
}

static int
write_filesystem(const struct build *b, const struct disk *disk,
    const struct filesystem *f, int fd, const char *seed, struct error *e)
{
	const struct fs_kind *kind = fs_find(f->type);
	own(strlist_clear) struct strlist empty = { 0 };
	own_free char *what = mem_printf("%s %s", f->type, f->label);
	own_free char *tree = NULL;
	struct fs_job job = { .label = f->label,
		.options = f->options,
		.fd = fd,
		.epoch = b->settings->epoch,
		.now = made_at(b->settings),
		.what = what,
		.empty = &empty };
	double start = report_clock();

	if (kind == NULL) {
		own(strbuf_clear) struct strbuf names = { 0 };

		fs_names(&names);
		return error_set(e, EINVAL,
		    "mkfs %s: no such file system: %s (%s can be written)",
		    f->name, f->type, strbuf_text(&names));
	}
	job.bytes = f->partition == -1 ? disk->bytes
				       : disk->partitions[f->partition].bytes;
	job.offset =
	    f->partition == -1 ? 0 : disk->partitions[f->partition].start;
	memcpy(job.uuid, f->uuid, 16);
	digest_uuid(seed, f->label, job.seed);
	if (f->mount_point != NULL) {
		tree = path_join(b->tree, f->mount_point);
		nested(b, f, &empty);
	}
	if (tree != NULL && file_is_dir(AT_FDCWD, tree))
		job.tree = tree;
	log_status("write %s", what);
	if (kind->write(&job, e) == -1)
		return -1;
	report_part(b->report, what, report_clock() - start);
	return 0;
}

/* ---- the disk -------------------------------------------------------------- */

static int
write_loader(
    const struct build *b, const struct disk *disk, int fd, struct error *e)
{
	const struct boot_job job = { .tree = b->tree, .disk = disk, .fd = fd };
	const char *name;

	if (boot_write(&job, &name, e) == -1)
		return -1;
	if (name != NULL)
		log_info("loader: %s", name);
	else if (disk->table != TABLE_NONE)
		log_warn("no loader: the tree has none that fits this disk");
	return 0;
}

static int
write_all(const struct build *b, size_t d, int fd, struct error *e)
{
	const struct disk *disk = &b->layout.disks[d];
	const char *seed = b->seed;

	if (disk->table == TABLE_GPT && write_table(b, disk, fd, seed, e) == -1)
		return -1;
	for (size_t i = 0; i < b->layout.nfilesystems; i++)
		if (b->layout.filesystems[i].disk == d &&
		    write_filesystem(
			b, disk, &b->layout.filesystems[i], fd, seed, e) == -1)
			return -1;
	return write_loader(b, disk, fd, e);
}

int
disk_write(struct build *b, const char *path, struct error *e)
{
	own_fd int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	size_t d = 0;

	if (fd == -1)
		return error_errno(e, "%s", path);
	while (strcmp(b->layout.disks[d].name, "image0") != 0)
		d++;
	if (ftruncate(fd, (off_t)b->layout.disks[d].bytes) == -1)
		return error_errno(e, "%s", path);
	if (write_all(b, d, fd, e) == -1) {
		unlink(path);
		return -1;
	}
	return 0;
}
