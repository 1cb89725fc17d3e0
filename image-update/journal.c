/* SPDX-License-Identifier: Apache-2.0 */
/* journal.json, replaced whole each time: what is under way, what was. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "image-update/update.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define JOURNAL "journal.json"
#define MOST 200 /* past updates that are remembered */

static int
save(const struct journal *j, const struct slots *s, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(j->root, STYLE_PRETTY, &text);
	strbuf_putc(&text, '\n');
	return file_replace(s->dir, JOURNAL, 0644, text.s, text.len, e);
}

int
journal_load(struct journal *j, const struct slots *s, struct error *e)
{
	struct value *history;

	*j = (struct journal){ .doc = doc_new() };
	if (file_exists(s->dir, JOURNAL)) {
		j->root = doc_load(j->doc, s->dir, JOURNAL, e);
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
	return save(j, s, e);
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
	return save(j, s, e);
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
