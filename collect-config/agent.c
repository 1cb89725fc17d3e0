/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: descriptors, times, and what is done when. */
#include "collect-config/agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "collect-config/chance.h"
#include "collect-config/detect.h"
#include "collect-config/memory.h"
#include "collect-config/notify.h"
#include "collect-config/reload.h"
#include "collect-config/status.h"
#include "collect-config/watch.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"

#define FIRST_MS 10000 /* that the first run waits for silent sources */
#define IDLE_MS 60000 /* longest sleep */
#define TRIM_MS 5000 /* a time that is worth giving memory back */
#define RESTING KIB(4608) /* bytes that may stay in use between rounds */
#define TELL_MS 1000 /* between two writes of the status */
#define SOURCES 48 /* at most */

/* ---- setting up --------------------------------------------------------- */

static int
open_sources(struct agent *a, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (detect_collectors(a->config, &a->machine, &names, e) == -1)
		return -1;
	if (names.len > SOURCES)
		return error_set(e, EINVAL, "more than %d sources", SOURCES);
	a->sources = mem_resize(NULL, names.len + 1, sizeof(*a->sources));
	for (a->n = 0; a->n < names.len; a->n++) {
		const struct source_kind *kind = source_find(names.items[a->n]);

		source_init(&a->sources[a->n], kind, a->config, &a->machine);
		if (config_resolve(a->config, kind->name, e) == -1)
			return -1;
	}
	return config_resolve(a->config, "keystone", e);
}

int
agent_open(struct agent *a, struct config *c, char **argv, struct error *e)
{
	*a = (struct agent){ .config = c,
		.cache.fd = -1,
		.command.fd = -1,
		.signals = -1,
		.watch = -1,
		.started = clock_ms(),
		.active = clock_ms(),
		.argv = argv };
	machine_load(&a->machine, c);
	a->line = config_text(c, "DEFAULT", "command");
	return open_sources(a, e);
}

void
agent_close(struct agent *a)
{
	http_loop_free(a->http);
	for (size_t i = 0; i < a->n; i++)
		source_clear(&a->sources[i]);
	free(a->sources);
	watch_close(a);
	machine_clear(&a->machine);
	cache_close(&a->cache);
	if (a->signals != -1)
		close(a->signals);
	strlist_clear(&a->names);
	strlist_clear(&a->pending);
	free(a->token);
	free(a->program);
	free(a->stamp);
}

/* ---- waiting ------------------------------------------------------------ */

static void
take_signals(struct agent *a)
{
	struct signalfd_siginfo info;

	while (read(a->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			log_info("told to start anew");
			a->restarting = true;
		} else {
			a->stopping = true;
		}
	}
}

/* What an agent waits for besides its requests. */
enum {
	FD_SIGNALS,
	FD_WATCH,
	FD_COMMAND,
	FD_SOURCES
};

/* Wait at most ms milliseconds, and see to what happened. */
static int
wait_for(struct agent *a, int64_t ms, struct error *e)
{
	struct pollfd fds[FD_SOURCES + SOURCES] = {
		[FD_SIGNALS] = { .fd = a->signals, .events = POLLIN },
		[FD_WATCH] = { .fd = a->watch, .events = POLLIN },
		[FD_COMMAND] = { .fd = a->command.fd, .events = POLLIN },
	};
	size_t n = FD_SOURCES + a->n;

	for (size_t i = 0; i < a->n; i++)
		fds[FD_SOURCES + i] =
		    (struct pollfd){ .fd = a->sources[i].child.fd,
			    .events = POLLIN };
	if (ms < 0)
		ms = 0;
	if (a->http != NULL && http_wait(a->http, fds, n, (int)ms, e) == -1)
		return -1;
	if (a->http == NULL && poll(fds, n, (int)ms) == -1 && errno != EINTR)
		return error_errno(e, "poll");
	if (fds[FD_SIGNALS].revents)
		take_signals(a);
	if (fds[FD_WATCH].revents)
		watch_read(a);
	if (fds[FD_COMMAND].revents)
		agent_command_over(a);
	for (size_t i = 0; i < a->n; i++) {
		if (fds[FD_SOURCES + i].revents)
			agent_child_over(a, &a->sources[i]);
		agent_child_limit(&a->sources[i]);
	}
	agent_command_limit(a);
	return 0;
}

/* One round of every source, to its end. */
static int
ask_all(struct agent *a, struct error *e)
{
	for (size_t i = 0; i < a->n; i++)
		agent_ask(a, &a->sources[i]);
	for (size_t i = 0; i < a->n; i++)
		while (!agent_is_over(&a->sources[i]))
			if (wait_for(a, 1000, e) == -1)
				return -1;
	return 0;
}

/* ---- print -------------------------------------------------------------- */

int
agent_print(struct agent *a, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *all = value_map(d);

	if (ask_all(a, e) == -1)
		return -1;
	for (size_t i = 0; i < a->n; i++) {
		const struct round *r = a->sources[i].round;

		if (r->result == STEP_FAILED)
			log_warn("Source [%s] Unavailable. %s",
			    a->sources[i].kind->name, r->error.text);
		if (r->result != STEP_DONE && r->result != STEP_STORE)
			continue;
		for (size_t j = 0; j < r->len; j++)
			value_set(d, all, r->outputs[j].name,
			    value_copy(d, r->outputs[j].value));
	}
	value_print(all, STYLE_INDENT, &text);
	strbuf_putc(&text, '\n');
	fwrite(text.s, 1, text.len, stdout);
	return fflush(stdout) == 0 ? 0 : error_errno(e, "standard output");
}

/* ---- once --------------------------------------------------------------- */

