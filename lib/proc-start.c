/* SPDX-License-Identifier: Apache-2.0 */
/* fork and exec: what the child does before it is the program. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/own.h"
#include "lib/proc-private.h"
#include "lib/proc.h"

#define NO_INTERPRETER ELIBACC /* errnos that exec does not set for it */
#define CR_INTERPRETER ELIBBAD /* ... its name ends in a carriage return */

void
proc_shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
proc_pipes_clear(struct proc_pipes *p)
{
	for (int i = 0; i < 2; i++) {
		proc_shut(&p->in[i]);
		proc_shut(&p->out[i]);
		proc_shut(&p->err[i]);
		proc_shut(&p->fail[i]);
		proc_shut(&p->answer[i]);
	}
}

static int
pipes_open(struct proc_pipes *p, bool input, bool answer)
{
	if ((answer && pipe2(p->answer, O_CLOEXEC) == -1) ||
	    (input && pipe2(p->in, O_CLOEXEC) == -1) ||
	    pipe2(p->out, O_CLOEXEC) == -1 || pipe2(p->err, O_CLOEXEC) == -1 ||
	    pipe2(p->fail, O_CLOEXEC) == -1)
		return -1;
	return 0;
}

/* ---- the child --------------------------------------------------------- */

static int
child_input(const struct proc *p, const struct proc_pipes *pipes)
{
	int fd;

	if (p->inherit_input)
		return 0;
	fd = p->input != NULL ? pipes->in[0]
			      : open("/dev/null", O_RDONLY | O_CLOEXEC);
	return dup2(fd, STDIN_FILENO) == -1 ? -1 : 0;
}

static void
child_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			signal(s, SIG_DFL);
}

/* Die with the parent, also when it died before we asked for that. */
static void
child_follow(struct proc_pipes *pipes)
{
	struct pollfd parent = { .fd = pipes->fail[1] };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	proc_shut(&pipes->fail[0]);
	if (poll(&parent, 1, 0) == 1 && (parent.revents & POLLERR) != 0)
		_exit(126);
}

/* Descriptor 3 is the child's answer; nothing else may be there by then. */
static int
child_answer(const struct proc *p, struct proc_pipes *pipes)
{
	if (p->answer == NULL)
		return 0;
	if (pipes->fail[1] == 3)
		pipes->fail[1] = fcntl(3, F_DUPFD_CLOEXEC, 4);
	if (pipes->fail[1] == -1)
		return -1;
	if (pipes->answer[1] == 3)
		return fcntl(3, F_SETFD, 0);
	return dup2(pipes->answer[1], 3) == -1 ? -1 : 0;
}

/* What only the caller knows to do, such as a system-call filter. */
static int
child_prepare(const struct proc *p)
{
	if (p->prepare == NULL)
		return 0;
	errno = p->prepare(p->ctx);
	return errno == 0 ? 0 : -1;
}

/* Whether a script's first line ends as lines of Windows do. */
static bool
has_cr(const char *path)
{
	own_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char line[256];
	ssize_t n = fd == -1 ? -1 : read(fd, line, sizeof(line));
	const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;

	return end != NULL && end > line && end[-1] == '\r';
}

static void
child_exec(const struct proc *p)
{
	char *const *env = p->envp != NULL ? p->envp : environ;

	if (p->no_shell && strchr(p->argv[0], '/') != NULL)
		execve(p->argv[0], p->argv, env);
	else
		execvpe(p->argv[0], p->argv, env);
}

static void __attribute__((noreturn))
child(const struct proc *p, struct proc_pipes *pipes)
{
	bool lost = false;
	int code;

	setpgid(0, 0);
	child_follow(pipes);
	child_signals();
	if (child_input(p, pipes) == 0 &&
	    dup2(pipes->out[1], STDOUT_FILENO) != -1 &&
	    dup2(pipes->err[1], STDERR_FILENO) != -1 &&
	    syscall(SYS_close_range, 3U, ~0U, 1U << 2) == 0 &&
	    child_answer(p, pipes) == 0 &&
	    (p->root == NULL || chroot(p->root) == 0) &&
	    (p->cwd != NULL	      ? chdir(p->cwd) == 0
		    : p->root != NULL ? chdir("/") == 0
				      : true) &&
	    child_prepare(p) == 0) {
		child_exec(p);
		lost = errno == ENOENT && strchr(p->argv[0], '/') != NULL &&
		    access(p->argv[0], F_OK) == 0;
	}
	code = !lost		 ? errno
	    : has_cr(p->argv[0]) ? CR_INTERPRETER
				 : NO_INTERPRETER;
	if (write(pipes->fail[1], &code, sizeof(code)) == -1)
		_exit(126);
	_exit(127);
}

/* ---- the parent -------------------------------------------------------- */

/* What exec said, if it failed: the pipe closes silently when it worked. */
static int
exec_failure(int fd)
{
	int code = 0;
	ssize_t n;

	do
		n = read(fd, &code, sizeof(code));
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)sizeof(code) ? code : 0;
}

/*
 * Fork, into the cgroup right away: moving there afterwards would wait for
 * every processor.  A kernel that cannot do so leaves the child where we are.
 */
static pid_t
fork_into(const char *cgroup)
{
	own_fd int dir = cgroup == NULL
	    ? -1
	    : open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct clone_args args = { .flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (unsigned)dir };
	pid_t pid = -1;

	if (dir != -1)
		pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	return pid != -1 ? pid : fork();
}

int
proc_start(
    const struct proc *p, struct proc_pipes *pipes, pid_t *pid, struct error *e)
{
	int code;

	/* Where it is ignored, children leave without a status. */
	signal(SIGCHLD, SIG_DFL);
	if (pipes_open(pipes, p->input != NULL, p->answer != NULL) == -1)
		return error_errno(e, "%s", p->argv[0]);
	*pid = fork_into(p->cgroup);
	if (*pid == -1)
		return error_errno(e, "%s: fork", p->argv[0]);
	if (*pid == 0)
		child(p, pipes);
	setpgid(*pid, *pid);
	proc_shut(&pipes->in[0]);
	proc_shut(&pipes->out[1]);
	proc_shut(&pipes->err[1]);
	proc_shut(&pipes->answer[1]);
	proc_shut(&pipes->fail[1]);
	code = exec_failure(pipes->fail[0]);
	if (code == 0)
		return 0;
	waitpid(*pid, NULL, 0);
	if (code == CR_INTERPRETER || code == NO_INTERPRETER)
		return error_set(e, ENOENT,
		    "%s: %sthe interpreter that it names is not there",
		    p->argv[0],
		    code == NO_INTERPRETER
			? ""
			: "its first line ends in a carriage return, so ");
	errno = code;
	return error_errno(e, "%s", p->argv[0]);
}
