/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consul: all keys below a prefix, by a request that the server holds until
 * the index of its data moves on (a blocking query).
 */
#include <errno.h>
#include <string.h>

#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "collect-config/store.h"
#include "lib/encode.h"
#include "lib/mem.h"
#include "lib/own.h"

#define WAIT_SECONDS 300 /* that the server holds a request, at most */

static const struct setting settings[] = {
	{ .name = "url", .kind = SETTING_URL, .help = "URL of the agent" },
	{ .name = "prefix", .help = "prefix of the keys to read" },
	{ .name = "token", .help = "token to show" },
	{ .name = "datacenter", .help = "data centre to ask" },
	SETTINGS_TLS,
	SETTING_TIMEOUT,
	{ .name = NULL },
};

static enum step
ask(struct round *r)
{
	const char *base = round_text(r, "url");
	const char *prefix = round_text(r, "prefix");
	const char *center = round_text(r, "datacenter");
	const char *index = round_memory(r, "index");
	const char *token = round_text(r, "token");
	own(strbuf_clear) struct strbuf path = { 0 };
	percent_encode(prefix != NULL ? prefix : "", "/", &path);
	strbuf_puts(&path, "?recurse=true");
	if (center != NULL) {
		strbuf_puts(&path, "&dc=");
		percent_encode(center, "", &path);
	}
	if (index != NULL)
		strbuf_printf(&path, "&index=%s&wait=%ds", index, WAIT_SECONDS);
	round_get(r, "%.*s/v1/kv/%s", (int)url_length(base), base, path.s);
	if (token != NULL)
		round_header(r, "X-Consul-Token: %s", token);
	/* The server adds up to a sixteenth to the time that it waits. */
	if (index != NULL)
		r->ask.seconds =
		    WAIT_SECONDS * 17 / 16 + round_number(r, "timeout");
	else
		r->ask.idle_seconds = round_number(r, "timeout");
	r->ask.follow = HTTP_FOLLOW_HOST;
	round_tls(r);
	return STEP_ASK;
}

/* An index that goes back, or is none, makes the next request plain. */
static void
learn_index(struct round *r)
{
	const char *now = http_header(&r->reply, "x-consul-index");
	const char *last = round_memory(r, "index");
	long long n = now != NULL ? atoll(now) : 0;
	own_free char *text = mem_printf("%lld", n);

	if (n < 1 || (last != NULL && n < atoll(last))) {
		strlist_env_unset(&r->source->memory, "index");
		return;
	}
	round_learn(r, "index", text);
	r->watching = true;
}

static struct value *
tree_of(struct round *r, const struct value *list)
{
	const char *prefix = round_text(r, "prefix");
	struct value *tree = value_map(r->doc);
	size_t n = prefix != NULL ? strlen(prefix) : 0;

	for (uint32_t i = 0; i < list->len; i++) {
		own(strbuf_clear) struct strbuf text = { 0 };
		const char *key = value_text(list->items[i], "Key", "");
		const char *value = value_text(list->items[i], "Value", "");
		struct error e;

		if (strlen(key) < n ||
		    base64_decode(value, strlen(value), &text, &e) == -1)
			continue;
		key += n;
		store_put(r, tree, key + strspn(key, "/"), strbuf_text(&text),
		    text.len);
	}
	return tree;
}

static enum step
consul_step(struct round *r, struct error *e)
{
	const struct value *v;

	if (round_text(r, "url") == NULL)
		return STEP_NONE;
	if (!r->replied)
		return ask(r);
	if (r->reply.status == 404 &&
	    http_header(&r->reply, "x-consul-index") != NULL) {
		learn_index(r); /* there are no such keys, yet */
		return round_finish(r, value_map(r->doc));
	}
	if (round_check(r, e) == -1) {
		strlist_env_unset(&r->source->memory, "index");
		return STEP_FAILED;
	}
	v = doc_parse(r->doc, strbuf_text(&r->reply.body), r->reply.body.len,
	    round_text(r, "url"), e);
	if (v == NULL)
		return STEP_FAILED;
	if (v->kind != VALUE_LIST)
		return error_set(e, EPROTO, "%s: the answer is %s, not a list",
		    round_text(r, "url"), value_kind_name(v));
	learn_index(r);
	return round_finish(r, tree_of(r, v));
}

const struct source_kind source_consul = {
	.name = "consul",
	.summary = "keys below a prefix in Consul, watched",
	.settings = settings,
	.deployments = true,
	.step = consul_step,
};