/* Take what is over; returns whether a round goes on nevertheless. */
static bool
take_all(struct agent *a)
{
	bool more = false;

	for (size_t i = 0; i < a->n; i++) {
		struct source *s = &a->sources[i];

		if (agent_is_over(s))
			agent_take(a, s);
		more |= s->round != NULL;
	}
	return more;
}

static int
begin(struct agent *a, struct error *e)
{
	signal(SIGPIPE, SIG_IGN);
	if (cache_open(&a->cache, a->config, e) == -1)
		return -1;
	for (size_t i = 0; i < a->n; i++)
		agent_recall(a, &a->sources[i]);
	agent_names(a, &a->names);
	status_recall(a);
	return 0;
}

int
agent_once(struct agent *a, bool force, struct error *e)
{
	a->once = true;
	if (begin(a, e) == -1 || ask_all(a, e) == -1)
		return -1;
	while (take_all(a))
		if (wait_for(a, 1000, e) == -1)
			return -1;
	if (!a->wanted && !force) {
		log_debug("No changes detected.");
		status_write(a);
		return 0;
	}
	agent_command(a);
	while (a->command.pid != 0)
		if (wait_for(a, IDLE_MS, e) == -1)
			return -1;
	status_write(a);
	return 0;
}

/* ---- for ever ----------------------------------------------------------- */

static int
open_signals(struct agent *a, struct error *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return a->signals == -1 ? error_errno(e, "signalfd") : 0;
}

/* Whether every source has said something or had its time. */
static bool
is_settled(const struct agent *a, int64_t now)
{
	if (now - a->started >= FIRST_MS)
		return true;
	for (size_t i = 0; i < a->n; i++)
		if (!a->sources[i].known && !a->sources[i].asked)
			return false;
	return true;
}

static void
earlier(int64_t *when, int64_t other)
{
	if (other < *when)
		*when = other;
}

/* Do what is due; returns when the next thing will be. */
static int64_t
do_due(struct agent *a)
{
	int64_t now = clock_ms(), next = now + IDLE_MS;
	bool idle = a->command.pid == 0;

	for (size_t i = 0; i < a->n; i++) {
		struct source *s = &a->sources[i];

		if (s->round == NULL && now >= s->due)
			agent_ask(a, s);
		if (idle && agent_is_over(s))
			agent_take(a, s);
		if (s->round == NULL)
			earlier(&next, s->due);
		else if (now < s->begun + TRIM_MS)
			earlier(&next, s->begun + TRIM_MS);
	}
	if (idle && a->wanted && now >= a->run_after && is_settled(a, now))
		agent_command(a);
	else if (idle && a->wanted)
		earlier(&next,
		    a->run_after > now ? a->run_after : a->started + FIRST_MS);
	return next;
}

static void
first_due(struct agent *a)
{
	double splay = config_number(a->config, "DEFAULT", "splay");
	int64_t wait = splay >= 1 ? (int64_t)(chance() * splay) * 1000 : 0;

	for (size_t i = 0; i < a->n; i++)
		a->sources[i].due = a->started + wait;
	a->started += wait;
}

/* Whether an answer may come soon; one that is waited for takes longer. */
static bool
is_asking(const struct agent *a, int64_t now)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->sources[i].round != NULL &&
		    now < a->sources[i].begun + TRIM_MS)
			return true;
	return false;
}

/*
 * All that the start or a command took, before a long sleep or, if rounds
 * follow one another too fast for one, after a while.  What a round took,
 * before a long sleep, if that is much, and only the largest libraries: to
 * give everything back each time would double what a round costs.
 */
static void
trim(struct agent *a, int64_t sleep_ms)
{
	int64_t now = clock_ms(),
		quiet = a->trimmed == TRIM_NONE ? now - a->active : 0;

	if (a->trimmed == TRIM_ALL || is_asking(a, now) ||
	    (sleep_ms < TRIM_MS && quiet < TRIM_MS))
		return;
	if (a->trimmed == TRIM_NONE)
		memory_trim(0);
	else if (memory_resident() > RESTING)
		memory_trim(MIB(1));
	a->trimmed = TRIM_ALL;
}

/*
 * When something happened, but not more often than once a second: say so in
 * the status, and see whether our own files are still the same.
 */
static void
look_after(struct agent *a, int64_t *next)
{
	int64_t now = clock_ms();

	if (a->told)
		return;
	if (now < a->told_at + TELL_MS) {
		earlier(next, a->told_at + TELL_MS);
		return;
	}
	a->told_at = now;
	status_write(a);
	if (a->command.pid == 0 && reload_wanted(a))
		a->restarting = true;
}

/* Whether a program of ours runs, which another of us would not know. */
static bool
is_parent(const struct agent *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->sources[i].child.pid != 0)
			return true;
	return a->command.pid != 0;
}

static int
turn(struct agent *a, struct error *e)
{
	int64_t next = do_due(a), dog = notify_watchdog();

	look_after(a, &next);
	if (a->restarting && !is_parent(a))
		reload_now(a);
	if (dog > 0) {
		notify_send("WATCHDOG=1");
		earlier(&next, clock_ms() + dog);
	}
	trim(a, next - clock_ms());
	return wait_for(a, next - clock_ms(), e);
}

int
agent_run(struct agent *a, struct error *e)
{
	if (begin(a, e) == -1 || open_signals(a, e) == -1)
		return -1;
	watch_open(a);
	reload_remember(a);
	first_due(a);
	notify_send("READY=1");
	while (!a->stopping)
		if (turn(a, e) == -1)
			return -1;
	notify_send("STOPPING=1");
	child_kill(&a->command);
	return 0;
}
