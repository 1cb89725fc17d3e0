/* SPDX-License-Identifier: Apache-2.0 */
/* The disk as it is: moved where it can be, else copied with its holes. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/format.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"

#define CHUNK (1u << 20)
#define AHEAD (1 << 26)

/* Copy the bytes from start to end of one file to the same place of w. */
static int
copy_range(int from, struct file_writer *w, off_t start, off_t end,
    char *buffer, struct error *e)
{
	while (start < end) {
		size_t want =
		    end - start > CHUNK ? CHUNK : (size_t)(end - start);
		ssize_t n = pread(from, buffer, want, start);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_errno(e, "read raw disk");
		if (pwrite(w->fd, buffer, (size_t)n, start) != n)
			return error_errno(e, "%s", w->path);
		start += n;
	}
	return 0;
}

int
format_copy(int from, struct file_writer *w, uint64_t bytes, struct error *e)
{
	own_free char *buffer = mem_alloc(CHUNK);
	struct stat st;
	off_t at = 0, begun = 0;

	if (fstat(from, &st) == -1 || ftruncate(w->fd, (off_t)bytes) == -1)
		return error_errno(e, "%s", w->path);
	while (at < st.st_size) {
		off_t data = lseek(from, at, SEEK_DATA), hole;

		if (data == -1 && errno == ENXIO)
			break;
		hole = data == -1 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole == -1)
			return error_errno(e, "read raw disk");
		if (copy_range(from, w, data, hole, buffer, e) == -1)
			return -1;
		log_progress(
		    "copy the disk", (uint64_t)hole, (uint64_t)st.st_size);
		at = hole;
		/* The disk can begin with it: publishing waits for it. */
		if (at - begun > AHEAD) {
			(void)file_write_back(w->fd);
			begun = at;
		}
	}
	return 0;
}

/* True if the disk was put in the temporary file's place. */
static bool
take_disk(const char *raw, struct file_writer *w)
{
	int fd;

	if (rename(raw, w->temp) == -1)
		return false;
	fd = open(w->temp, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		return false; /* and publishing tells why */
	close(w->fd);
	w->fd = fd;
	return true;
}

/* On one file system the disk is moved: nobody needs it after this. */
static int
write_raw(const struct format_job *job, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };
	own_fd int from = open(job->raw, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (from == -1 || fstat(from, &st) == -1)
		return error_errno(e, "%s", job->raw);
	if (file_begin(&w, AT_FDCWD, job->output, 0644, e) == -1)
		return -1;
	if (!take_disk(job->raw, &w) &&
	    format_copy(from, &w, (uint64_t)st.st_size, e) == -1)
		return -1;
	return file_publish(&w, e);
}

const struct format_kind format_raw = {
	.name = "raw",
	.summary = "the disk byte by byte, with holes",
	.write = write_raw,
};
