/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd, version 3 of its API by JSON: all keys below a prefix, then a watch
 * from the next revision on.  An event ends the watch; the keys are read anew.
 */
#include <errno.h>
#include <string.h>

#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "collect-config/store.h"
#include "lib/encode.h"
#include "lib/mem.h"
#include "lib/own.h"

#define WATCH_SECONDS 600 /* that one watch lasts at most */

static const struct setting settings[] = {
	{ .name = "url",
	    .kind = SETTING_LIST,
	    .help = "URL of a member; the first that answers is used" },
	{ .name = "prefix", .help = "prefix of the keys to read" },
	{ .name = "user", .help = "user to be" },
	{ .name = "password", .help = "password of that user" },
	SETTINGS_TLS,
	SETTING_TIMEOUT,
	{ .name = NULL },
};

enum {
	BEGIN,
	LOGIN,
	RANGE,
	WATCH
};

static const struct strlist *
members(const struct round *r)
{
	return config_list(r->source->config, "etcd", "url");
}

/* Which member is asked, by its number in memory. */
static size_t
member(const struct round *r)
{
	const char *text = round_memory(r, "member");
	size_t n = text != NULL ? (size_t)atoi(text) : 0;

	return n < members(r)->len ? n : 0;
}

static void
next_member(struct round *r)
{
	own_free char *text =
	    mem_printf("%zu", (member(r) + 1) % members(r)->len);

	strlist_env_set(&r->source->memory, "member", text);
}

static enum step
post(struct round *r, const char *path, struct value *body)
{
	const char *base = members(r)->items[member(r)];
	const char *token = round_memory(r, "token");
	round_get(r, "%.*s%s", (int)url_length(base), base, path);
	r->ask.method = "POST";
	r->ask.has_body = true;
	value_print(body, STYLE_PYTHON, &r->ask.body);
	round_header(r, "Content-Type: application/json");
	if (token != NULL && r->place != LOGIN)
		round_header(r, "Authorization: %s", token);
	r->ask.idle_seconds = round_number(r, "timeout");
	r->ask.follow = HTTP_FOLLOW_HOST;
	round_tls(r);
	return STEP_ASK;
}

static void
set_base64(struct round *r, struct value *map, const char *name,
    const char *data, size_t n)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	base64_encode(data, n, &text);
	value_set(r->doc, map, name, value_string(r->doc, strbuf_text(&text)));
}

/* The keys from the prefix up to, but not, the first one behind it. */
static void
set_range(struct round *r, struct value *map)
{
	const char *prefix = round_text(r, "prefix");
	own_free char *end = mem_dup(prefix != NULL ? prefix : "");
	size_t n = strlen(end);

	while (n > 0 && (unsigned char)end[n - 1] == 0xff)
		n--;
	if (n > 0) {
		end[n - 1]++;
		set_base64(r, map, "key", prefix, strlen(prefix));
		set_base64(r, map, "range_end", end, n);
	} else { /* all keys */
		set_base64(r, map, "key", "", 1);
		set_base64(r, map, "range_end", "", 1);
	}
}

static enum step
ask_login(struct round *r)
{
	struct value *body = value_map(r->doc);
	const char *password = round_text(r, "password");

	r->place = LOGIN;
	value_set(
	    r->doc, body, "name", value_string(r->doc, round_text(r, "user")));
	value_set(r->doc, body, "password",
	    value_string(r->doc, password != NULL ? password : ""));
	return post(r, "/v3/auth/authenticate", body);
}

static enum step
ask_range(struct round *r)
{
	struct value *body = value_map(r->doc);

	r->place = RANGE;
	set_range(r, body);
	return post(r, "/v3/kv/range", body);
}

static enum step
ask_watch(struct round *r, const char *revision)
{
	struct value *body = value_map(r->doc), *create = value_map(r->doc);
	own_free char *next = mem_printf("%lld", atoll(revision) + 1);

	r->place = WATCH;
	set_range(r, create);
	value_set(r->doc, create, "start_revision", value_string(r->doc, next));
	value_set(r->doc, body, "create_request", create);
	post(r, "/v3/watch", body);
	r->ask.stream = true;
	r->ask.seconds = WATCH_SECONDS;
	r->ask.idle_seconds = 0;
	return STEP_ASK;
}

