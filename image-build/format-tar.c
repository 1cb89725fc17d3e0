/* SPDX-License-Identifier: Apache-2.0 */
/* The tree as an archive, plain or compressed. */
#include <fcntl.h>

#include "image-build/format.h"
#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/tar.h"

static int
write_archive(
    const struct format_job *job, enum tar_filter filter, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };
	struct tar_output out = { .filter = filter,
		.epoch = job->settings->epoch };

	if (file_begin(&w, AT_FDCWD, job->output, 0644, e) == -1)
		return -1;
	out.fd = w.fd;
	if (tar_create(AT_FDCWD, job->tree, &out, e) == -1)
		return -1;
	return file_publish(&w, e);
}

static int
write_tar(const struct format_job *job, struct error *e)
{
	return write_archive(job, TAR_PLAIN, e);
}

static int
write_tgz(const struct format_job *job, struct error *e)
{
	return write_archive(job, TAR_GZIP, e);
}

static int
write_zst(const struct format_job *job, struct error *e)
{
	return write_archive(job, TAR_ZSTD, e);
}

const struct format_kind format_tar = {
	.name = "tar",
	.summary = "the tree as an archive",
	.archive = true,
	.write = write_tar,
};

const struct format_kind format_tgz = {
	.name = "tgz",
	.summary = "the same with gzip",
	.archive = true,
	.write = write_tgz,
};

const struct format_kind format_tar_zst = {
	.name = "tar.zst",
	.summary = "the same with zstd",
	.archive = true,
	.write = write_zst,
};
