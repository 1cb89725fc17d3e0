/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the disk: blocks of folders, links and extents are written, the
 * contents of files are only noted.
 */
#include <errno.h>
#include <unistd.h>

#include "image-build/ext4.h"
#include "image-build/spans.h"
#include "lib/error.h"

int
ext4_put_block(struct ext4 *x, blk64_t block, const void *data, struct error *e)
{
	const char *p = data;
	size_t n = x->fs->blocksize;
	off_t at = (off_t)(x->job->offset + block * n);

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
	return 0;
}

void
ext4_place_file(struct ext4 *x, blk64_t block, const char *path, uint64_t from,
    uint64_t bytes)
{
	spans_add(x->job->spans, path, from,
	    x->job->offset + block * x->fs->blocksize, bytes);
	x->placed += bytes;
}
