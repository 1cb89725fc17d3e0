/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk with a bad sector, for a program that is started with this in
 * LD_PRELOAD: the file whose inode's number READ_ERROR names cannot be read.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool
is_bad(int fd)
{
	const char *number = getenv("READ_ERROR");
	int before = errno;
	struct stat st;
	bool bad = number != NULL && fstat(fd, &st) == 0 &&
	    S_ISREG(st.st_mode) && st.st_ino == strtoull(number, NULL, 10);

	errno = bad ? EIO : before;
	return bad;
}

ssize_t
read(int fd, void *to, size_t n)
{
	return is_bad(fd) ? -1 : syscall(SYS_read, fd, to, n);
}

ssize_t
__read_chk(int fd, void *to, size_t n, size_t room)
{
	return n > room ? (abort(), -1) : read(fd, to, n);
}
