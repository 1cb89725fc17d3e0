/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that need no templates: recover, go back, confirm, list. */
#include <errno.h>

#include "apply-config/apply.h"
#include "apply-config/generations.h"
#include "apply-config/session.h"
#include "apply-config/steps.h"
#include "apply-config/talk.h"
#include "apply-config/watch.h"
#include "lib/error.h"

static int
recover_one(const struct settings *settings, struct error *e)
{
	own(session_close) struct session s = SESSION_NONE;
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
step_return(const struct settings *settings, struct error *e)
{
	own(session_close) struct session s = SESSION_NONE;

	if (session_open(settings, &s, e) == -1)
		return -1;
	return changed_tell(settings, &s.done, e);
}

int
step_rollback(const struct settings *settings, uint64_t to, struct error *e)
{
	own(session_close) struct session s = SESSION_NONE;
	own(generations_clear) struct generations g = { 0 };

	if (session_open(settings, &s, e) == -1 ||
	    generations_list(&s.state, &g, e) == -1)
		return -1;
	if (g.len == 0)
		return error_set(
		    e, ENOENT, "there is no generation to go back from");
	if (to == UINT64_MAX)
		to = g.numbers[g.len - 1] - 1;
	if (session_back(&s, to, e) == -1)
		return -1;
	return pending_remove(&s.state, e);
}

int
step_confirm(const struct settings *settings, struct error *e)
{
	own(session_close) struct session s = SESSION_NONE;

	if (session_open(settings, &s, e) == -1)
		return -1;
	if (!pending_is_missed(&s.state))
		return pending_remove(&s.state, e);
	if (pending_forget(&s.state, e) == -1)
		return -1;
	return error_set(e, ETIMEDOUT, "too late: it was undone");
}

int
step_generations(const struct settings *s, struct error *e)
{
	own(state_close) struct state st = { .fd = -1, .lock = -1 };
	own(strbuf_clear) struct strbuf b = { 0 };

	if (state_open(s, &st, e) == -1 || generations_print(&st, &b, e) == -1)
		return -1;
	return put_out(&b, e);
}