/* ---- answers ------------------------------------------------------------ */

static bool
decode(const struct value *v, struct strbuf *b)
{
	struct error e;

	strbuf_cut(b, 0);
	return v == NULL ||
	    (v->kind == VALUE_STRING &&
		base64_decode(v->text, v->len, b, &e) == 0);
}

static struct value *
tree_of(struct round *r, const struct value *kvs)
{
	const char *prefix = round_text(r, "prefix");
	struct value *tree = value_map(r->doc);
	own(strbuf_clear) struct strbuf key = { 0 }, value = { 0 };
	size_t n = prefix != NULL ? strlen(prefix) : 0;

	for (uint32_t i = 0;
	     kvs != NULL && kvs->kind == VALUE_LIST && i < kvs->len; i++) {
		const char *s;

		if (!decode(value_get(kvs->items[i], "key"), &key) ||
		    !decode(value_get(kvs->items[i], "value"), &value))
			continue;
		s = key.len >= n ? strbuf_text(&key) + n : "";
		store_put(r, tree, s + strspn(s, "/"), strbuf_text(&value),
		    value.len);
	}
	return tree;
}

static enum step
take_range(struct round *r, struct error *e)
{
	const struct value *v = round_body(r, e);
	const char *revision =
	    value_text(value_get(v, "header"), "revision", NULL);

	if (v == NULL)
		return STEP_FAILED;
	if (revision == NULL)
		return error_set(e, EPROTO, "%s: no revision in the answer",
		    members(r)->items[member(r)]);
	round_learn(r, "revision", revision);
	r->watching = true;
	return round_finish(r, tree_of(r, value_get(v, "kvs")));
}

/*
 * A line of the watch.  Events, or a watch that the server gave up (its
 * revision may be compacted away), mean: read the keys.
 */
static enum step
take_watch(struct round *r, struct error *e)
{
	const struct value *v, *result;
	const struct value *events;

	if (r->reply.status == 0) {
		/* Its time is over, or it was cut off or never there. */
		r->watching = true;
		if (r->failure.code != ETIMEDOUT || r->streamed == 0) {
			strlist_env_unset(&r->source->memory, "revision");
			return round_check(r, e);
		}
		return STEP_SAME;
	}
	v = round_body(r, e);
	if (v == NULL)
		return STEP_FAILED;
	result = value_get(v, "result");
	events = value_get(result, "events");
	if (result != NULL && value_get(result, "canceled") == NULL &&
	    (events == NULL || events->len == 0))
		return STEP_MORE;
	return ask_range(r);
}

/* A refused token, or a member that is down: try another, later. */
static enum step
failed(struct round *r, struct error *e)
{
	strlist_env_unset(&r->source->memory, "token");
	strlist_env_unset(&r->source->memory, "revision");
	if (r->reply.status == 0 || http_is_temporary(r->reply.status))
		next_member(r);
	return round_check(r, e);
}

static enum step
etcd_step(struct round *r, struct error *e)
{
	const char *revision = round_memory(r, "revision");

	if (members(r)->len == 0)
		return STEP_NONE;
	if (r->place == BEGIN) {
		if (revision != NULL)
			return ask_watch(r, revision);
		if (round_text(r, "user") != NULL &&
		    round_memory(r, "token") == NULL)
			return ask_login(r);
		return ask_range(r);
	}
	if (r->place == WATCH &&
	    (r->reply.status == 0 || r->reply.status == 200))
		return take_watch(r, e);
	if (round_check(r, e) == -1)
		return failed(r, e);
	if (r->place == RANGE)
		return take_range(r, e);
	if (value_text(round_body(r, e), "token", NULL) == NULL)
		return error_set(e, EPROTO, "%s: no token in the answer",
		    members(r)->items[member(r)]);
	strlist_env_set(&r->source->memory, "token",
	    value_text(round_body(r, e), "token", ""));
	return ask_range(r);
}

const struct source_kind source_etcd = {
	.name = "etcd",
	.summary = "keys below a prefix in etcd, watched",
	.settings = settings,
	.deployments = true,
	.step = etcd_step,
};
