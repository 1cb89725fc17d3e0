/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder is removed by a small process that waits on a pipe for our end,
 * however it comes: an overlay can be large, and a killed program cleans up
 * nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image-run/image-run.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/tree.h"

static void __attribute__((noreturn)) keep(const char *path, int fd)
{
	struct error e;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char c;

	/* What ends our parent's job must not end us before our work. */
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* Held open here, the parent's standard output would never end. */
	for (int i = 0; i <= STDERR_FILENO; i++)
		dup2(null, i);
	while (read(fd, &c, 1) == -1 && errno == EINTR)
		continue;
	_exit(tree_remove(AT_FDCWD, path, &e) == 0 ? 0 : 1);
}

int
workdir_open(struct workdir *w, struct error *e)
{
	const char *base = getenv("TMPDIR");
	own_free char *path =
	    path_join(base != NULL && *base != '\0' ? base : "/var/tmp",
		"image-run-XXXXXX");
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return error_errno(e, "pipe");
	if (mkdtemp(path) == NULL) {
		error_errno(e, "%s", path);
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	w->keeper = fork();
	if (w->keeper == 0) {
		close(fds[1]);
		keep(path, fds[0]);
	}
	close(fds[0]);
	w->pipe = fds[1];
	w->path = take(path);
	if (w->keeper == -1) {
		error_errno(e, "fork");
		rmdir(w->path);
		return -1;
	}
	return 0;
}

void
workdir_close(struct workdir *w)
{
	int status;

	if (w->path == NULL)
		return;
	close(w->pipe);
	if (w->keeper > 0 && waitpid(w->keeper, &status, 0) == w->keeper &&
	    status != 0)
		log_warn("%s could not be removed", w->path);
	free(w->path);
	*w = (struct workdir){ .pipe = -1 };
}
