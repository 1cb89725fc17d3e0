/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the disk: data, folders and blocks of extents follow one
 * another, so they are gathered and written in large pieces.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image-build/ext4.h"
#include "lib/error.h"
#include "lib/file.h"

#define BUFFER ((size_t)1 << 22) /* whole blocks */
#define AHEAD ((size_t)1 << 26)

size_t
ext4_buffer_bytes(void)
{
	return BUFFER;
}

int
ext4_flush(struct ext4 *x, struct error *e)
{
	const char *p = x->buffer;
	off_t at = (off_t)(x->job->offset + x->buffer_at);
	size_t n = x->buffered;

	while (n > 0) {
		ssize_t w = pwrite(x->job->fd, p, n, at);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return error_errno(e, "%s: write", x->job->what);
		p += w;
		at += w;
		n -= (size_t)w;
	}
	x->behind += x->buffered;
	x->buffer_at += x->buffered;
	x->buffered = 0;
	if (x->job->lasting && x->behind >= AHEAD) {
		(void)file_write_back(x->job->fd); /* publishing syncs */
		x->behind = 0;
	}
	return 0;
}

/* A file ends anywhere, what follows it begins with a block. */
static void
fill_block(struct ext4 *x, uint64_t at)
{
	uint64_t end = x->buffer_at + x->buffered;

	if (x->buffered == 0 || at <= end || at - end >= x->fs->blocksize)
		return;
	memset(x->buffer + x->buffered, 0, (size_t)(at - end));
	x->buffered += (size_t)(at - end);
}

int
ext4_room(
    struct ext4 *x, uint64_t at, char **room, size_t *bytes, struct error *e)
{
	fill_block(x, at);
	if ((at != x->buffer_at + x->buffered || x->buffered == BUFFER) &&
	    ext4_flush(x, e) == -1)
		return -1;
	if (x->buffered == 0)
		x->buffer_at = at;
	*room = x->buffer + x->buffered;
	*bytes = BUFFER - x->buffered;
	return 0;
}

int
ext4_put_block(struct ext4 *x, blk64_t block, const void *data, struct error *e)
{
	char *room;
	size_t n;

	if (ext4_room(x, block * x->fs->blocksize, &room, &n, e) == -1)
		return -1;
	memcpy(room, data, x->fs->blocksize);
	x->buffered += x->fs->blocksize;
	return 0;
}
