/* SPDX-License-Identifier: Apache-2.0 */
/* A send-signals that works beside us, so that nobody waits for a network. */
#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/log.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "refresh-config/deploy.h"
#include "refresh-config/refresh.h"

void
sender_start(struct sender *s)
{
	own_free char *outbox = settings_state(s->settings, "outbox");
	own(strlist_clear) struct strlist argv = { 0 };
	int code;

	if (s->pid != 0 && waitpid(s->pid, NULL, WNOHANG) == 0)
		return; /* it is at work, and looks again */
	strlist_add(&argv, "send-signals");
	strlist_add(&argv, "--quiet");
	strlist_printf(&argv, "--seconds=%u", s->settings->send_seconds);
	strlist_printf(&argv, "--outbox=%s", outbox);
	code = posix_spawnp(
	    &s->pid, argv.items[0], NULL, NULL, strlist_argv(&argv), environ);
	if (code == 0)
		return;
	s->pid = 0;
	log_warn("send-signals: %s; what is to be sent waits in %s",
	    strerror(code), outbox);
}

/* Its exit status, or -1. */
static int
wait_for(pid_t pid)
{
	int w;

	while (waitpid(pid, &w, 0) == -1)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(w) ? WEXITSTATUS(w) : -1;
}

static bool
is_empty(const struct settings *s)
{
	own_free char *outbox = settings_state(s, "outbox");
	own(strlist_clear) struct strlist names = { 0 };
	struct error unread;

	return outbox_list(outbox, &names, &unread) == -1 || names.len == 0;
}

void
sender_wait(struct sender *s)
{
	pid_t pid = s->pid;

	s->pid = 0;
	if (pid == 0 || wait_for(pid) != DONE || is_empty(s->settings))
		return;
	/* It left with all done, just as the last message came. */
	sender_start(s);
	if (s->pid != 0)
		wait_for(s->pid);
	s->pid = 0;
}
