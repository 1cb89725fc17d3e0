/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step: found in an earlier build's snapshots, or run, with its output
 * under its name, in a tree that has what it needs, and watched.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/budget.h"
#include "image-build/compat.h"
#include "image-build/filter.h"
#include "image-build/image-build.h"
#include "image-build/snapshot.h"
#include "image-build/watch.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/strbuf.h"

/* ---- programs and what they say ------------------------------------------ */

void
step_speak(void *ctx, int stream, const char *line, size_t len)
{
	struct speaker *s = ctx;

	(void)stream;
	if (memmem(line, len, "IMAGE_BLOCK_DEVICE=", 19) != NULL)
		s->device = true;
	log_output(s->name, line, len);
	parts_tail(s->tail, line, len);
}

/* "what: why; it said last: ..." on one line. */
int
step_failed(const struct speaker *s, const char *element, struct error *e)
{
	own(strbuf_clear) struct strbuf last = { 0 };
	const char *at = strbuf_text(s->tail), *from = at + s->tail->len;
	unsigned lines = 0;

	while (from > at && lines < 4)
		if (*--from == '\n' && from[1] != '\0')
			lines++;
	if (*from == '\n')
		from++;
	for (; *from != '\0'; from++)
		if (*from != '\n')
			strbuf_putc(&last, *from);
		else if (from[1] != '\0')
			strbuf_puts(&last, " | ");
	if (last.len > 600)
		memmove(last.s, last.s + last.len - 600, 601);
	if (last.len > 0) {
		char why[sizeof(e->text)];

		memcpy(why, e->text, sizeof(why));
		error_set(e, e->code, "%s; it said last: %s", why, last.s);
	}
	if (element == NULL)
		return error_prefix(e, "%s", s->name);
	return error_prefix(e, "%s (element %s)", s->name, element);
}

/* A build can do without the filter, which is slower. */
int
step_prepare(void *ctx)
{
	const struct speaker *s = ctx;
	int ns = -1, code = s->jail != NULL ? jail_enter(s->jail, &ns) : 0;

	if (code != 0)
		return code;
	if (s->watch != NULL)
		return watch_prepare(s->watch, ns);
	(void)filter_install(false);
	return 0;
}

static void
ready(void *ctx)
{
	watch_ready(((struct speaker *)ctx)->watch);
}

/*
 * A script of that phase may tell of a device that it made to be the image's
 * disk.  Nothing would be written there, so that is said.
 */
static int
refuse_device(const struct speaker *s, const char *element, struct error *e)
{
	if (strncmp(s->name, "block-device.d/", 15) != 0)
		return 0;
	error_set(e, ENOTSUP,
	    "it makes a device for the image itself "
	    "(IMAGE_BLOCK_DEVICE=): disks are made from the description in "
	    "block-device-default.yaml alone");
	return error_prefix(e, "%s (element %s)", s->name, element);
}

/* Run a program, in the target or on the host. */
static int
run_program(struct build *b, const char *speaker, const char *element,
    char *const *argv, bool jailed, struct error *e)
{
	own(strbuf_clear) struct strbuf tail = { 0 };
	struct speaker sp = { .name = speaker,
		.tail = &tail,
		.watch = b->watch,
		.jail = jailed ? b : NULL };
	struct proc run = { .argv = argv,
		.envp = strlist_argv(&b->phase_env),
		.line = step_speak,
		.ctx = &sp,
		.prepare = step_prepare,
		.tick = log_tick,
		.seconds = budget_left(b, element) };
	struct proc_status status;
	int r;

	if (b->watch != NULL) {
		run.ready = ready;
		run.ready_fd = b->watch->epoll;
	}
	if (jailed && jail_open(b, e) == -1)
		return error_prefix(e, "%s", speaker);
	run.cgroup = b->inner;
	r = proc_run(&run, &status, e);
	if (jailed)
		jail_close(b);
	if (r == -1 || proc_check(&status, e) == -1)
		return step_failed(&sp, element, e);
	return sp.device ? refuse_device(&sp, element, e) : 0;
}

int
step_in_target(
    struct build *b, const char *speaker, char *const *argv, struct error *e)
{
	return run_program(b, speaker, NULL, argv, true, e);
}

static int
run_script(struct build *b, const struct phase *p, const struct step *s,
    const char *speaker, struct error *e)
{
	own_free char *dir =
	    mem_printf("%s/%s.d", p->chroot ? IN_TARGET : b->hooks, p->name);
	own_free char *path = path_join(dir, s->name);
	char *argv[] = { path, NULL };

	return run_program(b, speaker, s->element, argv, p->chroot, e);
}

/* ---- the tree around a step ------------------------------------------------ */

