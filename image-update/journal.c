/* SPDX-License-Identifier: Apache-2.0 */
/* journal.json, replaced whole each time: what is under way, what was. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image-update/machine.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define JOURNAL "journal.json"
#define MOST 200 /* past updates that are remembered */

int
journal_save(const struct journal *j, const struct slots *s, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(j->root, STYLE_PRETTY, &text);
	strbuf_putc(&text, '\n');
	if (file_replace(s->state, JOURNAL, 0644, text.s, text.len, e) == 0)
		return 0;
	if (e->code != ENOSPC || unlinkat(s->state, RESERVE, 0) == -1)
		return -1;
	return file_replace(s->state, JOURNAL, 0644, text.s, text.len, e);
}

int
journal_load(struct journal *j, const struct slots *s, struct error *e)
{
	struct value *history;

	*j = (struct journal){ .doc = doc_new() };
	if (file_exists(s->state, JOURNAL)) {
		j->root = doc_load(j->doc, s->state, JOURNAL, e);
		if (j->root == NULL)
			return -1;
	} else {
		j->root = value_map(j->doc);
		value_set(j->doc, j->root, "history", value_list(j->doc));
	}
	history = value_get(j->root, "history");
	if (history == NULL || history->kind != VALUE_LIST)
		return error_set(e, EBADMSG, JOURNAL ": no list of history");
	for (size_t i = 0; i < history->len; i++)
		if (history->items[i]->kind != VALUE_MAP)
			return error_set(
			    e, EBADMSG, JOURNAL ": history: no map");
	return 0;
}

void
journal_clear(struct journal *j)
{
	doc_free(j->doc);
	*j = (struct journal){ 0 };
}

static void
set(struct journal *j, struct value *map, const char *name, const char *text)
{
	value_set(j->doc, map, name,
	    text != NULL ? value_string(j->doc, text) : value_null(j->doc));
}

static struct value *
under_way(const struct journal *j)
{
	struct value *update = value_get(j->root, "update");

	return update != NULL && update->kind == VALUE_MAP ? update : NULL;
}

const char *
journal_text(const struct journal *j, const char *name, const char *otherwise)
{
	return value_text(under_way(j), name, otherwise);
}

long long
journal_int(const struct journal *j, const char *name, long long otherwise)
{
	long long n = otherwise;

	(void)value_to_int(value_get(under_way(j), name), &n);
	return n;
}

void
journal_set_text(struct journal *j, const char *name, const char *text)
{
	struct value *update = under_way(j);

	if (update != NULL)
		set(j, update, name, text);
}

void
journal_set_int(struct journal *j, const char *name, long long n)
{
	struct value *update = under_way(j);

	if (update != NULL)
		value_set(j->doc, update, name, value_int(j->doc, n));
}

const struct value *
journal_live(const struct journal *j)
{
	const struct value *live = value_get(j->root, "live");

	return live != NULL && live->kind == VALUE_MAP ? live : NULL;
}

void
journal_set_live(struct journal *j, const struct contents *c)
{
	struct value *live = value_map(j->doc);

	set(j, live, "id", c->id);
	set(j, live, "name", c->name);
	value_set(
	    j->doc, live, "version", value_int(j->doc, (long long)c->version));
	value_set(j->doc, j->root, "live", live);
}

int
journal_no_live(struct journal *j, const struct slots *s, struct error *e)
{
	if (journal_live(j) == NULL)
		return 0;
	value_set(j->doc, j->root, "live", value_null(j->doc));
	return journal_save(j, s, e);
}

static void
set_time(struct journal *j, struct value *map, const char *name)
{
	char text[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	set(j, map, name, text);
}

int
journal_note(struct journal *j, const struct slots *s, const char *state,
    const struct contents *c, struct error *e)
{
	struct value *update = under_way(j);

	if (update == NULL) {
		update = value_map(j->doc);
		set(j, update, "state", state);
		set(j, update, "id", c->id);
		set(j, update, "name", c->name);
		value_set(j->doc, update, "version",
		    value_int(j->doc, (long long)c->version));
		set(j, update, "from", s->current);
		set(j, update, "previous", s->previous);
		set_time(j, update, "begun");
		value_set(j->doc, j->root, "update", update);
	}
	set(j, update, "state", state);
	return journal_save(j, s, e);
}

/* The list without its first items, once it is too long. */
static void
trim(struct journal *j)
{
	struct value *all = value_get(j->root, "history");
	struct value *few;

	if (all->len <= MOST)
		return;
	few = value_list(j->doc);
	for (size_t i = all->len - MOST; i < all->len; i++)
		value_add(j->doc, few, all->items[i]);
	value_set(j->doc, j->root, "history", few);
}

int
journal_end(struct journal *j, const struct slots *s, const char *state,
    const char *why, struct error *e)
{
	struct value *update = under_way(j);

	if (update == NULL)
		return 0;
	set(j, update, "state", state);
	set_time(j, update, "ended");
	if (why != NULL)
		set(j, update, "error", why);
	value_add(j->doc, value_get(j->root, "history"), update);
	value_set(j->doc, j->root, "update", value_null(j->doc));
	trim(j);
	return journal_save(j, s, e);
}

/*
 * Between ARMED and SWITCHED previous is the new slot, until both links are
 * exchanged at once.
 */
int
journal_fail(
    struct journal *j, struct slots *s, const char *why, struct error *e)
{
	struct value *update = under_way(j);
	const char *id, *previous;

	if (update == NULL)
		return 0;
	id = value_text(update, "id", "");
	if (s->machine != NULL) {
		/* What is to be tried must not be tried any more. */
		const struct strlist none = { 0 };

		if (value_get(update, "back") == NULL &&
		    (machine_forget(s, false, e) == -1 ||
			live_stop(s->machine->where, &none, e) == -1))
			return -1;
		return journal_end(j, s, "FAILED", why, e);
	}
	if (s->current != NULL && strcmp(s->current, id) == 0)
		return journal_end(j, s, "SWITCHED", NULL, e);
	previous = value_text(update, "previous", NULL);
	if (previous != NULL && !file_is_dir(s->dir, previous))
		previous = NULL;
	if (slots_point(s, PREVIOUS, previous, e) == -1)
		return -1;
	return journal_end(j, s, "FAILED", why, e);
}

int
journal_recover(struct journal *j, struct slots *s, struct error *e)
{
	const struct value *update = under_way(j);

	if (update != NULL)
		log_info("an update ended by force in state %s",
		    value_text(update, "state", "?"));
	return journal_fail(j, s, "it was ended by force", e);
}
