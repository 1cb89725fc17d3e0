/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layout's sizes and places.  What fits is computed backwards, from the
 * last partition to the first, places forwards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/layout.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"

#define MARGIN ((uint64_t)1 << 20) /* against rounding down */
#define DISK_LEAST ((uint64_t)4 << 20)
#define DISK_MOST ((uint64_t)1 << 50)

/* ---- sizes ------------------------------------------------------------- */

int
layout_size(const char *text, uint64_t *bytes, struct error *e)
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = { { "TiB", 0x1p40 }, { "GiB", 0x1p30 }, { "MiB", 0x1p20 },
		{ "KiB", 0x1p10 }, { "TB", 1e12 }, { "GB", 1e9 }, { "MB", 1e6 },
		{ "KB", 1e3 }, { "T", 1e12 }, { "G", 1e9 }, { "M", 1e6 },
		{ "K", 1e3 }, { "B", 1 }, { "", 1 } };
	size_t n = strspn(text, "0123456789.");
	own_free char *number = mem_dupn(text, n);
	const char *unit = text + n + (text[n] == ' ');
	char *end;
	double x = n == 0 ? 1 : strtod(number, &end);

	if (*text == '\0' || (n > 0 && *end != '\0'))
		return error_set(e, EINVAL, "\"%s\" is not a size", text);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(unit, units[i].unit) != 0)
			continue;
		x *= units[i].factor;
		if (x > (double)DISK_MOST)
			return error_set(
			    e, ERANGE, "\"%s\" is too large", text);
		*bytes = (uint64_t)x;
		return 0;
	}
	return error_set(e, EINVAL, "\"%s\": no such unit \"%s\"", text, unit);
}

/* A superblock, and of each level of 4 KiB blocks 128 hashes a block. */
uint64_t
layout_verity_bytes(uint64_t data)
{
	uint64_t blocks = round_up(data, 4096) / 4096, all = 1;

	do {
		blocks = round_up(blocks, 128) / 128;
		all += blocks;
	} while (blocks > 1);
	return all * 4096;
}

static bool
is_at(struct place at, size_t disk, ssize_t partition)
{
	return at.disk == disk && at.partition == partition;
}

static uint64_t
at_least(uint64_t n, uint64_t least)
{
	return n > least ? n : least;
}

static uint64_t content_of(const struct layout *l, size_t d, ssize_t p);

/* The partition that another one is as large as, or -1. */
static ssize_t
model_of(const struct disk *disk, const struct partition *p)
{
	for (size_t i = 0; p->as != NULL && i < disk->npartitions; i++)
		if (strcmp(disk->partitions[i].name, p->as) == 0)
			return (ssize_t)i;
	return -1;
}

/* What the hashes need: of the partition as placed, or as it will be. */
static uint64_t
verity_content(const struct layout *l, const struct verity *v)
{
	const struct filesystem *f = &l->filesystems[v->filesystem];
	const struct disk *disk = &l->disks[f->at.disk];
	const struct partition *p;

	if (f->volume != -1 || f->at.partition == -1)
		return layout_verity_bytes(f->content);
	p = &disk->partitions[f->at.partition];
	if (p->bytes != 0)
		return layout_verity_bytes(p->bytes);
	if (p->asked != 0)
		return layout_verity_bytes(p->asked);
	return layout_verity_bytes(round_up(
	    at_least(content_of(l, f->at.disk, f->at.partition), p->minimum),
	    disk->align));
}

/* What has to fit into a partition, or into a disk without a table (-1). */
static uint64_t
content_of(const struct layout *l, size_t d, ssize_t p)
{
	ssize_t as =
	    p == -1 ? -1 : model_of(&l->disks[d], &l->disks[d].partitions[p]);

	if (as != -1)
		return at_least(
		    content_of(l, d, as), l->disks[d].partitions[as].minimum);
	for (size_t i = 0; i < l->nfilesystems; i++)
		if (l->filesystems[i].volume == -1 &&
		    is_at(l->filesystems[i].at, d, p))
			return l->filesystems[i].content;
	for (size_t i = 0; i < l->npvs; i++)
		if (is_at(l->pvs[i].at, d, p))
			return lvm_wanted(l, &l->pvs[i]);
	for (size_t i = 0; i < l->nverities; i++)
		if (is_at(l->verities[i].at, d, p))
			return verity_content(l, &l->verities[i]);
	return 0;
}