int
step_begin(struct build *b, bool chroot, struct error *e)
{
	if (snapshot_show(b, e) == -1)
		return -1;
	if (b->rooted && !b->entered && enter_mount(b, e) == -1)
		return -1;
	if (snapshot_replay_mounts(b, e) == -1)
		return -1;
	return enter_hooks(b, chroot, e);
}

int
step_end(struct build *b, bool chroot, struct error *e)
{
	enter_end_leftovers();
	return enter_unhook(b, chroot, e);
}

int
step_ask(
    struct build *b, char *const *argv, struct strbuf *out, struct error *e)
{
	char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C";
	char *const env[] = { path, locale, NULL };
	struct speaker sp = { .name = argv[0], .jail = b };
	struct proc run = { .argv = argv,
		.envp = env,
		.out = out,
		.prepare = step_prepare,
		.ctx = &sp };
	struct proc_status status;
	struct error other;
	int r;

	if (step_begin(b, true, e) == -1)
		return -1;
	r = jail_open(b, e);
	if (r == 0) {
		run.cgroup = b->inner;
		r = proc_run(&run, &status, e);
		jail_close(b);
	}
	return step_end(b, true, r == 0 ? e : &other) == -1 ? -1 : r;
}

/* ---- running ------------------------------------------------------------------ */

static int
run(struct build *b, const struct phase *p, const struct step *s,
    const char *speaker, struct error *e)
{
	if (s->native == NULL)
		return run_script(b, p, s, speaker, e);
	if (s->native->run(b, s, e) == -1)
		return error_prefix(e, "%s (element %s)", speaker, s->element);
	return 0;
}

/* Run it watched, and keep what it left as a snapshot. */
static int
run_and_keep(struct build *b, const struct phase *p, const struct step *s,
    const char *speaker, struct error *e)
{
	own(watch_close) struct watch w = { 0 };
	own_free char *hooks = enter_hooks_place(b, p->chroot, e);
	double start = clock_seconds();
	int r;

	if (hooks == NULL || snapshot_expect(b, e) == -1 ||
	    watch_open(&w, b, hooks, p->chroot, e) == -1)
		return -1;
	b->watch = &w;
	r = run(b, p, s, speaker, e);
	b->watch = NULL;
	if (r == -1)
		return -1;
	enter_end_leftovers();
	watch_settle(&w);
	return snapshot_save(b, s, &w, clock_seconds() - start, e);
}

static int
run_step(struct build *b, const struct phase *p, const struct step *s,
    const char *speaker, bool keep, struct error *e)
{
	struct error other;
	int r;

	b->steps_run++;
	if (step_begin(b, p->chroot, e) == -1)
		return error_prefix(e, "%s", speaker);
	r = keep ? run_and_keep(b, p, s, speaker, e) : run(b, p, s, speaker, e);
	if (step_end(b, p->chroot, r == 0 ? e : &other) == -1)
		return -1;
	if (r == 0 && !keep)
		r = snapshot_fold(b, s, true, e);
	return r;
}

/*
 * Whether a step's snapshot can be used.  1: it is, or there is nothing to
 * do; 0: it must run, *keep says whether it makes a snapshot.
 */
static int
find(struct build *b, const struct phase *p, const struct step *s,
    const char *speaker, bool *keep, struct error *e)
{
	own(strbuf_clear) struct strbuf inputs = { 0 };
	own_free char *why = NULL;
	int r;

	*keep = false;
	if (s->native != NULL) {
		if (s->native->inputs == NULL)
			return 0;
		if (s->native->inputs(b, s, &inputs, e) == -1)
			return error_prefix(
			    e, "%s (element %s)", speaker, s->element);
		if (inputs.len == 0)
			return 1;
	}
	if (b->snapshots == NULL)
		return 0;
	*keep = true;
	r = snapshot_find(
	    b, p, s, s->native ? strbuf_text(&inputs) : NULL, &why, e);
	if (r == 1)
		b->steps_found++;
	else if (r == 0 && b->settings->why)
		log_info("%s runs: %s", speaker, why);
	return r;
}

int
step_do(struct build *b, const struct phase *p, const struct step *s,
    struct error *e)
{
	own_free char *speaker = mem_printf("%s.d/%s", p->name, s->name);
	double start = clock_seconds();
	bool keep;
	int r;

	compat_step_begins(b, p, s);
	r = find(b, p, s, speaker, &keep, e);
	if (r == 0) {
		log_status("%s (%s)", speaker, s->element);
		log_debug("%s begins (element %s)", speaker, s->element);
		r = run_step(b, p, s, speaker, keep, e);
	}
	report_step(
	    b->report, p->name, s->name, s->element, clock_seconds() - start);
	if (r == -1 && e->code == ETIMEDOUT)
		return budget_time(b, s, e) == -1 ? -1 : r;
	if (r != -1)
		compat_step_ends(b, s);
	return r == -1 ? -1 : budget_time(b, s, e);
}
