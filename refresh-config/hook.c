/* SPDX-License-Identifier: Apache-2.0 */
/* One hook: its limits, its cgroup, its retries, its output. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/cgroup.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "refresh-config/refresh.h"

#define PAUSE_MAX 30 /* seconds between two attempts */

struct hook {
	struct phase *phase;
	struct outcome *outcome;
	char *path;
	struct header header;
	bool last_moment; /* the run's limit is nearer than the hook's */
};

static struct outcome *
outcome_new(const struct phase *p, const char *name)
{
	struct run *r = p->run;
	struct outcome *o;

	r->outcomes =
	    mem_grow(r->outcomes, &r->cap, r->len + 1, sizeof(*r->outcomes));
	o = &r->outcomes[r->len++];
	*o = (struct outcome){ .name = mem_dup(name),
		.phase = p->name,
		.started = time(NULL),
		.offset = run_clock(r) };
	return o;
}

static void
on_line(void *ctx, int stream, const char *line, size_t len)
{
	struct hook *h = ctx;
	const struct run *r = h->phase->run;

	parts_tail(&h->outcome->output, line, len);
	journal_line(r, h->outcome, stream == 2 ? 5 : 6, line, len);
	r->voice->line(h->outcome, stream, line, len);
}

/* Our own words about the hook stand among its output. */
static void
note(struct hook *h, const char *text)
{
	parts_tail(&h->outcome->output, text, strlen(text));
	journal_line(h->phase->run, h->outcome, 3, text, strlen(text));
}

static void
outcome_add(struct outcome *o, const struct proc_status *s)
{
	o->attempts++;
	o->seconds += s->seconds;
	o->cpu += s->cpu;
	if (s->peak_kib > o->peak_kib)
		o->peak_kib = s->peak_kib;
	o->exited = s->signal == 0;
	o->status = s->code;
	o->signal = s->signal;
	o->timed_out = s->timed_out;
}

/* Seconds that it may take: its own limit or what is left of the run's. */
static int
limit(struct hook *h, unsigned *seconds, struct error *e)
{
	const struct phase *p = h->phase;
	const struct settings *s = p->run->settings;
	double left = s->run_seconds - run_clock(p->run);

	*seconds =
	    settings_limit(s, p->name, h->outcome->name, h->header.seconds);
	if (p->most > 0 && *seconds > p->most)
		*seconds = p->most;
	if (s->run_seconds == 0 || p->last || left > *seconds)
		return 0;
	h->last_moment = true;
	if (left <= 0)
		return error_set(e, ETIMEDOUT,
		    "the run's time limit of %u s is over", s->run_seconds);
	*seconds = (unsigned)ceil(left); /* never less than was promised */
	return 0;
}

static int
check(const struct hook *h, const struct proc_status *status, struct error *e)
{
	const struct settings *s = h->phase->run->settings;

	if (status->timed_out && h->last_moment)
		return error_set(e, ETIMEDOUT,
		    "ended, as the run's time limit of %u s is over",
		    s->run_seconds);
	return proc_check(status, e);
}

static int
attempt(struct hook *h, struct error *e)
{
	struct run *r = h->phase->run;
	own_free char *cgroup =
	    cgroup_make(r->cgroup, "refresh-config", (unsigned)r->len);
	char bash[] = "bash";
	char *argv[] = { h->path, NULL, NULL };
	struct proc proc = { .argv = argv,
		.envp = strlist_argv(&h->phase->env),
		.inherit_input = r->voice->faithful,
		.line = on_line,
		.ctx = h,
		.data = r->voice->faithful ? proc_pass_on : NULL,
		.cgroup = cgroup,
		.tick = log_tick,
		.stop = h->phase->stop };
	struct proc_status status;
	int failed;

	if (h->header.plain) {
		argv[0] = bash;
		argv[1] = h->path;
	}
	if (limit(h, &proc.seconds, e) == -1)
		return -1;
	failed = proc_run(&proc, &status, e);
	cgroup_remove(cgroup);
	if (failed == -1) {
		h->outcome->attempts++;
		return error_prefix(e, "cannot be run");
	}
	outcome_add(h->outcome, &status);
	return check(h, &status, e);
}

static bool
is_stopped(const struct phase *p)
{
	return p->stop != NULL && *p->stop;
}

/* Wait before another attempt; a signal to us cuts it short. */
static void
rest(unsigned attempts)
{
	struct timespec t = { .tv_sec = 1 };

	for (unsigned i = 1; i < attempts && t.tv_sec < PAUSE_MAX; i++)
		t.tv_sec *= 2;
	if (t.tv_sec > PAUSE_MAX)
		t.tv_sec = PAUSE_MAX;
	nanosleep(&t, NULL);
}

static int
attempts(struct hook *h, struct error *e)
{
	for (unsigned n = 1;; n++) {
		if (attempt(h, e) == 0)
			return 0;
		if (n > h->header.retries || is_stopped(h->phase))
			return -1;
		log_warn("%s: %s: %s; will try again", h->phase->name,
		    h->outcome->name, e->text);
		note(h, e->text);
		rest(n);
		if (is_stopped(h->phase))
			return -1;
	}
}

int
hook_run(struct phase *p, const char *name, struct error *e)
{
	own_free char *path = path_join(p->dir, name);
	struct hook h = {
		.phase = p, .path = path, .outcome = outcome_new(p, name)
	};
	struct error unread;
	int r = header_load(path, &h.header, e);

	p->run->voice->hook(p, path);
	if (r == 0)
		r = attempts(&h, e);
	if (r == -1) {
		note(&h, e->text);
		error_prefix(e, "%s: %s", p->name, name);
	}
	if (changed_absorb(p->run->settings, r == -1 ? &unread : e) == -1 &&
	    r == 0)
		r = error_prefix(e, "%s: %s", p->name, name);
	if (r == 0)
		p->run->voice->hook_done(p, h.outcome);
	return r;
}
