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

#include "collect-config/clock.h"
#include "collect-config/detect.h"
#include "collect-config/notify.h"
#include "collect-config/reload.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"

#define FIRST_MS 10000 /* that the first run waits for silent sources */
#define IDLE_MS 60000 /* longest sleep */

/* ---- setting up --------------------------------------------------------- */

static int
open_sources(struct agent *a, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (detect_collectors(a->config, &a->machine, &names, e) == -1)
		return -1;
	a->sources = mem_resize(NULL, names.len + 1, sizeof(*a->sources));
	for (a->n = 0; a->n < names.len; a->n++) {
		const struct source_kind *kind = source_find(names.items[a->n]);

		source_init(&a->sources[a->n], kind, a->config, &a->machine);
		if (kind->settings != NULL &&
		    config_resolve(a->config, kind->name, e) == -1)
			return -1;
	}
	return 0;
}

int
agent_open(struct agent *a, struct config *c, char **argv, struct error *e)
{
	*a = (struct agent){ .config = c,
		.cache.fd = -1,
		.command.fd = -1,
		.signals = -1,
		.started = clock_ms(),
		.argv = argv };
	machine_load(&a->machine, c);
	a->line = config_text(c, "DEFAULT", "command");
	return open_sources(a, e);
}

void
agent_close(struct agent *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->sources[i].call != NULL)
			http_cancel(a->sources[i].call);
	http_loop_free(a->http);
	for (size_t i = 0; i < a->n; i++)
		source_clear(&a->sources[i]);
	free(a->sources);
	machine_clear(&a->machine);
	cache_close(&a->cache);
	if (a->signals != -1)
		close(a->signals);
	strlist_clear(&a->names);
	strlist_clear(&a->pending);
	free(a->program);
	free(a->stamp);
}

/* ---- waiting ------------------------------------------------------------ */

static bool
is_over(const struct source *s)
{
	return s->round != NULL && s->round->result != STEP_ASK;
}

/* Sleep until something happens; what may wait for us is in fds. */
static int
wait_for(
    struct agent *a, struct pollfd *fds, size_t n, int64_t ms, struct error *e)
{
	if (ms < 0)
		ms = 0;
	if (a->http != NULL)
		return http_wait(a->http, fds, n, (int)ms, e);
	if (poll(fds, n, (int)ms) == -1 && errno != EINTR)
		return error_errno(e, "poll");
	return 0;
}

/* One round of every source, to its end. */
static int
ask_all(struct agent *a, struct error *e)
{
	for (size_t i = 0; i < a->n; i++)
		agent_ask(a, &a->sources[i]);
	for (size_t i = 0; i < a->n; i++)
		while (!is_over(&a->sources[i]))
			if (wait_for(a, NULL, 0, 1000, e) == -1)
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
		for (size_t j = 0; r->result == STEP_DONE && j < r->len; j++)
			value_set(d, all, r->outputs[j].name,
			    value_copy(d, r->outputs[j].value));
	}
	value_print(all, STYLE_INDENT, &text);
	strbuf_putc(&text, '\n');
	fwrite(text.s, 1, text.len, stdout);
	return fflush(stdout) == 0 ? 0 : error_errno(e, "standard output");
}

/* ---- the command -------------------------------------------------------- */

static void
run(struct agent *a)
{
	own_free char *files = cache_paths(&a->cache, &a->names, ":");
	struct error e;

	if (cache_backup(&a->cache, &e) == -1)
		log_warn("%s", e.text);
	log_info("running %s", a->line);
	if (command_start(&a->command, a->line, files, &e) == -1) {
		log_warn("%s", e.text);
		a->run_after = clock_ms() + 1000;
		return;
	}
	notify_send("STATUS=running %s", a->line);
	a->wanted = false;
}

