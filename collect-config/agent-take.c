/* SPDX-License-Identifier: Apache-2.0 */
/* A round that is over: into the cache, the list, the schedule. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect-config/agent.h"
#include "collect-config/chance.h"
#include "collect-config/extra.h"
#include "collect-config/watch.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"

/* ---- taking ------------------------------------------------------------- */

#define NONE_SECONDS 30 /* until a source that has nothing is asked again */

static void
note(struct strlist *l, const char *name)
{
	if (!strlist_has(l, name))
		strlist_add(l, name);
}

static int
store(struct agent *a, struct source *s, bool *any, struct error *e)
{
	struct round *r = s->round;

	for (size_t i = 0; i < r->len; i++) {
		const struct output *o = &r->outputs[i];
		bool changed;

		if (cache_store(&a->cache, o->name, o->value, &changed, e) ==
		    -1)
			return -1;
		if (changed) {
			note(&a->pending, o->name);
			*any = true;
		}
	}
	return extra_store(r, a->cache.fd, e);
}

/* From now on the source knows what it learned. */
static void
remember(struct source *s)
{
	const struct strlist *learned = &s->round->learned;

	for (size_t i = 0; i < learned->len; i++) {
		own_free char *name = mem_dup(learned->items[i]);
		char *value = strchr(name, '=');

		*value++ = '\0';
		strlist_env_set(&s->memory, name, value);
	}
}

/* From now on it has these outputs. */
static void
settle(struct source *s)
{
	const struct round *r = s->round;

	strlist_clear(&s->names);
	for (size_t i = 0; i < r->len; i++)
		strlist_add(&s->names, r->outputs[i].name);
	s->known = true;
}

void
agent_names(const struct agent *a, struct strlist *names)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < a->sources[i].names.len; j++) {
			const char *name = a->sources[i].names.items[j];

			for (size_t k = 0; k < names->len; k++)
				if (strcmp(names->items[k], name) == 0)
					strlist_remove(names, k--);
			strlist_add(names, name);
		}
}

/* A command is wanted when a document or the list of them changed. */
static int
publish(struct agent *a, struct source *s, bool changed, struct error *e)
{
	bool other;

	strlist_clear(&a->names);
	agent_names(a, &a->names);
	if (cache_write_list(&a->cache, &a->names, &other, e) == -1)
		return -1;
	if (!changed && !other)
		return 0;
	log_info("%s: changed", s->kind->name);
	s->changed = clock_boot_ms();
	a->wanted = true;
	a->run_after = 0;
	a->run_interval = 0;
	return 1;
}

static void
failed(struct source *s, const struct error *e)
{
	if (s->failed_since == 0)
		s->failed_since = clock_boot_ms();
	s->failures++;
	if (s->problem == NULL || strcmp(s->problem, e->text) != 0)
		log_warn("Source [%s] Unavailable. %s%s", s->kind->name,
		    e->text,
		    s->names.len > 0 ? "; its last data stays in use" : "");
	free(s->problem);
	s->problem = mem_dup(e->text);
}

static void
succeeded(struct source *s)
{
	if (s->problem != NULL)
		log_info("Source [%s] is back.", s->kind->name);
	free(take(s->problem));
	s->failed_since = 0;
	s->succeeded = clock_boot_ms();
}

/* Files that somebody removed are fetched again. */
static bool
is_missing(const struct agent *a, const struct source *s)
{
	for (size_t i = 0; i < s->names.len; i++)
		if (!cache_has(&a->cache, s->names.items[i]))
			return true;
	return false;
}

static int
take_in(struct agent *a, struct source *s, bool *changed, struct error *e)
{
	bool any = false;
	int r;

	switch (s->round->result) {
	case STEP_FAILED:
		*e = s->round->error;
		return -1;
	case STEP_SAME:
		remember(s);
		if (is_missing(a, s))
			strlist_clear(&s->memory);
		return 0;
	case STEP_NONE:
		log_debug("Source [%s] Not configured.", s->kind->name);
		s->known = true;
		strlist_clear(&s->names);
		break;
	default:
		if (store(a, s, &any, e) == -1)
			return -1;
		settle(s);
		remember(s);
	}
	r = publish(a, s, any, e);
	*changed |= r == 1;
	return r == -1 ? -1 : 0;
}

