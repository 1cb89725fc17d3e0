/* SPDX-License-Identifier: Apache-2.0 */
/* One source's round: asked, over, taken into the cache. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect-config/agent.h"
#include "collect-config/clock.h"
#include "collect-config/deployments.h"
#include "lib/log.h"
#include "lib/mem.h"

static void go_on(struct agent *a, struct source *s);

struct waiter { /* what a call's reply belongs to */
	struct agent *agent;
	struct source *source;
};

static void
on_reply(void *ctx, struct http_reply *reply, const struct error *e)
{
	struct waiter *w = ctx;
	struct source *s = w->source;
	struct agent *a = w->agent;
	struct round *r = s->round;

	free(w);
	s->call = NULL;
	r->replied = true;
	http_reply_clear(&r->reply);
	if (reply != NULL) {
		r->reply = *reply;
		*reply = (struct http_reply){ 0 };
	} else {
		r->failure = *e;
	}
	go_on(a, s);
}

static void
start(struct agent *a, struct source *s)
{
	const struct ask *k = &s->round->ask;
	const struct http_request request = { .method = k->method,
		.url = k->url,
		.headers = &k->headers,
		.body = k->has_body ? strbuf_text(&k->body) : NULL,
		.body_len = k->body.len,
		.ca_file = k->ca_file,
		.insecure = k->insecure,
		.direct = k->direct,
		.follow = k->follow,
		.seconds = k->seconds,
		.idle_seconds = k->idle_seconds };
	struct waiter *w = mem_alloc(sizeof(*w));

	*w = (struct waiter){ .agent = a, .source = s };
	if (a->http == NULL)
		a->http = http_loop_new();
	s->requests++;
	s->call = http_start(a->http, &request, on_reply, w);
}

static void
go_on(struct agent *a, struct source *s)
{
	if (round_step(s->round) == STEP_ASK)
		start(a, s);
}

void
agent_ask(struct agent *a, struct source *s)
{
	s->round = round_new(s);
	s->rounds++;
	go_on(a, s);
}

/* ---- taking ------------------------------------------------------------- */

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
		if (changed && !strlist_has(&a->pending, o->name))
			*any = true;
		if (changed)
			note(&a->pending, o->name);
	}
	strlist_clear(&s->names);
	for (size_t i = 0; i < r->len; i++)
		strlist_add(&s->names, r->outputs[i].name);
	s->known = true;
	for (size_t i = 0; i < r->learned.len; i++) {
		own_free char *name = mem_dup(r->learned.items[i]);
		char *value = strchr(name, '=');

		*value++ = '\0';
		strlist_env_set(&s->memory, name, value);
	}
	return 0;
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
	s->changed = time(NULL);
	a->wanted = true;
	a->run_after = 0;
	a->run_interval = 0;
	return 1;
}

static void
failed(struct source *s, const struct error *e)
{
	if (s->failed_since == 0)
		s->failed_since = time(NULL);
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
	s->succeeded = time(NULL);
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
	}
	r = publish(a, s, any, e);
	*changed = r == 1;
	return r == -1 ? -1 : 0;
}

static double
number(const struct agent *a, const char *name)
{
	double n = config_number(a->config, "DEFAULT", name);

	return n < 0.01 ? 0.01 : n;
}

/* When to ask next: soon after a change, then ever later. */
static void
schedule(struct agent *a, struct source *s, bool changed)
{
	double least = number(a, "min_polling_interval"),
	       most = number(a, "polling_interval");

	s->interval = changed || s->interval == 0 ? least : s->interval * 2;
	if (s->interval > most)
		s->interval = most;
	s->due =
	    clock_ms() + (int64_t)(s->interval * (0.8 + 0.4 * chance()) * 1000);
}

void
agent_take(struct agent *a, struct source *s)
{
	struct error e;
	bool changed = false;

	s->last = s->round->result;
	if (take_in(a, s, &changed, &e) == -1)
		failed(s, &e);
	else if (s->last != STEP_NONE)
		succeeded(s);
	s->asked = true;
	round_free(take(s->round));
	schedule(a, s, changed);
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

void
agent_recall(struct agent *a, struct source *s)
{
	ownp(round_free) struct round *r = round_new(s);
	const struct value *v;
	struct error e;

	if (strcmp(s->kind->name, "local") == 0) {
		recall_local(a, s);
		s->known = s->names.len > 0;
		return;
	}
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
