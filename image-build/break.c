/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Break points: the variable break names points of the build, commas between;
 * there a shell is started, or the command that break_cmd has.  What it does
 * to the tree belongs to no step, so such a build has no snapshots.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image-build/compat.h"
#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"

extern char **environ;

bool
break_wanted(void)
{
	const char *v = getenv("break");

	return v != NULL && *v != '\0';
}

static bool
is_named(const char *point)
{
	own(strlist_clear) struct strlist points = { 0 };
	const char *v = getenv("break");

	strlist_split(&points, v != NULL ? v : "", ",");
	return strlist_has(&points, point);
}

/* The program, from here on with our terminal; never returns. */
static void
become(const struct build *b, const char *command, bool chrooted)
{
	own(strlist_clear) struct strlist env = { 0 };
	const char *argv[] = { "bash", command != NULL ? "-c" : NULL, command,
		NULL };

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (chrooted) {
		environment_chroot(&b->env, &env);
		if (chroot(b->tree) == -1 || chdir("/") == -1)
			_exit(126);
	} else {
		strlist_add_all(&env, &b->env);
	}
	environ = (char **)(uintptr_t)strlist_argv(&env);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/*
 * Not by lib/proc: a shell for people wants the terminal and as much time as
 * they take.
 */
static int
run_shell(
    const struct build *b, const char *command, bool chrooted, struct error *e)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		return error_errno(e, "fork");
	if (pid == 0)
		become(b, command, chrooted);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return error_errno(e, "wait");
	if (status != 0)
		log_warn("the shell ended with status %d",
		    WIFEXITED(status) ? WEXITSTATUS(status)
				      : 128 + WTERMSIG(status));
	return 0;
}

/* In a tree with its mounts, as a step would find it. */
static int
stop_at(struct build *b, const char *point, const char *command, bool mounted,
    bool chrooted, struct error *e)
{
	struct error other;
	int r;

	if (!is_named(point))
		return 0;
	log_info("Starting debug shell. Exit to resume building.");
	log_info("At stage %s", point);
	if (step_begin(b, mounted, e) == -1)
		return -1;
	r = run_shell(b, command, chrooted, e);
	if (step_end(b, mounted, r == 0 ? e : &other) == -1)
		return -1;
	if (r == 0)
		log_info("Resuming");
	return r;
}

static const char *
given_command(void)
{
	const char *v = getenv("break_cmd");

	return v != NULL && *v != '\0' ? v : NULL;
}

int
break_before(struct build *b, const struct phase *p, struct error *e)
{
	own_free char *point = mem_printf("before-%s", p->name);

	return stop_at(b, point, p->chroot ? NULL : given_command(), p->chroot,
	    p->chroot, e);
}

int
break_after(struct build *b, const struct phase *p, struct error *e)
{
	own_free char *point = mem_printf("after-%s", p->name);

	return stop_at(b, point, NULL, p->chroot, p->chroot, e);
}

void
break_after_error(struct build *b, const struct phase *p)
{
	const char *outside = getenv("break_outside_target");
	bool out = outside != NULL && *outside != '\0';
	struct error e;

	if (stop_at(b, "after-error", given_command(), p->chroot,
		p->chroot && !out, &e) == -1)
		log_warn("after-error: %s", e.text);
}
