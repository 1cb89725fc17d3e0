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
#include "lib/encode.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"

static const struct setting settings[] = {
	{ .name = "user-id", .help = "user who asks" },
	{ .name = "password", .help = "password of that user" },
	{ .name = "project-id", .help = "project of that user" },
	{ .name = "auth-url",
	    .kind = SETTING_URL,
	    .help = "URL of the identity service" },
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

#define SERVICE "messaging"
#define MESSAGES 20 /* taken in one round */
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
static const char *
client_id(struct round *r)
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

static enum step
ask(struct round *r, unsigned place, const char *method, const char *query)
{
	const char *endpoint = round_memory(r, "endpoint");
	own(strbuf_clear) struct strbuf queue = { 0 };
	size_t n = strlen(endpoint);

	while (n > 0 && endpoint[n - 1] == '/')
		n--;
	if (n > 3 && memcmp(endpoint + n - 3, "/v2", 3) == 0)
		n -= 3;
	percent_encode(round_text(r, "queue_id"), "", &queue);
	r->place = place;
	round_get(r, "%.*s/v2/queues/%s/messages?%s", (int)n, endpoint, queue.s,
	    query);
	r->ask.method = method;
	r->ask.follow = HTTP_FOLLOW_HOST;
	r->ask.insecure = !config_flag(
	    r->source->config, "zaqar", "ssl_certificate_validation");
	r->ask.ca_file = round_text(r, "ca_file");
	round_header(r, "Accept: application/json");
	round_header(r, "X-Auth-Token: %s", round_memory(r, "token"));
	round_header(r, "X-Project-Id: %s", round_text(r, "project_id"));
	round_header(r, "Client-ID: %s", client_id(r));
	return STEP_ASK;
}

static enum step
ask_list(struct round *r)
{
	own_free char *query = mem_printf("limit=%d&echo=true", MESSAGES);

	return ask(r, LIST, "GET", query);
}

static enum step
ask_remove(struct round *r)
{
	own_free char *query = mem_printf("ids=%s", (const char *)r->data);

	return ask(r, REMOVE, "DELETE", query);
}

/* Take the newest message that can be taken; note the names of all. */
static const struct value *
newest(const struct value *list, struct strbuf *ids)
{
	const struct value *found = NULL;

	for (uint32_t i = 0; i < list->len; i++) {
		const struct value *body = value_get(list->items[i], "body");
		const char *id = value_text(list->items[i], "id", NULL);

		if (id == NULL)
			continue;
		strbuf_puts(ids, ids->len > 0 ? "," : "");
		percent_encode(id, "", ids);
		if (body != NULL && body->kind == VALUE_MAP)
			found = body;
		else
			log_warn("zaqar: message %.80s is %s, not a map", id,
			    value_kind_name(body));
	}
	return found;
}

static enum step
take_list(struct round *r, struct error *e)
{
	own(strbuf_clear) struct strbuf ids = { 0 };
	const struct value *list, *body;

	if (r->reply.status == 204)
		return STEP_SAME;
	list = value_get(round_body(r, e), "messages");
	if (round_check(r, e) == -1)
		return STEP_FAILED;
	if (list == NULL || list->kind != VALUE_LIST)
		return error_set(e, EPROTO, "%s: no messages in the answer",
		    round_memory(r, "endpoint"));
	body = newest(list, &ids);
	if (ids.len == 0)
		return STEP_SAME;
	r->data = doc_text(r->doc, ids.s, ids.len);
	if (body == NULL)
		return ask_remove(r);
	round_content(r, body);
	return STEP_STORE;
}

static enum step
zaqar_step(struct round *r, struct error *e)
{
	enum step step;

	if (!is_configured(r))
		return STEP_NONE;
	if (r->place == REMOVE)
		return round_check(r, e) == -1 ? STEP_FAILED : STEP_SAME;
	if (r->stored)
		return ask_remove(r);
	if (r->place != LIST)
		step = keystone_step(r, SERVICE, e);
	else if (r->reply.status == 401 && !r->renewed)
		step = keystone_renew(r, SERVICE, e);
	else
		return take_list(r, e);
	return step == STEP_DONE ? ask_list(r) : step;
}

const struct source_kind source_zaqar = {
	.name = "zaqar",
	.summary = "messages of a queue (Heat's ZAQAR_MESSAGE)",
	.settings = settings,
	.deployments = true,
	.step = zaqar_step,
};
