/* SPDX-License-Identifier: Apache-2.0 */
/* The file stays: removing a lock file would let two hold it. */
#include "lib/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/own.h"

/* Tell people who look into the file which process holds the lock. */
static void
sign(int fd)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) == -1 || pwrite(fd, text, (size_t)n, 0) == -1)
		return; /* a full disk does not unlock */
}

int
lock_take(const char *path, unsigned seconds, struct error *e)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	own_fd int fd =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1)
		return error_errno(e, "%s", path);
	for (unsigned waited = 0;; waited++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			break;
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return error_errno(e, "%s", path);
		if (waited >= seconds * 10)
			return error_set(
			    e, EAGAIN, "%s: held by another process", path);
		nanosleep(&pause, NULL);
	}
	sign(fd);
	return take_fd(&fd);
}
