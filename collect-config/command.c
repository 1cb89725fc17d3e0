/* SPDX-License-Identifier: Apache-2.0 */
/* fork, exec /bin/sh, and a descriptor that tells of the end. */
#include "collect-config/command.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect-config/clock.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/strlist.h"

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

static void __attribute__((noreturn)) child(const char *line, char *const *env)
{
	setpgid(0, 0);
	reset_signals();
	syscall(SYS_close_range, 3U, ~0U, 1U << 2); /* on exec */
	execle("/bin/sh", "sh", "-c", line, (char *)NULL, env);
	_exit(127);
}

int
command_start(
    struct command *cmd, const char *line, const char *files, struct error *e)
{
	own(strlist_clear) struct strlist env = { 0 };

	for (char **v = environ; *v != NULL; v++)
		strlist_add(&env, *v);
	strlist_env_set(&env, "OS_CONFIG_FILES", files);
	strlist_env_unset(&env, "NOTIFY_SOCKET"); /* systemd listens to us */
	strlist_env_unset(&env, "WATCHDOG_USEC");
	strlist_env_unset(&env, "WATCHDOG_PID");
	cmd->pid = fork();
	if (cmd->pid == 0)
		child(line, strlist_argv(&env));
	if (cmd->pid == -1) {
		cmd->pid = 0;
		return error_errno(e, "fork");
	}
	setpgid(cmd->pid, cmd->pid);
	cmd->started = clock_ms();
	cmd->fd = (int)syscall(SYS_pidfd_open, cmd->pid, 0);
	if (cmd->fd == -1) {
		error_errno(e, "pidfd_open");
		command_kill(cmd);
		return -1;
	}
	return 0;
}

int
command_end(struct command *cmd)
{
	int w = 0;

	while (waitpid(cmd->pid, &w, 0) == -1 && errno == EINTR)
		;
	if (cmd->fd != -1)
		close(cmd->fd);
	*cmd = (struct command){ .fd = -1 };
	return WIFSIGNALED(w) ? 256 - WTERMSIG(w) : WEXITSTATUS(w);
}

void
command_kill(struct command *cmd)
{
	if (cmd->pid == 0)
		return;
	kill(-cmd->pid, SIGTERM);
	kill(-cmd->pid, SIGCONT);
	for (int i = 0; i < 50 && cmd->pid != 0; i++) {
		siginfo_t info = { 0 };

		if (waitid(P_PID, (id_t)cmd->pid, &info,
			WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid != 0)
			break;
		usleep(100000);
	}
	kill(-cmd->pid, SIGKILL);
	command_end(cmd);
}
