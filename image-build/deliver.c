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
#include "image-build/jobs.h"
#include "image-build/origins.h"
#include "image-build/spans.h"
#include "lib/clock.h"
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

/* Whether files are to be listed with their digests, and with MD5 too. */
static bool
wants_sums(const struct build *b)
{
	return b->nchosen > 0 || b->settings->checksum ||
	    b->settings->sign != NULL;
}

static bool
wants_md5(const struct build *b)
{
	return b->settings->checksum && checksum_wanted("md5");
}

/* d and raw: of a disk, or -1 and NULL for archives. */
static int
add_job(struct build *b, struct jobs *jobs, int d, const char *raw,
    const char *format, struct error *e)
{
	const struct settings *s = b->settings;
	const char *disk = d < 0 ? "image0" : b->layout.disks[d].name;
	own_free char *output = output_of(s, disk, format);
	struct job *j;

	if (outputs_keep_old(s, output, e) == -1)
		return -1;
	j = jobs_add(jobs);
	j->kind = format_find(format);
	j->disk = d;
	j->sums = wants_sums(b);
	j->raw = mem_dup(raw);
	j->output = take(output);
	j->what = (struct format_job){ .settings = s,
		.raw = j->raw,
		.tree = b->tree,
		.scratch = b->image_dir,
		.output = j->output,
		.seed = b->seed,
		.now = s->epoch >= 0 ? s->epoch : (int64_t)time(NULL),
		.md5 = wants_md5(b) };
	return 0;
}

/* ---- disks ------------------------------------------------------------------- */

static bool
is_disk(const char *format)
{
	return !format_find(format)->archive;
}

static bool
is_raw(const char *format)
{
	return format_find(format) == &format_raw;
}

static bool
by_file(const struct settings *s)
{
	for (size_t i = 0; i < s->formats.len; i++) {
		const struct format_kind *kind =
		    format_find(s->formats.items[i]);

		if (kind->by_file != NULL && kind->by_file(s))
			return true;
	}
	return false;
}

/*
 * For each format that holds disks.  Raw is begun first: its digests are the
 * longest work of one thread, while others fill all processors to the end.
 */
static int
add_disk_jobs(struct build *b, int d, struct jobs *jobs, const char *raw,
    const struct spans *spans, struct error *e)
{
	const struct strlist *formats = &b->settings->formats;

	for (int others = 0; others < 2; others++)
		for (size_t i = 0; i < formats->len; i++) {
			const char *format = formats->items[i];

			if (!is_disk(format) || is_raw(format) == (others == 1))
				continue;
			if (add_job(b, jobs, d, raw, format, e) == -1)
				return -1;
			jobs->items[jobs->len - 1].what.spans = spans;
		}
	return 0;
}

static int
fill(const char *raw, struct spans *spans, struct error *e)
{
	own_fd int fd = open(raw, O_RDWR | O_CLOEXEC);

	if (fd == -1)
		return error_errno(e, "%s", raw);
	return disk_fill(fd, spans, e);
}

/* One disk in each format that holds disks. */
static int
deliver_disk(
    struct build *b, int d, struct jobs *jobs, const char *raw, struct error *e)
{
	own(spans_clear) struct spans spans = { 0 };

	if (disk_write(b, (size_t)d, raw, &spans, e) == -1 ||
	    (by_file(b->settings) && fill(raw, &spans, e) == -1) ||
	    add_disk_jobs(b, d, jobs, raw, &spans, e) == -1 ||
	    jobs_wait(jobs, b, e) == -1)
		return -1;
	(void)unlink(raw);
	return 0;
}

static int
deliver_disks(struct build *b, struct jobs *jobs, struct error *e)
{
	/* The last phases, and loaders, may have changed how much there is. */
	if (disk_prepare(b, e) == -1 || disk_measure(b, e) == -1)
		return -1;
	for (size_t d = 0; d < b->layout.ndisks; d++) {
		own_free char *name =
		    mem_printf("%s.raw", b->layout.disks[d].name);
		own_free char *raw = path_join(b->image_dir, name);

		if (deliver_disk(b, (int)d, jobs, raw, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- all -------------------------------------------------------------------- */

/* Disks are told before archives. */
static void
add_products(const struct jobs *jobs, bool disks, struct strlist *products,
    struct checksum *sums)
{
	for (size_t i = 0; i < jobs->len; i++)
		if ((jobs->items[i].disk >= 0) == disks) {
			sums[products->len] = jobs->items[i].sum;
			strlist_add(products, jobs->items[i].output);
		}
}

/* A build tells what it made; a tree that is packed does when asked to. */
static int
write_inventory(struct build *b, const struct jobs *jobs,
    struct strlist *products, struct error *e)
{
	const struct settings *s = b->settings;
	own_free struct checksum *sums =
	    mem_alloc((jobs->len + 1) * sizeof(*sums));
	double start = clock_seconds();

	add_products(jobs, true, products, sums);
	add_products(jobs, false, products, sums);
	if (!wants_sums(b))
		return 0;
	log_status("documents");
	for (size_t i = 0; s->checksum && i < products->len; i++)
		if (checksum_write(products->items[i], &sums[i], e) == -1)
			return -1;
	if (b->written != NULL && origins_write(b, b->written, e) == -1)
		return -1;
	if (contents_put_beside(b, e) == -1 ||
	    manifest_write(b, products, sums, e) == -1)
		return -1;
	log_status("%s", "");
	report_part(b->report, "documents", clock_seconds() - start);
	return 0;
}

/*
 * Archives are begun first: they are made of the tree while the file systems
 * are made of it too.
 */
int
deliver(struct build *b, struct strlist *products, struct error *e)
{
	const struct settings *s = b->settings;
	own(jobs_clear) struct jobs jobs = { 0 };

	outputs_tidy(s);
	if (wants_sums(b) && contents_make(b, e) == -1)
		return -1;
	for (size_t i = 0; i < s->formats.len; i++)
		if (!is_disk(s->formats.items[i]) &&
		    add_job(b, &jobs, -1, NULL, s->formats.items[i], e) == -1)
			return -1;
	jobs_start(&jobs);
	if (wants_disk(s) && deliver_disks(b, &jobs, e) == -1)
		return -1;
	if (jobs_wait(&jobs, b, e) == -1)
		return -1;
	return write_inventory(b, &jobs, products, e);
}
