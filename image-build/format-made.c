/* SPDX-License-Identifier: Apache-2.0 */
/* The tree as a file system that is as large as it becomes. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "image-build/format.h"
#include "image-build/image-build.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"

static int
write_made(
    const struct format_job *job, const struct fs_kind *kind, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };
	struct fs_job fs = { .tree = job->tree,
		.label = "",
		.fd = -1,
		.scratch = job->scratch,
		.sector = 512,
		.epoch = job->settings->epoch,
		.now = job->now,
		.what = kind->name };

	digest_uuid(job->seed, kind->name, fs.uuid);
	if (file_begin(&w, AT_FDCWD, job->output, 0644, e) == -1 ||
	    kind->make(&fs, w.temp, e) == -1)
		return -1;
	return file_publish(&w, e);
}

static int
write_squashfs(const struct format_job *job, struct error *e)
{
	return write_made(job, &fs_squashfs, e);
}

static int
write_erofs(const struct format_job *job, struct error *e)
{
	return write_made(job, &fs_erofs, e);
}

const struct format_kind format_squashfs = {
	.name = "squashfs",
	.summary = "the tree compressed and read-only",
	.ending = "squash",
	.archive = true,
	.write = write_squashfs,
};

const struct format_kind format_erofs = {
	.name = "erofs",
	.summary = "the same for fast reading at random",
	.archive = true,
	.write = write_erofs,
};
