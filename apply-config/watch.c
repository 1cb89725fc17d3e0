/* SPDX-License-Identifier: Apache-2.0 */
/* Sleep, look, go back. */
#include "apply-config/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/generations.h"
#include "apply-config/state.h"
#include "apply-config/steps.h"
#include "lib/error.h"
#include "lib/own.h"

#define BUSY_SECONDS 1 /* between tries to get at the lock */

/* 1 and the deadline while a confirmation is missing; 0; -1. */
static int
look(const struct settings *s, struct pending *p, struct error *e)
{
	own(state_close) struct state st;

	if (state_open(s, &st, e) == -1)
		return -1;
	return pending_read(&st, p, e);
}

/*
 * Sleep until then, or until a file of the state comes or goes: what was
 * waited for may be confirmed, or have a new deadline.
 */
static int
sleep_until(const struct settings *s, uint64_t deadline, struct error *e)
{
	const struct itimerspec t = {
		.it_value = { .tv_sec = (time_t)(deadline / 1000),
		    .tv_nsec = (long)(deadline % 1000) * 1000000 },
	};
	own(state_close) struct state st = { .fd = -1, .lock = -1 };
	own_fd int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	own_fd int watch = inotify_init1(IN_CLOEXEC);
	struct pollfd fds[2] = {
		{ .fd = timer, .events = POLLIN },
		{ .fd = watch, .events = POLLIN },
	};
	struct pending p;
	int r;

	if (state_open(s, &st, e) == -1)
		return -1;
	if (st.fd == -1)
		return 0; /* somebody took it all away */
	if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, NULL) == -1 ||
	    inotify_add_watch(watch, st.path,
		IN_DELETE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF) == -1)
		return error_errno(e, "%s", st.path);
	/* What happened before we watched is not told. */
	r = pending_read(&st, &p, e);
	if (r != 1 || p.deadline != deadline)
		return r == -1 ? -1 : 0;
	if (poll(fds, 2, -1) == -1 && errno != EINTR)
		return error_errno(e, "poll");
	return 0;
}

/*
 * While nobody else is at work, go back when it is time to.  What is to be
 * confirmed may meanwhile be another set, with a time of its own.
 */
static int
wait_for_it(const struct settings *s, struct error *e)
{
	struct pending p;
	int r;

	while ((r = look(s, &p, e)) == 1) {
		r = p.due ? step_return(s, e) : sleep_until(s, p.deadline, e);
		if (r == -1 && (!p.due || e->code != EAGAIN))
			return -1;
		if (r == -1)
			sleep(BUSY_SECONDS);
	}
	return r;
}

/* Of all that the parent had open only the root stays. */
static void
let_go(const struct settings *s)
{
	int root = s->root, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	for (int i = 0; i < 3; i++)
		(void)dup2(null, i);
	if (root < 3) {
		(void)syscall(SYS_close_range, 3U, ~0U, 0U);
		return;
	}
	if (root > 3)
		(void)syscall(SYS_close_range, 3U, (unsigned)root - 1, 0U);
	(void)syscall(SYS_close_range, (unsigned)root + 1, ~0U, 0U);
}

static void __attribute__((noreturn)) watcher(const struct settings *s)
{
	struct error e;

	let_go(s);
	for (int i = 1; i < 32; i++)
		if (i != SIGKILL && i != SIGSTOP)
			signal(i, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	openlog("apply-config", 0, LOG_DAEMON);
	if (wait_for_it(s, &e) == -1) {
		syslog(LOG_ERR, "going back failed: %s", e.text);
		_exit(1);
	}
	_exit(0);
}

int
watch_start(const struct settings *s, struct error *e)
{
	pid_t pid = fork();

	if (pid == -1)
		return error_errno(e, "fork");
	if (pid == 0)
		watcher(s);
	return 0;
}
