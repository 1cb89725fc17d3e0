/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Google's Compute Engine imports: disk.raw, rounded up to a whole GiB,
 * in a gzipped archive of GNU's old format, by GNU tar.
 */
#include <fcntl.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "image-build/format.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

#define UNIT ((uint64_t)1 << 30)

static int
link_disk(const struct format_job *job, const char *dir, struct error *e)
{
	own_free char *disk = path_join(dir, "disk.raw");
	own(file_discard) struct file_writer w = { 0 };
	uint64_t bytes = 0;

	if (format_disk_bytes(job, &bytes, e) == -1 ||
	    file_mkdirs(AT_FDCWD, dir, 0755, e) == -1 ||
	    file_begin(&w, AT_FDCWD, disk, 0644, e) == -1)
		return -1;
	w.hasty = true;
	if (format_copy(job, &w, round_up(bytes, UNIT), NULL, e) == -1)
		return -1;
	return file_publish(&w, e);
}

static int
run_tar(const struct format_job *job, const char *dir, const char *to,
    struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	const struct fs_job fs = { .what = "gce", .now = job->now };

	strlist_split(&argv,
	    "tar --format=oldgnu --sparse --sort=name --owner=0 --group=0 "
	    "--numeric-owner --mode=0644",
	    " ");
	strlist_printf(&argv, "--mtime=@%lld", (long long)job->now);
	strlist_add(&argv, "--use-compress-program=gzip -n");
	strlist_add(&argv, "-C");
	strlist_add(&argv, dir);
	strlist_add(&argv, "-cf");
	strlist_add(&argv, to);
	strlist_add(&argv, "disk.raw");
	return fs_run(&fs, &argv, e);
}

static int
write_gce(const struct format_job *job, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };
	own_free char *dir = path_join(job->scratch, "gce");

	if (file_begin(&w, AT_FDCWD, job->output, 0644, e) == -1 ||
	    link_disk(job, dir, e) == -1 ||
	    run_tar(job, dir, w.temp, e) == -1 ||
	    tree_remove(AT_FDCWD, dir, e) == -1)
		return -1;
	return file_publish(&w, e);
}

const struct format_kind format_gce = {
	.name = "gce",
	.summary = "disk.raw in an archive, for Compute Engine",
	.ending = "gce.tar.gz",
	.write = write_gce,
};
