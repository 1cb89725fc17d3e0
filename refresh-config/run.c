/* SPDX-License-Identifier: Apache-2.0 */
/* Phase by phase, hook by hook, until one fails. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cgroup.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "refresh-config/refresh.h"

#define STOPPED_SECONDS 60 /* for each error handler after a SIGTERM */

/* Its order is that of time, so milliseconds are part of it. */
static void
make_id(char *id, size_t size)
{
	struct timespec t;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	n = strftime(id, size, "%Y%m%dT%H%M%S", &tm);
	snprintf(id + n, size - n, ".%03ldZ-%08x", t.tv_nsec / 1000000,
	    arc4random());
}

void
run_init(
    struct run *r, const struct settings *settings, const struct voice *voice)
{
	*r = (struct run){ .settings = settings,
		.voice = voice,
		.previous = report_previous(settings),
		.started = time(NULL),
		.clock = clock_seconds(),
		.cgroup = cgroup_find("refresh-config"),
		.journal = journal_open(settings->root) };
	make_id(r->id, sizeof(r->id));
}

void
run_clear(struct run *r)
{
	for (size_t i = 0; i < r->len; i++) {
		free(r->outcomes[i].name);
		strbuf_clear(&r->outcomes[i].output);
	}
	free(r->outcomes);
	free(r->cgroup);
	free(r->failed_phase);
	free(r->failed_hook);
	if (r->journal != -1)
		close(r->journal);
}

double
run_clock(const struct run *r)
{
	return clock_seconds() - r->clock;
}

/* ---- one phase --------------------------------------------------------- */

static void
phase_clear(struct phase *p)
{
	free(p->dir);
	strlist_clear(&p->scripts);
	strlist_clear(&p->env);
}

static void
phase_init(struct phase *p, struct run *r, const char *name)
{
	own_free char *folder = mem_printf("%s.d", name);

	*p = (struct phase){ .run = r,
		.name = name,
		.dir = path_join(r->settings->base, folder),
		.stop = r->stop };
}

static void
fragment_line(void *ctx, int stream, const char *line, size_t len)
{
	(void)ctx;
	(void)stream;
	log_output("environment.d", line, len);
}

/* What bash starts with: our environment and what a hook may want to know. */
static void
phase_environ(struct phase *p, struct strlist *env)
{
	const struct run *r = p->run;
	own_free char *failed =
	    mem_printf("%s/%s", r->failed_phase != NULL ? r->failed_phase : "",
		r->failed_hook != NULL ? r->failed_hook : "");

	for (char **v = environ; *v != NULL; v++)
		strlist_add(env, *v);
	strlist_env_set(env, "INGOT_PHASE", p->name);
	strlist_env_set(env, "INGOT_RUN", r->id);
	strlist_env_set(env, "INGOT_PREVIOUS", r->previous);
	if (r->failed_phase != NULL)
		strlist_env_set(env, "INGOT_FAILED", failed);
	settings_export(r->settings, env);
}

/* 1 when a fragment ended the phase early. */
static int
phase_source(struct phase *p, struct error *e)
{
	bool faithful = p->run->voice->faithful;
	own(strlist_clear) struct strlist start = { 0 };
	own_free char *dir = faithful
	    ? mem_printf("%s/../environment.d", p->dir)
	    : path_join(p->run->settings->base, "environment.d");
	struct parts_environment source = { .dir = dir,
		.seen = dir,
		.line = fragment_line,
		.stop = p->run->stop,
		.announce = faithful ? "dib-run-parts" : NULL,
		.data = faithful ? proc_pass_on : NULL };
	int r;

	phase_environ(p, &start);
	source.env = strlist_argv(&start);
	r = parts_environment(&source, &p->env, e);
	return r == -1 ? error_prefix(e, "%s", p->name) : r;
}

/*
 * Hooks before the one to start at are left out.  The environment tells each
 * of them anew what the ones before have changed.
 */
