/* SPDX-License-Identifier: Apache-2.0 */
/* fork, exec, and a descriptor that tells of the end. */
#include "collect-config/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"

#define GRACE_MS 5000 /* between SIGTERM and SIGKILL */

/* As a program expects to be started: nothing blocked, nothing ignored. */
static void
reset_signals(void)
{
	sigset_t none;

	for (int s = 1; s < 32; s++)
		if (s != SIGKILL && s != SIGSTOP)
			signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void __attribute__((noreturn))
run(char *const *argv, char *const *env, int out)
{
	setpgid(0, 0);
	reset_signals();
	if (out != -1)
		dup2(out, STDOUT_FILENO);
	syscall(SYS_close_range, 3U, ~0U, 1U << 2); /* on exec */
	execvpe(argv[0], argv, env);
	_exit(127);
}

int
child_start(struct child *c, char *const *argv, char *const *env, int out,
    struct error *e)
{
	pid_t pid = fork();

	if (pid == 0)
		run(argv, env, out);
	if (pid == -1)
		return error_errno(e, "%s: fork", argv[0]);
	setpgid(pid, pid);
	*c = (struct child){ .pid = pid,
		.fd = (int)syscall(SYS_pidfd_open, pid, 0),
		.started = clock_ms() };
	if (c->fd == -1) {
		error_errno(e, "%s: pidfd_open", argv[0]);
		child_kill(c);
		return -1;
	}
	return 0;
}

int
child_end(struct child *c)
{
	int w = 0;

	while (waitpid(c->pid, &w, 0) == -1 && errno == EINTR)
		;
	if (c->fd != -1)
		close(c->fd);
	*c = (struct child){ .fd = -1 };
	return WIFSIGNALED(w) ? 256 - WTERMSIG(w) : WEXITSTATUS(w);
}

static int
has_ended(const struct child *c)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)c->pid, &info,
		   WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    info.si_pid != 0;
}

void
child_kill(struct child *c)
{
	if (c->pid == 0)
		return;
	kill(-c->pid, SIGTERM);
	kill(-c->pid, SIGCONT);
	for (int ms = 0; ms < GRACE_MS && !has_ended(c); ms += 20)
		usleep(20000);
	kill(-c->pid, SIGKILL);
	child_end(c);
}
