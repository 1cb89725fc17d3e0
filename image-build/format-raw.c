/* SPDX-License-Identifier: Apache-2.0 */
/* The disk as it is, with its holes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/format.h"
#include "image-build/inventory.h"
#include "image-build/pass.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/pool.h"

/* Writing waits for the disk: others can use the processor meanwhile. */
static unsigned
threads(void)
{
	return pool_processors() + 1;
}

int
format_copy(const struct format_job *job, struct file_writer *w, uint64_t bytes,
    struct checksum *sum, struct error *e)
{
	ownp(pool_free) struct pool *pool = pool_new(threads());
	own_fd int fd = open(job->raw, O_RDONLY | O_CLOEXEC);
	const struct pass_source from = { fd, job->spans };
	struct pass_consumer all[2];
	struct pass_writer writer;
	struct checksum_run run;
	int r;

	if (fd == -1)
		return error_errno(e, "%s", job->raw);
	if (ftruncate(w->fd, (off_t)bytes) == -1)
		return error_errno(e, "%s", w->path);
	all[0] = pass_write_begin(&writer, w->fd, true);
	if (sum != NULL)
		all[1] = checksum_begin(&run, job->md5);
	r = pass_run(&from, pool, all, sum != NULL ? 2 : 1, "copy the disk", e);
	if (sum != NULL)
		checksum_end(&run, sum);
	pass_write_end(&writer);
	return r;
}

int
format_disk_bytes(
    const struct format_job *job, uint64_t *bytes, struct error *e)
{
	struct stat st;

	if (stat(job->raw, &st) == -1)
		return error_errno(e, "%s", job->raw);
	*bytes = (uint64_t)st.st_size;
	return 0;
}

static int
write_raw(const struct format_job *job, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };
	uint64_t bytes = 0;

	if (format_disk_bytes(job, &bytes, e) == -1 ||
	    file_begin(&w, AT_FDCWD, job->output, 0644, e) == -1 ||
	    format_copy(job, &w, bytes, job->sum, e) == -1)
		return -1;
	return file_publish(&w, e);
}

const struct format_kind format_raw = {
	.name = "raw",
	.summary = "the disk byte by byte, with holes",
	.write = write_raw,
};
