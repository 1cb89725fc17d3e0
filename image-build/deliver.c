/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the finished tree to what the caller asked for: the disks, and of
 * image0 and the tree each format.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image-build/compat.h"
#include "image-build/disk.h"
#include "image-build/format.h"
#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

/* What was made so far, and digests of those that are known already. */
struct delivery {
	struct strlist *products;
	struct checksum *sums; /* by product; len of them */
	size_t len, cap;
};

static void
delivery_clear(struct delivery *all)
{
	free(all->sums);
}

/* The digests of the product that was written last. */
static void
remember_sum(struct delivery *all, const struct checksum *sum)
{
	size_t last = all->products->len;

	all->sums = mem_grow(all->sums, &all->cap, last, sizeof(*all->sums));
	for (; all->len < last; all->len++)
		all->sums[all->len] = (struct checksum){ 0 };
	all->sums[last - 1] = *sum;
}

static bool
wants_disk(const struct settings *s)
{
	for (size_t i = 0; i < s->formats.len; i++)
		if (!format_find(s->formats.items[i])->archive)
			return true;
	return false;
}

/* "web.qcow2"; of other disks than image0 "web-data.qcow2". */
static char *
output_of(const struct settings *s, const char *disk, const char *format)
{
	const char *ending = format_ending(format_find(format));

	if (strcmp(disk, "image0") == 0)
		return mem_printf("%s.%s", s->name, ending);
	return mem_printf("%s-%s.%s", s->name, disk, ending);
}

static int
write_format(struct build *b, const char *disk, const char *raw,
    const char *name, struct strlist *products, struct error *e)
{
	const struct settings *s = b->settings;
	own_free char *output = output_of(s, disk, name);
	const struct format_job job = { .settings = s,
		.raw = raw,
		.tree = b->tree,
		.scratch = b->image_dir,
		.output = output,
		.seed = b->seed,
		.now = s->epoch >= 0 ? s->epoch : (int64_t)time(NULL) };
	double start = clock_seconds();

	if (outputs_keep_old(s, output, e) == -1)
		return -1;
	log_status("write %s", output);
	if (format_find(name)->write(&job, e) == -1)
		return error_prefix(e, "%s", output);
	log_status("%s", "");
	report_part(b->report, name, clock_seconds() - start);
	strlist_add(products, output);
	return 0;
}

/* A format that holds disks; the one that takes the file itself is last. */
static bool
is_disk(const char *name, bool last)
{
	const struct format_kind *kind = format_find(name);

	return !kind->archive && (kind == &format_raw) == last;
}

/* A disk in each format that holds disks. */
static int
write_formats(struct build *b, const char *disk, const char *raw,
    struct strlist *products, struct error *e)
{
	const struct settings *s = b->settings;

	for (size_t i = 0; i < s->formats.len; i++)
		if (is_disk(s->formats.items[i], false) &&
		    write_format(
			b, disk, raw, s->formats.items[i], products, e) == -1)
			return -1;
	for (size_t i = 0; i < s->formats.len; i++)
		if (is_disk(s->formats.items[i], true) &&
		    write_format(
			b, disk, raw, s->formats.items[i], products, e) == -1)
			return -1;
	return 0;
}

/* A build tells what it made; a tree that is packed does when asked to. */
static bool
wants_inventory(const struct build *b)
{
	const struct settings *s = b->settings;

	return b->nchosen > 0 || s->checksum || s->sign != NULL;
}

static bool
wants_md5(const struct build *b)
{
	return b->settings->checksum && checksum_wanted("md5");
}

/*
 * One disk.  What the format raw delivers is the disk itself: it is hashed
 * while it is written out.
 */
static int
deliver_disk(struct build *b, size_t d, struct delivery *all, struct error *e)
{
	const char *disk = b->layout.disks[d].name;
	own_free char *name = mem_printf("%s.raw", disk);
	own_free char *raw = path_join(b->image_dir, name);
	struct checksum_task task = { 0 };
	struct checksum sum = { 0 };
	struct error other;
	int r;

	if (disk_write(b, d, raw, e) == -1)
		return -1;
	if (wants_inventory(b) &&
	    strlist_has(&b->settings->formats, format_raw.name) &&
	    checksum_begin(&task, raw, wants_md5(b), e) == -1)
		return -1;
	r = write_formats(b, disk, raw, all->products, e);
	if (checksum_end(&task, &sum, r == 0 ? e : &other) == -1)
		r = -1;
	if (r == -1)
		return -1;
	(void)unlink(raw);
	if (sum.known)
		remember_sum(all, &sum);
	return 0;
}

static int
deliver_disks(struct build *b, struct delivery *all, struct error *e)
{
	/* The last phases, and loaders, may have changed how much there is. */
	if (disk_prepare(b, e) == -1 || disk_measure(b, e) == -1)
		return -1;
	for (size_t d = 0; d < b->layout.ndisks; d++)
		if (deliver_disk(b, d, all, e) == -1)
			return -1;
	return 0;
}

static int
write_inventory(struct build *b, struct delivery *all, struct error *e)
{
	const struct settings *s = b->settings;
	const struct strlist *products = all->products;
	double start = clock_seconds();

	if (!wants_inventory(b))
		return 0;
	log_status("digests");
	all->sums = mem_grow(
	    all->sums, &all->cap, products->len + 1, sizeof(*all->sums));
	for (; all->len < products->len; all->len++)
		all->sums[all->len] = (struct checksum){ 0 };
	if (checksum_files(products, all->sums, wants_md5(b), e) == -1)
		return -1;
	for (size_t i = 0; s->checksum && i < products->len; i++)
		if (checksum_write(products->items[i], &all->sums[i], e) == -1)
			return -1;
	if (contents_put_beside(b, e) == -1 ||
	    manifest_write(b, products, all->sums, e) == -1)
		return -1;
	log_status("%s", "");
	report_part(b->report, "digests", clock_seconds() - start);
	return 0;
}

int
deliver(struct build *b, struct strlist *products, struct error *e)
{
	const struct settings *s = b->settings;
	own(delivery_clear) struct delivery all = { .products = products };

	if (wants_inventory(b) && contents_make(b, e) == -1)
		return -1;
	if (wants_disk(s) && deliver_disks(b, &all, e) == -1)
		return -1;
	for (size_t i = 0; i < s->formats.len; i++)
		if (format_find(s->formats.items[i])->archive &&
		    write_format(b, "image0", NULL, s->formats.items[i],
			products, e) == -1)
			return -1;
	return write_inventory(b, &all, e);
}
