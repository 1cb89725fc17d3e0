/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk is written past the page cache: nobody reads it soon, large pieces
 * reach the disk as fast without, and the kernel need not find and fill a
 * page for each 4 KiB, which takes longer than all the rest.  File systems
 * that cannot do it are written to as usual.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "image-build/pass.h"
#include "lib/error.h"

/* O_DIRECT on or off.  False: it cannot be changed. */
static bool
set_direct(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	flags = on ? flags | O_DIRECT : flags & ~O_DIRECT;
	return fcntl(fd, F_SETFL, flags) == 0;
}

static size_t
begin(void *self, const struct pass_batch *b)
{
	struct pass_writer *w = self;

	w->batch = b;
	return b->data != NULL ? 1 : 0;
}

static void
work(void *self, size_t piece, unsigned thread)
{
	struct pass_writer *w = self;
	const uint8_t *p = w->batch->data;
	size_t n = (size_t)w->batch->bytes;
	off_t at = (off_t)w->batch->at;

	(void)piece;
	(void)thread;
	while (n > 0 && w->code == 0) {
		ssize_t done = pwrite(w->fd, p, n, at);

		if (done == -1 && errno == EINVAL && w->direct)
			pass_write_end(w); /* an odd end, or never */
		else if (done == -1 && errno != EINTR)
			w->code = errno;
		if (done == -1)
			continue;
		p += done;
		at += done;
		n -= (size_t)done;
	}
}

static int
end(void *self, struct error *e)
{
	const struct pass_writer *w = self;

	if (w->code == 0)
		return 0;
	errno = w->code;
	return error_errno(e, "write");
}

struct pass_consumer
pass_write_begin(struct pass_writer *w, int fd, bool direct)
{
	*w = (struct pass_writer){ .fd = fd };
	w->direct = direct && set_direct(fd, true);
	return (struct pass_consumer){ w, begin, work, end };
}

void
pass_write_end(struct pass_writer *w)
{
	if (w->direct)
		(void)set_direct(w->fd, false);
	w->direct = false;
}