/* As large as what goes in, which is not nothing. */
static uint64_t
fit_bytes(const struct disk *disk, const struct partition *p, uint64_t content)
{
	return round_up(
	    at_least(at_least(content, p->minimum), disk->align), disk->align);
}

/*
 * What must be left when it is a partition's turn: enough for it, and after
 * it enough for those that follow (next).  A percentage is one of all that is
 * left, so what it takes away must be made up for.
 */
static uint64_t
left_wanted(const struct layout *l, size_t d, size_t i, uint64_t next)
{
	const struct disk *disk = &l->disks[d];
	const struct partition *p = &disk->partitions[i];
	uint64_t own = at_least(content_of(l, d, (ssize_t)i), p->minimum);
	uint64_t lead = disk->table->lead(disk, i);
	double part = p->percent / 100;
	uint64_t left;

	if (p->fit)
		return lead + fit_bytes(disk, p, own) + next;
	if (part <= 0)
		return lead + round_up(p->asked, disk->align) + next;
	left = (uint64_t)((double)at_least(own, disk->align) / part);
	if (part < 1)
		left = at_least(left, (uint64_t)((double)next / (1 - part)));
	return lead + round_up(left + MARGIN, disk->align);
}

/* The size of a disk that nobody gave one. */
static uint64_t
total_wanted(const struct layout *l, size_t d)
{
	const struct disk *disk = &l->disks[d];
	uint64_t left = 0;

	if (disk->table == NULL)
		return content_of(l, d, -1);
	for (size_t i = disk->npartitions; i > 0; i--)
		left = left_wanted(l, d, i - 1, left);
	return disk->table->first(disk) + left +
	    disk->table->tail(disk, disk->npartitions - 1);
}

/* ---- places ---------------------------------------------------------------- */

static double
mib(uint64_t bytes)
{
	return (double)bytes / 0x1p20;
}

static int
too_large(const struct disk *disk, const struct partition *p, uint64_t left,
    struct error *e)
{
	return error_set(e, ENOSPC,
	    "partition %s wants %.1f MiB, %.1f MiB more than is left on %s "
	    "(%.1f MiB)",
	    p->name, mib(p->bytes), mib(p->bytes - left), disk->name,
	    mib(disk->bytes));
}

static uint64_t
partition_bytes(const struct disk *disk, const struct partition *p,
    uint64_t content, uint64_t left)
{
	if (p->fit)
		return fit_bytes(disk, p, content);
	if (p->percent > 0)
		return round_down((uint64_t)((double)left * p->percent / 100),
		    disk->table->grain);
	return round_down(p->asked, disk->sector);
}

static int
place(struct layout *l, size_t d, struct error *e)
{
	struct disk *disk = &l->disks[d];
	uint64_t at = disk->table->first(disk);

	for (size_t i = 0; i < disk->npartitions; i++) {
		struct partition *p = &disk->partitions[i];
		uint64_t end = disk->bytes - disk->table->tail(disk, i);
		uint64_t content = content_of(l, d, (ssize_t)i), left;

		at = round_up(at, disk->align) + disk->table->lead(disk, i);
		left = at < end ? end - at : 0;
		p->start = at;
		p->bytes = partition_bytes(disk, p, content, left);
		if (p->bytes > left)
			return too_large(disk, p, left, e);
		if (p->bytes < p->minimum || p->bytes == 0)
			return error_set(e, ENOSPC,
			    "partition %s would have %.1f MiB, and wants at "
			    "least %.1f MiB",
			    p->name, mib(p->bytes), mib(p->minimum));
		at += p->bytes;
	}
	return 0;
}

