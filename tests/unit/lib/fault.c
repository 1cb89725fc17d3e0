/* SPDX-License-Identifier: Apache-2.0 */
/* Armed failure points, and that ordinary builds have none. */
#include "lib/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "tests/unit/check.h"

#ifdef FAULTS
static const bool armed = true;
#else
static const bool armed = false;
#endif

/* What becomes of three replacements of a file with INGOT_FAULT=spec. */
static int
outcome(const char *spec)
{
	char path[] = "/tmp/fault-XXXXXX";
	int fd = mkstemp(path), status;
	pid_t pid = fork();

	if (pid == 0) {
		struct error e;
		int failed = 0;

		setenv("INGOT_FAULT", spec, 1);
		for (int i = 0; i < 3; i++)
			if (file_replace(AT_FDCWD, path, 0600, "x", 1, &e) ==
			    -1)
				failed = failed * 10 + i + 1;
		_exit(failed);
	}
	close(fd);
	waitpid(pid, &status, 0);
	unlink(path);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int
main(void)
{
	CHECK(outcome("") == 0);
	CHECK(outcome("other:1") == 0);
	CHECK(outcome("file-rename:9") == 0);
	CHECK(outcome("file-rename:1") == (armed ? 1 : 0));
	CHECK(outcome("file-rename:2") == (armed ? 2 : 0));
	CHECK(outcome("file-rename:3:kill") == (armed ? -SIGKILL : 0));
	errno = 0;
	CHECK(fault("nothing") == 0 && errno == 0);
	return check_result();
}
