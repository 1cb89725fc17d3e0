/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A phase: its environment.d sourced once, then its steps in order, each
 * script in one fork, with its output under its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define IN_TARGET "/tmp/in_target.d"

const struct phase phases[] = {
	{ "root", false },
	{ "extra-data", false },
	{ "pre-install", true },
	{ "install", true },
	{ "post-install", true },
	{ "post-root", false },
	{ "pre-finalise", false },
	{ "finalise", true },
	{ "cleanup", false },
	{ NULL, false },
};

/* ---- the list ---------------------------------------------------------- */

static void
add(struct steps *steps, const char *phase, const char *name,
    const char *element, const struct native_step *native)
{
	steps->items = mem_grow(
	    steps->items, &steps->cap, steps->len + 1, sizeof(*steps->items));
	steps->items[steps->len++] = (struct step){ .phase = phase,
		.name = mem_dup(name),
		.element = mem_dup(element),
		.native = native };
}

static void
add_native(const struct element *el, const struct phase *p, struct steps *steps)
{
	if (el->builtin == NULL || el->builtin->steps == NULL)
		return;
	for (const struct native_step *n = el->builtin->steps; n->name != NULL;
	     n++)
		if (strcmp(n->phase, p->name) == 0)
			add(steps, p->name, n->name, el->name, n);
}

static int
compare(const void *a, const void *b)
{
	return parts_compare(
	    ((const struct step *)a)->name, ((const struct step *)b)->name);
}

int
steps_list(const struct build *b, const struct phase *p, struct steps *steps,
    struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 }, ignored = { 0 };
	own_free char *folder = mem_printf("%s.d", p->name);
	own_free char *dir = path_join(b->hooks, folder);

	if (parts_list(dir, getenv("RUN_PARTS_REGEX"), &names, &ignored, e) ==
	    -1)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		add(steps, p->name, names.items[i],
		    hooks_origin(b, folder, names.items[i]), NULL);
	for (size_t i = 0; i < ignored.len; i++)
		log_debug("%s/%s is no script (name or mode), passed over",
		    folder, ignored.items[i]);
	for (size_t i = 0; i < b->nchosen; i++)
		add_native(b->chosen[i], p, steps);
	if (steps->len > 1)
		qsort(steps->items, steps->len, sizeof(*steps->items), compare);
	return 0;
}

void
steps_clear(struct steps *steps)
{
	for (size_t i = 0; i < steps->len; i++) {
		free(steps->items[i].name);
		free(steps->items[i].element);
	}
	free(steps->items);
	*steps = (struct steps){ 0 };
}

/* ---- running ----------------------------------------------------------- */

struct speaker {
	const char *name;
	struct strbuf tail; /* its last lines, for the error */
};

static void
speak(void *ctx, int stream, const char *line, size_t len)
{
	struct speaker *s = ctx;

	(void)stream;
	log_output(s->name, line, len);
	parts_tail(&s->tail, line, len);
}

/* "what: why; it said last: ..." on one line.  element may be NULL. */
static int
failed(const struct speaker *s, const char *element, struct error *e)
{
	own(strbuf_clear) struct strbuf last = { 0 };
	const char *at = strbuf_text(&s->tail), *from = at + s->tail.len;
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

static int
run_script(struct build *b, const struct phase *p, const struct step *s,
    const char *speaker, struct error *e)
{
	own_free char *dir =
	    mem_printf("%s/%s.d", p->chroot ? IN_TARGET : b->hooks, p->name);
	own_free char *path = path_join(dir, s->name);
	char *argv[] = { path, NULL };
	struct speaker sp = { .name = speaker };
	const struct proc run = { .argv = argv,
		.envp = strlist_argv(&b->phase_env),
		.root = p->chroot ? b->tree : NULL,
		.line = speak,
		.ctx = &sp,
		.tick = log_tick,
		.seconds = LIMIT_BUILD_SECONDS };
	struct proc_status status;
	int r;

	r = proc_run(&run, &status, e);
	if (r == 0)
		r = proc_check(&status, e);
	if (r == -1)
		failed(&sp, s->element, e);
	strbuf_clear(&sp.tail);
	return r;
}

static int
run_step(struct build *b, const struct phase *p, const struct step *s,
    struct error *e)
{
	own_free char *speaker = mem_printf("%s.d/%s", p->name, s->name);
	double start = report_clock();
	int r;

	log_status("%s (%s)", speaker, s->element);
	log_debug("%s begins (element %s)", speaker, s->element);
	if (s->native != NULL) {
		r = s->native->run(b, s, e);
		if (r == -1)
			error_prefix(e, "%s (element %s)", speaker, s->element);
	} else {
		r = run_script(b, p, s, speaker, e);
	}
	report_step(
	    b->report, p->name, s->name, s->element, report_clock() - start);
	return r;
}

/* Source environment.d for this phase, on the host or in the target. */
static int
phase_environment(struct build *b, const struct phase *p, struct error *e)
{
	own(strlist_clear) struct strlist start = { 0 };
	own_free char *speaker = mem_printf("%s.d/environment.d", p->name);
	own_free char *dir = path_join(b->hooks, "environment.d");
	struct speaker sp = { .name = speaker };
	struct parts_environment job = { .dir = dir,
		.seen = p->chroot ? IN_TARGET "/environment.d" : dir,
		.root = p->chroot ? b->tree : NULL,
		.trace = b->settings->trace > 0,
		.line = speak,
		.ctx = &sp };
	int r;

	strlist_clear(&b->phase_env);
	if (p->chroot)
		environment_chroot(&b->env, &start);
	else
		strlist_add_all(&start, &b->env);
	job.env = strlist_argv(&start);
	r = parts_environment(&job, &b->phase_env, e);
	if (r == -1)
		failed(&sp, "its environment.d", e);
	strbuf_clear(&sp.tail);
	return r;
}

static int
run_all(struct build *b, const struct phase *p, struct error *e)
{
	own(steps_clear) struct steps steps = { 0 };
	int r;

	if (steps_list(b, p, &steps, e) == -1)
		return -1;
	if (steps.len == 0)
		return 0;
	log_info("phase %s: %zu steps", p->name, steps.len);
	r = phase_environment(b, p, e);
	if (r == -1)
		return -1;
	if (r == 1) {
		log_warn("phase %s: its environment.d ended it", p->name);
		return 0;
	}
	for (size_t i = 0; i < steps.len; i++)
		if (run_step(b, p, &steps.items[i], e) == -1)
			return -1;
	return 0;
}

int
steps_run(struct build *b, const struct phase *p, struct error *e)
{
	int r;

	if (p->chroot && enter_hooks(b, e) == -1)
		return error_prefix(e, "phase %s", p->name);
	r = run_all(b, p, e);
	if (p->chroot) {
		struct error ignored;

		if (enter_unhook(b, r == 0 ? e : &ignored) == -1)
			r = -1;
	}
	log_status("%s", "");
	return r;
}

int
steps_in_target(
    struct build *b, const char *speaker, char *const *argv, struct error *e)
{
	struct speaker sp = { .name = speaker };
	const struct proc run = { .argv = argv,
		.envp = strlist_argv(&b->phase_env),
		.root = b->tree,
		.line = speak,
		.ctx = &sp,
		.tick = log_tick,
		.seconds = LIMIT_BUILD_SECONDS };
	struct proc_status status;
	int r;

	r = proc_run(&run, &status, e);
	if (r == 0 && proc_check(&status, e) == -1)
		r = failed(&sp, NULL, e);
	strbuf_clear(&sp.tail);
	return r;
}
