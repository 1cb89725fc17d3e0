/* SPDX-License-Identifier: Apache-2.0 */
/* One runner at a time, however the one before it ended. */
#include "lib/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

static char path[] = "/tmp/lock-XXXXXX";

/* A process that holds the lock until it is killed. */
static pid_t
holder(void)
{
	int fds[2];
	char c = 0;
	pid_t pid;

	CHECK(pipe(fds) == 0);
	pid = fork();
	if (pid == 0) {
		struct error e;

		if (lock_take(path, 0, &e) == -1 || write(fds[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	CHECK(read(fds[0], &c, 1) == 1);
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static void
the_second_is_told(void)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *want = NULL;
	struct error e = { 0 };
	pid_t pid = holder();
	own_fd int fd = -1;

	CHECK(lock_take(path, 0, &e) == -1 && e.code == EAGAIN);
	CHECK(strstr(e.text, path) != NULL);
	CHECK(lock_take(path, 1, &e) == -1 && e.code == EAGAIN);
	want = mem_printf("%d\n", (int)pid);
	CHECK(file_read(AT_FDCWD, path, 100, &text, &e) == 0);
	CHECK_STR(strbuf_text(&text), want);
	/* A holder that is killed has let go. */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fd = lock_take(path, 0, &e);
	CHECK(fd != -1);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK(lock_take(path, 0, &e) == -1);
}

static void
closing_lets_go(void)
{
	struct error e = { 0 };
	int fd = lock_take(path, 0, &e);

	CHECK(fd != -1);
	close(fd);
	fd = lock_take(path, 0, &e);
	CHECK(fd != -1);
	close(fd);
}

static void
odd_places_are_refused(void)
{
	own_free char *link = mem_printf("%s.link", path);
	struct error e = { 0 };

	CHECK(lock_take("/nowhere/lock", 0, &e) == -1 && e.code == ENOENT);
	CHECK(symlink(path, link) == 0);
	CHECK(lock_take(link, 0, &e) == -1 && e.code == ELOOP);
	unlink(link);
}

int
main(void)
{
	int fd = mkstemp(path);

	if (fd == -1)
		return 1;
	close(fd);
	the_second_is_told();
	closing_lets_go();
	odd_places_are_refused();
	unlink(path);
	return check_result();
}
