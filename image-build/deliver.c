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
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

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
	double start = report_clock();

	if (outputs_keep_old(s, output, e) == -1)
		return -1;
	log_status("write %s", output);
	if (format_find(name)->write(&job, e) == -1)
		return error_prefix(e, "%s", output);
	log_status("%s", "");
	report_part(b->report, name, report_clock() - start);
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

/* One disk in each format that holds disks. */
static int
deliver_disk(
    struct build *b, size_t d, struct strlist *products, struct error *e)
{
	const struct settings *s = b->settings;
	const char *disk = b->layout.disks[d].name;
	own_free char *name = mem_printf("%s.raw", disk);
	own_free char *raw = path_join(b->image_dir, name);

	if (disk_write(b, d, raw, e) == -1)
		return -1;
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
	(void)unlink(raw);
	return 0;
}

static int
deliver_disks(struct build *b, struct strlist *products, struct error *e)
{
	/* The last phases, and loaders, may have changed how much there is. */
	if (disk_prepare(b, e) == -1 || disk_measure(b, e) == -1)
		return -1;
	for (size_t d = 0; d < b->layout.ndisks; d++)
		if (deliver_disk(b, d, products, e) == -1)
			return -1;
	return 0;
}

/* A build tells what it made; a tree that is packed does when asked to. */
static bool
tells_contents(const struct build *b)
{
	return b->nchosen > 0 || b->settings->checksum ||
	    b->settings->sign != NULL;
}

static int
write_inventory(
    struct build *b, const struct strlist *products, struct error *e)
{
	const struct settings *s = b->settings;
	own_free struct checksum *sums =
	    mem_alloc((products->len + 1) * sizeof(*sums));
	double start = report_clock();

	if (!tells_contents(b))
		return 0;
	log_status("digests");
	if (checksum_files(products, sums, e) == -1)
		return -1;
	for (size_t i = 0; s->checksum && i < products->len; i++)
		if (checksum_write(products->items[i], &sums[i], e) == -1)
			return -1;
	if (contents_put_beside(b, e) == -1 ||
	    manifest_write(b, products, sums, e) == -1)
		return -1;
	log_status("%s", "");
	report_part(b->report, "digests", report_clock() - start);
	return 0;
}

int
deliver(struct build *b, struct strlist *products, struct error *e)
{
	const struct settings *s = b->settings;

	if (tells_contents(b) && contents_make(b, e) == -1)
		return -1;
	if (wants_disk(s) && deliver_disks(b, products, e) == -1)
		return -1;
	for (size_t i = 0; i < s->formats.len; i++)
		if (format_find(s->formats.items[i])->archive &&
		    write_format(b, "image0", NULL, s->formats.items[i],
			products, e) == -1)
			return -1;
	return write_inventory(b, products, e);
}
