/* SPDX-License-Identifier: Apache-2.0 */
/* Load, plan, act; and the ways back. */
#include "apply-config/steps.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/changed.h"
#include "apply-config/generations.h"
#include "apply-config/journal.h"
#include "apply-config/output.h"
#include "apply-config/publish.h"
#include "apply-config/state.h"
#include "apply-config/talk.h"
#include "apply-config/watch.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"

/* What a step that writes holds on to. */
struct session {
	const struct settings *settings;
	struct state state;
	struct output *output;
	struct changed done;
};

static void
session_close(struct session *s)
{
	changed_clear(&s->done);
	output_close(s->output);
	state_close(&s->state);
}

static int
put_out(const struct strbuf *b, struct error *e)
{
	if (file_write_all(STDOUT_FILENO, strbuf_text(b), b->len) == -1)
		return error_errno(e, "standard output");
	return 0;
}

/* ---- acting ---------------------------------------------------------------- */

static void
tell_changes(const struct output *o, const struct changes *c)
{
	for (size_t i = 0; i < c->len; i++) {
		own_free char *name = output_name(o, c->items[i].path);

		talk_info("%s %s",
		    c->items[i].kind == CHANGE_DELETE ? "deleting" : "writing",
		    name);
	}
}

/* Carry changes out as a new generation. */
static int
act(struct session *s, const struct changes *c, struct journal *j,
    struct error *e)
{
	tell_changes(s->output, c);
	if (publish(s->settings, s->output, &s->state, c, j, &s->done, e) == -1)
		return -1;
	return generations_prune(s->settings, &s->state, e);
}

/* Go back, which ends any wait for a confirmation. */
static int
go_back(struct session *s, uint64_t to, struct error *e)
{
	own(way_back_clear) struct way_back way = { 0 };
	own(changes_clear) struct changes changes = { 0 };
	own(journal_clear) struct journal j = { 0 };

	if (generations_back(&s->state, s->output, to, &way, &changes, e) ==
		-1 ||
	    generations_next(s->settings, &s->state, &j, e) == -1)
		return -1;
	j.deadline = 0;
	if (changes.len > 0 && act(s, &changes, &j, e) == -1)
		return -1;
	for (size_t i = 0; i < way.len; i++)
		journal_tidy(&way.journals[i], s->output);
	return pending_remove(&s->state, e);
}

/* What earlier runs left: unfinished, or not confirmed in time. */
static int
catch_up(struct session *s, struct error *e)
{
	struct pending p;
	int r = publish_recover(s->settings, s->output, &s->state, &s->done, e);

	if (r == 1)
		talk_warn("an earlier run was interrupted; it was dealt with");
	if (r != -1)
		r = pending_read(&s->state, &p, e);
	if (r != 1 || !p.due)
		return r == -1 ? -1 : 0;
	talk_warn("not confirmed in time: going back to generation %llu",
	    (unsigned long long)p.base);
	return go_back(s, p.base, e);
}

/* Begin to write: take the lock, and catch up. */
static int
session_open(
    const struct settings *settings, struct session *s, struct error *e)
{
	*s = (struct session){ .settings = settings,
		.state = { .fd = -1, .lock = -1 } };
	if (state_lock(settings, &s->state, e) == -1)
		return -1;
	s->output = output_open(settings, e);
	if (s->output == NULL)
		return -1;
	return catch_up(s, e);
}

/* ---- apply ------------------------------------------------------------------- */

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

static int
render_all(struct renderer *r, const struct templates *t,
    struct rendered *rendered, struct error *e)
{
	for (size_t i = 0; i < t->len; i++)
		if (renderer_run(r, &t->items[i], &rendered[i], e) == -1)
			return -1;
	return check_missing(r, e);
}

static int
plan_and_act(
    struct session *s, struct rendered *rendered, size_t n, struct error *e)
{
	own(changes_clear) struct changes changes = { 0 };
	own(journal_clear) struct journal j = { 0 };

