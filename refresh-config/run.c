/* SPDX-License-Identifier: Apache-2.0 */
/* Phase by phase, hook by hook, until one fails. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "refresh-config/refresh.h"

#define STOPPED_SECONDS 60 /* for each error handler after a SIGTERM */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void
run_init(struct run *r, const struct settings *settings)
{
	struct tm tm;
	size_t n;

	*r = (struct run){
		.settings = settings, .started = time(NULL), .clock = now()
	};
	gmtime_r(&r->started, &tm);
	n = strftime(r->id, sizeof(r->id), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(r->id + n, sizeof(r->id) - n, "-%08x", arc4random());
}

void
run_clear(struct run *r)
{
	for (size_t i = 0; i < r->len; i++) {
		free(r->outcomes[i].name);
		free(r->outcomes[i].phase);
		strbuf_clear(&r->outcomes[i].output);
	}
	free(r->outcomes);
}

static struct outcome *
outcome_new(struct run *r, const char *phase, const char *name)
{
	struct outcome *o;

	r->outcomes =
	    mem_grow(r->outcomes, &r->cap, r->len + 1, sizeof(*r->outcomes));
	o = &r->outcomes[r->len++];
	*o = (struct outcome){ .name = mem_dup(name),
		.phase = mem_dup(phase),
		.started = time(NULL),
		.offset = now() - r->clock };
	return o;
}

static void
on_line(void *ctx, int stream, const char *line, size_t len)
{
	struct outcome *o = ctx;

	(void)stream;
	parts_tail(&o->output, line, len);
	log_output(o->name, line, len);
}

static void
outcome_take(struct outcome *o, const struct proc_status *s)
{
	o->seconds = s->seconds;
	o->cpu = s->cpu;
	o->peak_kib = s->peak_kib;
	o->exited = s->signal == 0;
	o->status = s->code;
	o->signal = s->signal;
	o->timed_out = s->timed_out;
}

/* Seconds that a hook may take: its own limit or the rest of the run's. */
static unsigned
limit(const struct run *r)
{
	const struct settings *s = r->settings;
	double left = s->run_seconds - (now() - r->clock);

	if (s->run_seconds == 0 || left > s->script_seconds)
		return s->script_seconds;
	return left < 1 ? 1 : (unsigned)left;
}

/* One phase being run. */
struct phase {
	struct run *run;
	const char *name;
	char *dir;
	struct strlist scripts, env;
	const volatile sig_atomic_t *stop;
	unsigned seconds; /* for each hook, 0: as usual */
};

static void
phase_clear(struct phase *p)
{
	free(p->dir);
	strlist_clear(&p->scripts);
	strlist_clear(&p->env);
}

static int
run_script(struct phase *p, const char *name, struct error *e)
{
	own_free char *path = path_join(p->dir, name);
	char *argv[] = { path, NULL };
	struct outcome *o = outcome_new(p->run, p->name, name);
	struct proc proc = { .argv = argv,
		.envp = strlist_argv(&p->env),
		.seconds = p->seconds ? p->seconds : limit(p->run),
		.line = on_line,
		.ctx = o,
		.tick = log_tick,
		.stop = p->stop };
	struct proc_status status;

	log_debug("%s: running %s", p->name, path);
	log_status("%s: %s", p->name, name);
	if (proc_run(&proc, &status, e) == -1) {
		parts_tail(&o->output, e->text, strlen(e->text));
		return error_prefix(e, "%s", p->name);
	}
	outcome_take(o, &status);
	if (proc_check(&status, e) == -1)
		return error_prefix(e, "%s: %s", p->name, name);
	log_info("%s: %s done in %.3f s", p->name, name, o->seconds);
	return 0;
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

	for (char **v = environ; *v != NULL; v++)
		strlist_add(env, *v);
	strlist_env_set(env, "INGOT_PHASE", p->name);
	strlist_env_set(env, "INGOT_RUN", r->id);
	strlist_env_set(env, "INGOT_PREVIOUS", report_previous(r->settings));
	strlist_env_set(env, "REFRESH_CONFIG_STATE_DIR", r->settings->state);
}

/* 1 when a fragment ended the phase early. */
static int
phase_source(struct phase *p, struct error *e)
{
	own(strlist_clear) struct strlist start = { 0 };
	own_free char *dir = path_join(p->run->settings->base, "environment.d");
	struct parts_environment source = {
		.dir = dir, .seen = dir, .line = fragment_line
	};
	int r;

	phase_environ(p, &start);
	source.env = strlist_argv(&start);
	r = parts_environment(&source, &p->env, e);
	return r == -1 ? error_prefix(e, "%s", p->name) : r;
}

static int
phase_open(struct phase *p, struct run *r, const char *name, struct error *e)
{
	own_free char *folder = mem_printf("%s.d", name);

	*p = (struct phase){ .run = r,
		.name = name,
		.dir = path_join(r->settings->base, folder),
		.stop = r->stop };
	if (parts_list(p->dir, NULL, &p->scripts, NULL, e) == -1)
		return error_prefix(e, "%s", name);
	return 0;
}

static int
run_phase(struct run *r, const char *name, struct error *e)
{
	own(phase_clear) struct phase p = { 0 };
	int early;

	if (phase_open(&p, r, name, e) == -1)
		return -1;
	if (p.scripts.len == 0) {
		log_debug("%s: nothing to do", name);
		return 0;
	}
	early = phase_source(&p, e);
	if (early != 0)
		return early == -1 ? -1 : 0;
	for (size_t i = 0; i < p.scripts.len; i++)
		if (run_script(&p, p.scripts.items[i], e) == -1)
			return -1;
	return 0;
}

/* Whatever they do, the run has failed already. */
static void
run_error_handlers(struct run *r)
{
	own(phase_clear) struct phase p = { 0 };
	struct error e;
	int failed = phase_open(&p, r, "error", &e);

	p.stop = NULL;
	if (r->stop != NULL && *r->stop)
		p.seconds = STOPPED_SECONDS;
	if (failed == 0 && p.scripts.len > 0)
		failed = phase_source(&p, &e);
	for (size_t i = 0; failed == 0 && i < p.scripts.len; i++)
		failed = run_script(&p, p.scripts.items[i], &e);
	if (failed == -1)
		log_warn("%s", e.text);
}

int
run_all(struct run *r, struct error *e)
{
	const struct strlist *phases = &r->settings->phases;
	int failed = 0;

	for (size_t i = 0; failed == 0 && i < phases->len; i++)
		failed = run_phase(r, phases->items[i], e);
	if (failed == -1) {
		r->failed = true;
		snprintf(r->why, sizeof(r->why), "%s", e->text);
		run_error_handlers(r);
	}
	log_status("%s", "");
	r->seconds = now() - r->clock;
	return failed;
}