static int
phase_run_hooks(struct phase *p, struct error *e)
{
	const char *from = p->run->from_hook;

	for (size_t i = 0; i < p->scripts.len; i++) {
		const char *name = p->scripts.items[i];

		if (from != NULL && parts_compare(name, from) < 0)
			continue;
		changed_export(p->run->settings, &p->env);
		if (hook_run(p, name, e) == -1) {
			p->run->failed_hook = mem_dup(name);
			return -1;
		}
	}
	return 0;
}

/* The exit status that dib-run-parts would have had. */
static int
parts_status(const struct run *r, size_t first, const struct error *e)
{
	const struct outcome *o;

	if (r->len == first)
		return e->code < 0 ? -e->code : 1;
	o = &r->outcomes[r->len - 1];
	if (o->timed_out || (r->stop != NULL && *r->stop))
		return -SIGKILL;
	if (o->signal != 0)
		return 128 + o->signal;
	return o->exited && o->status != 0 ? o->status : 126;
}

/* Source, run: everything of the phase that can fail. */
static int
phase_run(struct phase *p, struct error *e)
{
	size_t first = p->run->len;
	int r = 0;

	if (parts_list(
		p->dir, getenv("RUN_PARTS_REGEX"), &p->scripts, NULL, e) == -1)
		return error_prefix(e, "%s", p->name);
	if (p->scripts.len > 0 || p->run->voice->faithful)
		r = phase_source(p, e);
	if (r == 0)
		r = phase_run_hooks(p, e);
	if (r == -1) {
		p->run->voice->phase_failed(p, parts_status(p->run, first, e));
		return -1;
	}
	p->run->voice->table(p, first);
	p->run->voice->phase_done(p);
	return 0;
}

static int
run_phase(struct run *r, const char *name, struct error *e)
{
	own(phase_clear) struct phase p = { 0 };
	bool there;

	phase_init(&p, r, name);
	there = file_exists(AT_FDCWD, p.dir);
	r->voice->phase(&p, there);
	if (!there || phase_run(&p, e) == 0)
		return 0;
	r->failed_phase = mem_dup(name);
	return -1;
}

/* ---- all phases -------------------------------------------------------- */

static int
phase_run_handlers(struct phase *p, struct error *e)
{
	size_t first = p->run->len;

	if (parts_list(
		p->dir, getenv("RUN_PARTS_REGEX"), &p->scripts, NULL, e) == -1)
		return -1;
	if (p->scripts.len == 0 && !p->run->voice->faithful)
		return 0;
	if (phase_source(p, e) != 0)
		return -1;
	for (size_t i = 0; i < p->scripts.len; i++)
		if (hook_run(p, p->scripts.items[i], e) == -1)
			return -1;
	p->run->voice->table(p, first);
	return 0;
}

/* Whatever they do, the run has failed already. */
static void
run_error_handlers(struct run *r)
{
	own(phase_clear) struct phase p = { 0 };
	bool stopped = r->stop != NULL && *r->stop;
	struct error e = { .text = "ended early" };
	bool there;

	phase_init(&p, r, "error");
	p.stop = NULL;
	p.last = true;
	p.most = stopped ? STOPPED_SECONDS : 0;
	there = file_exists(AT_FDCWD, p.dir);
	r->voice->handlers(&p, there);
	if (there && phase_run_handlers(&p, &e) == -1)
		log_warn("%s", e.text);
}

static int
run_phases(struct run *r, struct error *e)
{
	const struct strlist *phases = &r->settings->phases;
	bool skip = r->from_phase != NULL;

	for (size_t i = 0; i < phases->len; i++) {
		const char *name = phases->items[i];

		if (skip && strcmp(name, r->from_phase) != 0)
			continue;
		if (run_phase(r, name, e) == -1)
			return -1;
		r->from_hook = NULL;
		skip = false;
	}
	return 0;
}

int
run_all(struct run *r, struct error *e)
{
	int failed = changed_absorb(r->settings, e);

	if (failed == 0)
		failed = run_phases(r, e);
	if (failed == -1) {
		r->failed = true;
		snprintf(r->why, sizeof(r->why), "%s", e->text);
		run_error_handlers(r);
		r->voice->aborted(r);
	} else {
		changed_clear(r->settings);
	}
	log_status("%s", "");
	r->seconds = run_clock(r);
	return failed;
}