/* Each file system's place in bytes, as all that follows needs it. */
static void
place_filesystems(struct layout *l)
{
	for (size_t i = 0; i < l->nfilesystems; i++) {
		struct filesystem *f = &l->filesystems[i];
		const struct disk *disk = &l->disks[f->at.disk];

		if (f->volume != -1) {
			lvm_volume(l, &l->volumes[f->volume], &f->at.disk,
			    &f->start, &f->bytes);
		} else if (f->at.partition != -1) {
			f->start = disk->partitions[f->at.partition].start;
			f->bytes = disk->partitions[f->at.partition].bytes;
		} else {
			f->start = 0;
			f->bytes = disk->bytes;
		}
	}
}

static int
compute_disk(struct layout *l, size_t d, uint64_t total, struct error *e)
{
	struct disk *disk = &l->disks[d];

	disk->bytes = disk->asked;
	if (total != 0 && strcmp(disk->name, "image0") == 0)
		disk->bytes = total;
	if (disk->bytes == 0)
		disk->bytes = total_wanted(l, d);
	if (disk->bytes > DISK_MOST)
		return error_set(e, ERANGE, "%s is too large: %.0f GiB",
		    disk->name, (double)disk->bytes / 0x1p30);
	disk->bytes = at_least(round_up(disk->bytes, 65536), DISK_LEAST);
	for (size_t i = 0; i < disk->npartitions; i++)
		disk->partitions[i].bytes = 0;
	return disk->table == NULL ? 0 : place(l, d, e);
}

int
layout_compute(struct layout *l, uint64_t total, struct error *e)
{
	for (size_t i = 0; i < l->ndisks; i++)
		if (compute_disk(l, i, total, e) == -1)
			return -1;
	if (lvm_place(l, e) == -1)
		return -1;
	place_filesystems(l);
	return 0;
}

/* ---- looking up -------------------------------------------------------------- */

static struct filesystem *
filesystem_at(const struct layout *l, const char *mount_point)
{
	for (size_t i = 0; i < l->nfilesystems; i++)
		if (l->filesystems[i].mount_point != NULL &&
		    strcmp(l->filesystems[i].mount_point, mount_point) == 0)
			return &l->filesystems[i];
	return NULL;
}

const struct filesystem *
layout_root(const struct layout *l)
{
	return filesystem_at(l, "/");
}

struct disk *
layout_disk(const struct layout *l, const char *name)
{
	for (size_t i = 0; i < l->ndisks; i++)
		if (strcmp(l->disks[i].name, name) == 0)
			return &l->disks[i];
	return NULL;
}

/* ---- letting go ---------------------------------------------------------------- */

static void
free_all(char *const *strings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(strings[i]);
}

static void
clear_disks(struct layout *l)
{
	for (size_t i = 0; i < l->ndisks; i++) {
		for (size_t k = 0; k < l->disks[i].npartitions; k++) {
			free(l->disks[i].partitions[k].name);
			free(l->disks[i].partitions[k].type);
			free(l->disks[i].partitions[k].as);
		}
		free(l->disks[i].partitions);
		free(l->disks[i].name);
	}
	free(l->disks);
}

static void
clear_volumes(struct layout *l)
{
	for (size_t i = 0; i < l->npvs; i++)
		free_all((char *[]){ l->pvs[i].name, l->pvs[i].base }, 2);
	for (size_t i = 0; i < l->ngroups; i++) {
		free(l->groups[i].name);
		strlist_clear(&l->groups[i].pvs);
	}
	for (size_t i = 0; i < l->nvolumes; i++)
		free_all(
		    (char *[]){ l->volumes[i].name, l->volumes[i].group }, 2);
	free(l->pvs);
	free(l->groups);
	free(l->volumes);
}

void
layout_clear(struct layout *l)
{
	clear_disks(l);
	clear_volumes(l);
	for (size_t i = 0; i < l->nfilesystems; i++) {
		struct filesystem *f = &l->filesystems[i];

		free_all(
		    (char *[]){ f->name, f->base, f->type, f->label, f->options,
			f->mount_point, f->mount_options, f->tree, f->made },
		    9);
	}
	for (size_t i = 0; i < l->nverities; i++)
		free_all((char *[]){ l->verities[i].name, l->verities[i].base,
			     l->verities[i].data },
		    3);
	free(l->filesystems);
	free(l->verities);
	*l = (struct layout){ 0 };
}