static void
commit(struct agent *a)
{
	struct error e;

	for (size_t i = 0; i < a->pending.len; i++)
		if (cache_commit(&a->cache, a->pending.items[i], &e) == -1)
			log_warn("%s", e.text);
	strlist_clear(&a->pending);
	a->run_interval = 0;
}

/* It failed: what is pending stays so, and it is tried again, ever later. */
static void
retry(struct agent *a)
{
	double most = config_number(a->config, "DEFAULT", "polling_interval");
	double least =
	    config_number(a->config, "DEFAULT", "min_polling_interval");

	if (a->once) {
		log_warn("Command failed, will not cache new data. %s: "
			 "exit status %d",
		    a->line, a->status);
		return;
	}
	a->run_interval = a->run_interval == 0 ? least : a->run_interval * 2;
	if (a->run_interval > most)
		a->run_interval = most;
	a->run_after = clock_ms() + (int64_t)(a->run_interval * 1000);
	a->wanted = true;
	log_warn("Command failed, will not cache new data. %s: exit status %d, "
		 "again in %.0f s",
	    a->line, a->status, a->run_interval);
}

static void
command_over(struct agent *a)
{
	double seconds = (double)(clock_ms() - a->command.started) / 1000;

	a->status = command_end(&a->command);
	notify_send("STATUS=");
	if (a->status != 0) {
		retry(a);
		return;
	}
	log_info("%s succeeded in %.1f s", a->line, seconds);
	commit(a);
}

/* ---- once --------------------------------------------------------------- */

static void
take_all(struct agent *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (is_over(&a->sources[i]))
			agent_take(a, &a->sources[i]);
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
	return 0;
}

int
agent_once(struct agent *a, bool force, struct error *e)
{
	a->once = true;
	if (begin(a, e) == -1 || ask_all(a, e) == -1)
		return -1;
	take_all(a);
	if (!a->wanted && !force) {
		log_debug("No changes detected.");
		return 0;
	}
	run(a);
	while (a->command.pid != 0) {
		struct pollfd fd = { .fd = a->command.fd, .events = POLLIN };

		if (poll(&fd, 1, -1) == 1)
			command_over(a);
	}
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
		if (idle && is_over(s))
			agent_take(a, s);
		if (s->round == NULL)
			earlier(&next, s->due);
	}
	if (idle && a->wanted && now >= a->run_after && is_settled(a, now))
		run(a);
	else if (idle && a->wanted)
		earlier(&next,
		    a->run_after > now ? a->run_after : a->started + FIRST_MS);
	if (idle && a->command.pid == 0 && reload_wanted(a))
		a->restarting = true;
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

static int
turn(struct agent *a, struct error *e)
{
	int64_t next = do_due(a), dog = notify_watchdog();
	struct pollfd fds[] = {
		{ .fd = a->signals, .events = POLLIN },
		{ .fd = a->command.fd, .events = POLLIN },
	};

	if (a->restarting && a->command.pid == 0)
		reload_now(a);
	if (dog > 0) {
		notify_send("WATCHDOG=1");
		earlier(&next, clock_ms() + dog);
	}
	if (wait_for(a, fds, a->command.pid != 0 ? 2 : 1, next - clock_ms(),
		e) == -1)
		return -1;
	if (fds[0].revents)
		take_signals(a);
	if (fds[1].revents)
		command_over(a);
	else if (a->command.pid != 0 &&
	    clock_ms() - a->command.started > LIMIT_COMMAND_SECONDS * 1000) {
		log_warn("%s runs for a day: ended", a->line);
		command_kill(&a->command);
		a->status = 256 - SIGKILL;
		retry(a);
	}
	return 0;
}

int
agent_run(struct agent *a, struct error *e)
{
	if (begin(a, e) == -1 || open_signals(a, e) == -1)
		return -1;
	reload_remember(a);
	first_due(a);
	notify_send("READY=1");
	while (!a->stopping)
		if (turn(a, e) == -1)
			return -1;
	notify_send("STOPPING=1");
	command_kill(&a->command);
	return 0;
}
