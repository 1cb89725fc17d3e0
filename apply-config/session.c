/* SPDX-License-Identifier: Apache-2.0 */
/* Begin, act, go back. */
#include "apply-config/session.h"

#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/generations.h"
#include "apply-config/journal.h"
#include "apply-config/output.h"
#include "apply-config/publish.h"
#include "apply-config/talk.h"
#include "lib/error.h"
#include "lib/file.h"

int
put_out(const struct strbuf *b, struct error *e)
{
	if (file_write_all(STDOUT_FILENO, strbuf_text(b), b->len) == -1)
		return error_errno(e, "standard output");
	return 0;
}

void
session_close(struct session *s)
{
	changed_clear(&s->done);
	output_close(s->output);
	state_close(&s->state);
}

static void
tell_changes(const struct output *o, const struct changes *c)
{
	talk_hold(true);
	for (size_t i = 0; i < c->len; i++) {
		own_free char *name = output_name(o, c->items[i].path);

		talk_info("%s %s",
		    c->items[i].kind == CHANGE_DELETE ? "deleting" : "writing",
		    name);
	}
	talk_hold(false);
}

int
session_act(struct session *s, const struct changes *c, struct journal *j,
    struct error *e)
{
	tell_changes(s->output, c);
	if (publish(s->settings, s->output, &s->state, c, j, &s->done, e) == -1)
		return -1;
	return generations_prune(s->settings, &s->state, e);
}

int
session_back(struct session *s, uint64_t to, struct error *e)
{
	own(way_back_clear) struct way_back way = { 0 };
	own(changes_clear) struct changes changes = { 0 };
	own(journal_clear) struct journal j = { 0 };

	if (generations_back(&s->state, s->output, to, &way, &changes, e) ==
		-1 ||
	    generations_next(s->settings, &s->state, &j, e) == -1)
		return -1;
	j.deadline = 0;
	if (changes.len > 0 && session_act(s, &changes, &j, e) == -1)
		return -1;
	for (size_t i = 0; i < way.len; i++)
		journal_tidy(&way.journals[i], s->output);
	return 0;
}

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
	if (session_back(s, p.base, e) == -1)
		return -1;
	return pending_miss(&s->state, e);
}

int
session_open(
    const struct settings *settings, struct session *s, struct error *e)
{
	*s = (struct session)SESSION_NONE;
	s->settings = settings;
	if (state_lock(settings, &s->state, e) == -1)
		return -1;
	s->output = output_open(settings, e);
	return s->output == NULL ? -1 : catch_up(s, e);
}