static double
number(const struct agent *a, const char *name)
{
	double n = config_number(a->config, "DEFAULT", name);

	return n < 0.001 ? 0.001 : n;
}

/*
 * When to ask next: soon after a change, then ever later.  A source that
 * waits for changes itself is asked at once, unless it only seems to.
 */
static void
schedule(struct agent *a, struct source *s, const struct round *r, bool changed)
{
	double least = number(a, "min_polling_interval"),
	       most = number(a, "polling_interval");
	int64_t now = clock_ms();

	s->interval = changed || s->interval == 0 ? least : s->interval * 2;
	if (s->interval > most || r->result == STEP_NONE)
		s->interval = most;
	if (r->result == STEP_NONE && s->interval < NONE_SECONDS)
		s->interval = NONE_SECONDS;
	if (!changed && r->result != STEP_FAILED && s->interval < r->rest &&
	    !config_given(a->config, "DEFAULT", "polling_interval"))
		s->interval = r->rest;
	s->due = now + (int64_t)(s->interval * (0.8 + 0.4 * chance()) * 1000);
	if (r->watching && r->result != STEP_FAILED &&
	    (r->result == STEP_DONE || now - s->begun >= 1000))
		s->due = now;
}

/* The round is over: it is gone when this returns. */
static void
end(struct agent *a, struct source *s)
{
	ownp(round_free) struct round *r = s->round;
	struct error e;
	bool changed = r->stored;

	s->last = r->result;
	if (take_in(a, s, &changed, &e) == -1) {
		failed(s, &e);
		r->result = STEP_FAILED;
	} else if (s->last != STEP_NONE) {
		succeeded(s);
	}
	s->asked = true;
	watch_set(a, s, &r->folders);
	schedule(a, s, r, changed);
	s->round = NULL;
	a->told = false;
	if (a->trimmed == TRIM_ALL)
		a->trimmed = TRIM_MOST;
}

void
agent_take(struct agent *a, struct source *s)
{
	struct round *r = s->round;
	bool changed = false;

	if (r->result == STEP_STORE) {
		if (take_in(a, s, &changed, &r->error) == -1) {
			r->result = STEP_FAILED;
		} else {
			/* Stored: what follows only says so to others. */
			r->len = 0;
			r->n_extras = 0;
			r->stored = true;
			agent_go_on(a, s);
			return;
		}
	}
	end(a, s);
}

/* ---- recalling ---------------------------------------------------------- */

/*
 * A source's own document tells which deployments it had.  What is in the
 * list and belongs to no source by name came from local files.
 */
static void
recall_local(struct agent *a, struct source *s)
{
	own(strlist_clear) struct strlist listed = { 0 }, others = { 0 };

	cache_read_list(&a->cache, &listed);
	agent_names(a, &others);
	for (size_t i = 0; i < listed.len; i++)
		if (!strlist_has(&others, listed.items[i]) &&
		    source_find(listed.items[i]) == NULL &&
		    cache_has(&a->cache, listed.items[i]))
			strlist_add(&s->names, listed.items[i]);
}

/* Also of sources that are down now, or told us what they tell but once. */
static void
recall_pending(struct agent *a, const struct source *s)
{
	for (size_t i = 0; i < s->names.len; i++)
		if (!cache_is_committed(&a->cache, s->names.items[i])) {
			note(&a->pending, s->names.items[i]);
			a->wanted = true;
		}
}

static void
recall_names(struct agent *a, struct source *s)
{
	ownp(round_free) struct round *r = round_new(s);
	const struct value *v;
	struct error e;

	v = cache_load(&a->cache, r->doc, s->kind->name, &e);
	if (v == NULL)
		return;
	r->recalled = true;
	round_content(r, v);
	for (size_t i = 0; i < r->len; i++)
		if (cache_has(&a->cache, r->outputs[i].name))
			strlist_add(&s->names, r->outputs[i].name);
	s->known = s->names.len == r->len;
}

void
agent_recall(struct agent *a, struct source *s)
{
	if (strcmp(s->kind->name, "local") == 0) {
		recall_local(a, s);
		s->known = s->names.len > 0;
	} else {
		recall_names(a, s);
	}
	recall_pending(a, s);
}
