/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that render: apply, validate, plan, render. */
#include <errno.h>
#include <stdlib.h>

#include "apply-config/apply.h"
#include "apply-config/generations.h"
#include "apply-config/journal.h"
#include "apply-config/output.h"
#include "apply-config/reads.h"
#include "apply-config/record.h"
#include "apply-config/report.h"
#include "apply-config/session.h"
#include "apply-config/steps.h"
#include "apply-config/talk.h"
#include "apply-config/watch.h"
#include "lib/error.h"
#include "lib/mem.h"

/* All templates, and what is made of them. */
struct run {
	const struct settings *settings;
	const struct value *root;
	int64_t started;
	struct templates templates;
	struct reads *reads;
	struct renderer *renderer;
	struct record *record; /* of the last run, or NULL */
	struct rendered **rendered; /* for each template; NULL: current */
	size_t done; /* that were rendered, not current */
};

#define RUN_NONE \
	{ \
		.templates = {.fd = -1 } \
	}

static void
run_clear(struct run *r)
{
	for (size_t i = 0; r->rendered != NULL && i < r->templates.len; i++)
		rendered_free(r->rendered[i]);
	free(r->rendered);
	record_free(r->record);
	renderer_free(r->renderer);
	reads_free(r->reads);
	templates_clear(&r->templates);
}

static int
run_begin(struct run *r, const struct settings *s, const struct value *root,
    struct error *e)
{
	*r = (struct run)RUN_NONE;
	r->settings = s;
	r->root = root;
	r->started = record_clock();
	if (templates_load(s, &r->templates, e) == -1)
		return -1;
	r->reads = reads_new();
	r->renderer = renderer_new(s, &r->templates, root, r->reads);
	r->rendered = mem_alloc((r->templates.len + 1) * sizeof(*r->rendered));
	return 0;
}

/* In strict rendering, say what is missing, a line each. */
static int
check_missing(const struct renderer *r, struct error *e)
{
	const struct strlist *missing = renderer_missing(r);

	for (size_t i = 0; i < missing->len; i++)
		talk_warn("%s: is missing", missing->items[i]);
	if (missing->len > 0)
		return error_set(e, ENOENT, "names missing: %zu", missing->len);
	return 0;
}

/* Render all but those of which the record says that nothing changed. */
static int
run_render(
    struct run *r, const struct state *st, struct output *o, struct error *e)
{
	if (st != NULL)
		r->record = record_load(
		    r->settings, st, r->root, r->renderer, r->reads);
	for (size_t i = 0; i < r->templates.len; i++) {
		const struct template *t = &r->templates.items[i];

		if (record_is_current(r->record, t, o))
			continue;
		r->done++;
		r->rendered[i] = renderer_run(r->renderer, t, e);
		if (r->rendered[i] == NULL)
			return -1;
	}
	return check_missing(r->renderer, e);
}

/* The older program says so of a text that is to become no file. */
static void
tell_empty(
    const struct run *r, const struct output *o, const struct rendered *one)
{
	own_free char *name = output_name(o, one->template->path);

	if (r->settings->compat && one->body.len == 0 &&
	    !one->control.keep_empty)
		talk_info("not creating empty %s", name);
}

static int
run_plan(struct run *r, struct output *o, struct changes *c, struct error *e)
{
	for (size_t i = 0; i < r->templates.len; i++) {
		struct rendered *one = r->rendered[i];
		size_t before = c->len;

		if (one == NULL)
			continue;
		if (plan_add(o, r->settings, one, c, e) == -1)
			return -1;
		if (c->len == before)
			tell_empty(r, o, one);
	}
	return 0;
}

/* A record that cannot be saved costs time in the next run, no more. */
static void
run_save(const struct run *r, const struct session *s)
{
	const struct record_run run = { .settings = r->settings,
		.old = r->record,
		.templates = &r->templates,
		.rendered = r->rendered,
		.renderer = r->renderer,
		.reads = r->reads,
		.root = r->root,
		.output = s->output,
		.started = r->started };
	struct error ignored;

	if (r->done > 0 || record_length(r->record) != r->templates.len)
		(void)record_save(&run, &s->state, &ignored);
}

static int
run_act(struct run *r, struct session *s, struct error *e)
{
	own(changes_clear) struct changes changes = { 0 };
	own(journal_clear) struct journal j = { 0 };

	if (run_plan(r, s->output, &changes, e) == -1)
		return -1;
	if (changes.len == 0)
		return changed_tell(s->settings, &s->done, e);
	if (generations_next(s->settings, &s->state, &j, e) == -1 ||
	    session_act(s, &changes, &j, e) == -1 ||
	    pending_forget(&s->state, e) == -1)
		return -1;
	if (s->settings->confirm_within > 0)
		return watch_start(s->settings, e);
	return 0;
}

int
step_apply(
    const struct settings *settings, const struct value *root, struct error *e)
{
	own(session_close) struct session s = SESSION_NONE;
	own(run_clear) struct run r = RUN_NONE;

	if (session_open(settings, &s, e) == -1 ||
	    run_begin(&r, settings, root, e) == -1 ||
	    run_render(&r, &s.state, s.output, e) == -1 ||
	    run_act(&r, &s, e) == -1)
		return -1;
	run_save(&r, &s);
	if (settings->compat)
		talk_info("success");
	return 0;
}

int
step_validate(
    const struct settings *settings, const struct value *root, struct error *e)
{
	own(run_clear) struct run r = RUN_NONE;

	if (run_begin(&r, settings, root, e) == -1 ||
	    run_render(&r, NULL, NULL, e) == -1)
		return -1;
	talk_info("success");
	return 0;
}

int
step_plan(const struct settings *settings, const struct value *root,
    enum plan_form form, struct error *e)
{
	own(state_close) struct state st = { .fd = -1, .lock = -1 };
	own(output_closep) struct output *o = NULL;
	own(run_clear) struct run r = RUN_NONE;
	own(changes_clear) struct changes changes = { 0 };
	own(strbuf_clear) struct strbuf b = { 0 };

	if (state_open(settings, &st, e) == -1)
		return -1;
	o = output_open(settings, e);
	if (o == NULL || run_begin(&r, settings, root, e) == -1 ||
	    run_render(&r, &st, o, e) == -1 ||
	    run_plan(&r, o, &changes, e) == -1)
		return -1;
	if (report_add(o, &changes, r.record, root, &settings->secrets, form,
		&b, e) == -1 ||
	    put_out(&b, e) == -1)
		return -1;
	return changes.len > 0;
}

int
step_render(const struct settings *s, const struct value *root,
    const char *path, struct error *e)
{
	ownp(renderer_free) struct renderer *r =
	    renderer_new(s, NULL, root, NULL);
	own(strbuf_clear) struct strbuf text = { 0 };

	if (renderer_text(r, path, &text, e) == -1 || check_missing(r, e) == -1)
		return -1;
	return put_out(&text, e);
}
