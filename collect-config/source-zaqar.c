/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heat's ZAQAR_MESSAGE: each message of a queue is the whole metadata.  The
 * newest is taken; those that were seen are removed once it is stored.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "collect-config/keystone.h"
#include "collect-config/sources.h"
#include "collect-config/zaqar.h"
#include "lib/encode.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"

static const struct setting settings[] = {
	SETTINGS_KEYSTONE,
	{ .name = "queue-id", .help = "queue to read" },
	{ .name = "use-websockets",
	    .kind = SETTING_FLAG,
	    .value = "false",
	    .help = "be told of messages over a websocket" },
	{ .name = "region-name", .help = "region of the endpoint to ask" },
	{ .name = "ssl-certificate-validation",
	    .kind = SETTING_FLAG,
	    .value = "true",
	    .help = "verify the messaging service's certificate" },
	{ .name = "ca-file", .help = "certificates to trust, a PEM file" },
	{ .name = NULL },
};

enum {
	LIST = KEYSTONE_PLACES,
	REMOVE
};

static bool
is_configured(const struct round *r)
{
	static const char *const needed[] = { "auth_url", "password",
		"project_id", "user_id", "queue_id" };

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (round_text(r, needed[i]) == NULL)
			return false;
	return true;
}

/* Who we are to the queue: a UUID, made once. */
const char *
zaqar_client(struct round *r)
{
	unsigned char b[16] = { 0 };
	char text[33];

	if (round_memory(r, "client") == NULL) {
		if (getrandom(b, sizeof(b), 0) != sizeof(b))
			b[0] = 1;
		for (size_t i = 0; i < sizeof(b); i++)
			snprintf(text + 2 * i, 3, "%02x", b[i]);
		strlist_env_set(&r->source->memory, "client", text);
	}
	return round_memory(r, "client");
}

static bool
uses_socket(const struct round *r)
{
	return config_flag(r->source->config, "zaqar", "use_websockets");
}

const char *
zaqar_service(const struct round *r)
{
	return uses_socket(r) ? "messaging-websocket" : "messaging";
}

void
zaqar_set_trust(struct round *r)
{
	r->ask.follow = HTTP_FOLLOW_HOST;
	r->ask.insecure = !config_flag(
	    r->source->config, "zaqar", "ssl_certificate_validation");
	r->ask.ca_file = round_text(r, "ca_file");
}

static enum step
ask(struct round *r, unsigned place, const char *method, const char *query)
{
	const char *endpoint = round_memory(r, "endpoint");
	own(strbuf_clear) struct strbuf queue = { 0 };
	size_t n = url_length(endpoint);

	if (n > 3 && memcmp(endpoint + n - 3, "/v2", 3) == 0)
		n -= 3;
	percent_encode(round_text(r, "queue_id"), "", &queue);
	r->place = place;
	round_get(r, "%.*s/v2/queues/%s/messages?%s", (int)n, endpoint, queue.s,
	    query);
	r->ask.method = method;
	zaqar_set_trust(r);
	round_header(r, "Accept: application/json");
	round_header(r, "X-Auth-Token: %s", round_memory(r, "token"));
	round_header(r, "X-Project-Id: %s", round_text(r, "project_id"));
	round_header(r, "Client-ID: %s", zaqar_client(r));
	return STEP_ASK;
}

static enum step
ask_list(struct round *r)
{
	own_free char *query = mem_printf("limit=%d&echo=true", ZAQAR_MESSAGES);

	return ask(r, LIST, "GET", query);
}

/* ---- messages ----------------------------------------------------------- */

struct seen {
	struct value *ids; /* of all messages in the answer */
	const struct value *newest; /* body that is a map, or NULL */
};

static void
look_at(struct round *r, const struct value *list, struct seen *seen)
{
	seen->ids = value_list(r->doc);
	seen->newest = NULL;
	for (uint32_t i = 0; i < list->len; i++) {
		struct value *body = value_get(list->items[i], "body");
		struct value *id = value_get(list->items[i], "id");

		if (id == NULL || id->kind != VALUE_STRING)
			continue;
		value_add(r->doc, seen->ids, id);
		if (body != NULL && body->kind == VALUE_MAP)
			seen->newest = body;
		else
			log_warn("zaqar: message %.80s is %s, not a map",
			    id->text, value_kind_name(body));
	}
}

enum step
zaqar_take(struct round *r, const struct value *body, struct error *e)
{
	const struct value *list = value_get(body, "messages");
	struct seen seen;

	if (list == NULL || list->kind != VALUE_LIST)
		return error_set(e, EPROTO, "%s: no messages in the answer",
		    round_memory(r, "endpoint"));
	look_at(r, list, &seen);
	r->data = seen.ids;
	if (seen.ids->len == 0)
		return STEP_SAME;
	if (seen.newest == NULL)
		return STEP_DONE;
	round_content(r, seen.newest);
	return STEP_STORE;
}

/* ---- by HTTP ------------------------------------------------------------ */

static enum step
ask_remove(struct round *r)
{
	const struct value *ids = r->data;
	own(strbuf_clear) struct strbuf query = { 0 };

	for (uint32_t i = 0; i < ids->len; i++) {
		strbuf_puts(&query, i == 0 ? "ids=" : ",");
		percent_encode(ids->items[i]->text, "", &query);
	}
	return ask(r, REMOVE, "DELETE", query.s);
}

static enum step
take_list(struct round *r, struct error *e)
{
	const struct value *body;
	enum step step;

	if (r->reply.status == 204)
		return STEP_SAME;
	body = round_body(r, e);
	if (body == NULL)
		return STEP_FAILED;
	step = zaqar_take(r, body, e);
	return step == STEP_DONE ? ask_remove(r) : step;
}

/* ---- both --------------------------------------------------------------- */

static enum step
zaqar_step(struct round *r, struct error *e)
{
	enum step step;

	if (!is_configured(r))
		return STEP_NONE;
	if (r->result == STEP_STORE)
		return uses_socket(r) ? zaqar_ask_socket(r) : ask_remove(r);
	if (r->place >= ZAQAR_SOCKET)
		return zaqar_socket_step(r, e);
	if (r->place == REMOVE)
		return round_check(r, e) == -1 ? STEP_FAILED : STEP_SAME;
	if (r->place != LIST)
		step = keystone_step(r, zaqar_service(r), e);
	else if (r->reply.status == 401 && !r->renewed)
		step = keystone_renew(r, zaqar_service(r), e);
	else
		return take_list(r, e);
	if (step != STEP_DONE)
		return step;
	return uses_socket(r) ? zaqar_ask_socket(r) : ask_list(r);
}

const struct source_kind source_zaqar = {
	.name = "zaqar",
	.summary = "messages of a queue (Heat's ZAQAR_MESSAGE)",
	.settings = settings,
	.deployments = true,
	.step = zaqar_step,
};
