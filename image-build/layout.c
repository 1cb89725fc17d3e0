/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layout's sizes and places, its fstab, and how it is told to people.  No
 * effects.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define MARGIN ((uint64_t)1 << 20) /* before the first, after the last */

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

	if (n > 0 && *end != '\0')
		return error_set(e, EINVAL, "\"%s\" is not a size", text);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(unit, units[i].unit) != 0)
			continue;
		x *= units[i].factor;
		if (x >= 0x1p62)
			return error_set(
			    e, ERANGE, "\"%s\" is too large", text);
		*bytes = (uint64_t)x;
		return 0;
	}
	return error_set(e, EINVAL, "\"%s\": no such unit \"%s\"", text, unit);
}

/* ---- sizes and places --------------------------------------------------- */

/* What has to fit into a partition. */
static uint64_t
content_of(const struct layout *l, size_t disk, ssize_t partition)
{
	for (size_t i = 0; i < l->nfilesystems; i++)
		if (l->filesystems[i].disk == disk &&
		    l->filesystems[i].partition == partition)
			return l->filesystems[i].content;
	return 0;
}

static uint64_t
at_least(uint64_t n, uint64_t least)
{
	return n > least ? n : least;
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
	double part = p->percent / 100;
	uint64_t left;

	if (p->fit)
		return round_up(own, disk->align) + next;
	if (part <= 0)
		return round_up(p->asked, disk->align) + next;
	left = (uint64_t)((double)at_least(own, disk->align) / part);
	if (part < 1)
		left = at_least(left, (uint64_t)((double)next / (1 - part)));
	return round_up(left + MARGIN, disk->align);
}

/* The size of a disk that nobody gave one. */
static uint64_t
total_wanted(const struct layout *l, size_t d)
{
	const struct disk *disk = &l->disks[d];
	uint64_t left = 0;

	if (disk->table == TABLE_NONE)
		return content_of(l, d, -1);
	for (size_t i = disk->npartitions; i > 0; i--)
		left = left_wanted(l, d, i - 1, left);
	return left + 2 * MARGIN;
}

static int
place(const struct layout *l, size_t d, struct error *e)
{
	struct disk *disk = &l->disks[d];
	uint64_t at = MARGIN, end = disk->bytes - MARGIN;

	for (size_t i = 0; i < disk->npartitions; i++) {
		struct partition *p = &disk->partitions[i];
		uint64_t content = content_of(l, d, (ssize_t)i);
		uint64_t left;

		at = round_up(at, disk->align);
		left = at < end ? end - at : 0;
		p->start = at;
		p->bytes = p->fit
		    ? round_up(at_least(content, p->minimum), disk->align)
		    : p->percent > 0
		    ? round_down(
			  (uint64_t)((double)left * p->percent / 100), MARGIN)
		    : round_down(p->asked, disk->sector);
		if (p->bytes > left)
			return error_set(e, ENOSPC,
			    "partition %s wants %.1f MiB, %.1f MiB more than "
			    "is left on %s (%.1f MiB)",
			    p->name, (double)p->bytes / 0x1p20,
			    (double)(p->bytes - left) / 0x1p20, disk->name,
			    (double)disk->bytes / 0x1p20);
		if (p->bytes < p->minimum || p->bytes == 0)
			return error_set(e, ENOSPC,
			    "partition %s would have %.1f MiB, and wants at "
			    "least %.1f MiB",
			    p->name, (double)p->bytes / 0x1p20,
			    (double)p->minimum / 0x1p20);
		at += p->bytes;
	}
	return 0;
}

int
layout_compute(struct layout *l, uint64_t total, struct error *e)
{
	for (size_t i = 0; i < l->ndisks; i++) {
		struct disk *disk = &l->disks[i];

		disk->bytes = disk->asked;
		if (total != 0 && strcmp(disk->name, "image0") == 0)
			disk->bytes = total;
		if (disk->bytes == 0)
			disk->bytes = total_wanted(l, i);
		disk->bytes = round_up(disk->bytes, 65536);
		if (disk->bytes < 4 * MARGIN)
			disk->bytes = 4 * MARGIN;
		if (disk->table != TABLE_NONE && place(l, i, e) == -1)
			return -1;
	}
	return 0;
}

const struct filesystem *
layout_root(const struct layout *l)
{
	for (size_t i = 0; i < l->nfilesystems; i++)
		if (l->filesystems[i].mount_point != NULL &&
		    strcmp(l->filesystems[i].mount_point, "/") == 0)
			return &l->filesystems[i];
	return NULL;
}

void
layout_fstab(const struct layout *l, struct strbuf *b)
{
	for (size_t i = 0; i < l->nfilesystems; i++) {
		const struct filesystem *f = &l->filesystems[i];
		bool swap = strcmp(f->type, "swap") == 0;

		if (!f->in_fstab)
			continue;
		strbuf_printf(b, "LABEL=%s %s %s %s %u %u\n", f->label,
		    f->mount_point != NULL ? f->mount_point : "none", f->type,
		    swap ? "sw" : f->mount_options, swap ? 0 : f->dump,
		    swap ? 0 : f->pass);
	}
}

/* "20.0 MiB", "50 % of what is left" and so on. */
static void
print_size(const struct partition *p, struct strbuf *b)
{
	if (p->bytes != 0)
		strbuf_printf(b, "%.1f MiB", (double)p->bytes / 0x1p20);
	else if (p->fit)
		strbuf_puts(b, "what goes in");
	else if (p->percent > 0)
		strbuf_printf(b, "%g %% of what is left", p->percent);
	else
		strbuf_printf(b, "%.1f MiB", (double)p->asked / 0x1p20);
	if (p->bytes == 0 && p->minimum != 0)
		strbuf_printf(
		    b, ", at least %.1f MiB", (double)p->minimum / 0x1p20);
}

void
layout_print(const struct layout *l, struct strbuf *b)
{
	for (size_t i = 0; i < l->ndisks; i++) {
		const struct disk *disk = &l->disks[i];

		strbuf_printf(b, "disk %s: %s\n", disk->name,
		    disk->table == TABLE_GPT ? "gpt" : "no partitions");
		for (size_t k = 0; k < disk->npartitions; k++) {
			strbuf_printf(b, "  partition %s (type %s): ",
			    disk->partitions[k].name, disk->partitions[k].type);
			print_size(&disk->partitions[k], b);
			strbuf_putc(b, '\n');
		}
	}
	for (size_t i = 0; i < l->nfilesystems; i++) {
		const struct filesystem *f = &l->filesystems[i];

		strbuf_printf(b, "file system %s on %s: %s, label %s", f->name,
		    f->base, f->type, f->label);
		if (f->mount_point != NULL)
			strbuf_printf(b, ", at %s", f->mount_point);
		strbuf_putc(b, '\n');
	}
}

void
layout_clear(struct layout *l)
{
	for (size_t i = 0; i < l->ndisks; i++) {
		for (size_t k = 0; k < l->disks[i].npartitions; k++) {
			free(l->disks[i].partitions[k].name);
			free(l->disks[i].partitions[k].type);
		}
		free(l->disks[i].partitions);
		free(l->disks[i].name);
	}
	for (size_t i = 0; i < l->nfilesystems; i++) {
		struct filesystem *f = &l->filesystems[i];
		char *all[] = { f->name, f->base, f->type, f->label, f->options,
			f->mount_point, f->mount_options };

		for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
			free(all[k]);
	}
	free(l->disks);
	free(l->filesystems);
	*l = (struct layout){ 0 };
}