	for (size_t i = 0; i < n; i++)
		if (plan_add(s->output, s->settings, &rendered[i], &changes,
			e) == -1)
			return -1;
	if (changes.len == 0)
		return changed_tell(s->settings, &s->done, e);
	if (generations_next(s->settings, &s->state, &j, e) == -1 ||
	    act(s, &changes, &j, e) == -1)
		return -1;
	if (s->settings->confirm_within > 0)
		return watch_start(s->settings, e);
	return 0;
}

static void
rendered_free(struct rendered *rendered, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rendered_clear(&rendered[i]);
	free(rendered);
}

int
step_apply(const struct settings *settings, const struct value *root,
    bool validate, struct error *e)
{
	own(session_close) struct session s = {
		.state = { .fd = -1, .lock = -1 },
	};
	own(templates_clear) struct templates t = { .fd = -1 };
	ownp(renderer_free) struct renderer *r = NULL;
	struct rendered *rendered;
	int result;

	if (!validate && session_open(settings, &s, e) == -1)
		return -1;
	if (templates_load(settings, &t, e) == -1)
		return -1;
	r = renderer_new(settings, &t, root);
	rendered = mem_alloc((t.len + 1) * sizeof(*rendered));
	result = render_all(r, &t, rendered, e);
	if (result == 0 && !validate)
		result = plan_and_act(&s, rendered, t.len, e);
	rendered_free(rendered, t.len);
	if (result == 0 && (settings->compat || validate))
		talk_info("success");
	return result;
}

int
step_render(const struct settings *s, const struct value *root,
    const char *path, struct error *e)
{
	ownp(renderer_free) struct renderer *r = renderer_new(s, NULL, root);
	own(strbuf_clear) struct strbuf text = { 0 };

	if (renderer_text(r, path, &text, e) == -1 || check_missing(r, e) == -1)
		return -1;
	return put_out(&text, e);
}

/* ---- ways back ---------------------------------------------------------------- */

static int
recover_one(const struct settings *settings, struct error *e)
{
	own(session_close) struct session s = {
		.state = { .fd = -1, .lock = -1 },
	};
	struct pending p;
	int r;

	if (state_open(settings, &s.state, e) == -1)
		return -1;
	if (s.state.fd == -1)
		return 0;
	state_close(&s.state);
	if (session_open(settings, &s, e) == -1 ||
	    changed_tell(settings, &s.done, e) == -1)
		return -1;
	/* Whoever waited for the confirmation may be gone: wait again. */
	r = pending_read(&s.state, &p, e);
	return r == 1 ? watch_start(settings, e) : r;
}

int
step_recover(const struct settings *s, bool all, struct error *e)
{
	own(strlist_clear) struct strlist outputs = { 0 };
	int result = 0;

	if (!all)
		return recover_one(s, e);
	if (state_outputs(s, &outputs, e) == -1)
		return -1;
	for (size_t i = 0; i < outputs.len; i++) {
		struct settings one = *s;
		struct error why;

		one.output = outputs.items[i];
		if (recover_one(&one, &why) == 0)
			continue;
		if (result == -1)
			talk_error(e);
		*e = why;
		result = error_prefix(e, "%s", one.output);
	}
	return result;
}

int
step_rollback(const struct settings *settings, uint64_t to, struct error *e)
{
	own(session_close) struct session s;
	own(generations_clear) struct generations g = { 0 };

	if (session_open(settings, &s, e) == -1 ||
	    generations_list(&s.state, &g, e) == -1)
		return -1;
	if (g.len == 0)
		return error_set(e, ENOENT, "there is nothing to go back from");
	return go_back(&s, to == UINT64_MAX ? g.numbers[g.len - 1] - 1 : to, e);
}

int
step_confirm(const struct settings *settings, struct error *e)
{
	own(session_close) struct session s;

	if (session_open(settings, &s, e) == -1)
		return -1;
	return pending_remove(&s.state, e);
}

int
step_generations(const struct settings *s, struct error *e)
{
	own(state_close) struct state st;
	own(strbuf_clear) struct strbuf b = { 0 };

	if (state_open(s, &st, e) == -1 || generations_print(&st, &b, e) == -1)
		return -1;
	return put_out(&b, e);
}
