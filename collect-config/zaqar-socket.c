/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zaqar by websocket: log in, subscribe, list, wait to be told of more.  What
 * was stored is removed over a connection of its own.
 */
#include <errno.h>

#include "collect-config/keystone.h"
#include "collect-config/zaqar.h"
#include "lib/own.h"

#define SOCKET_SECONDS 600 /* that one websocket lasts: then look anyway */
#define SUBSCRIPTION_SECONDS 10000

enum {
	SOCKET_LOGIN = ZAQAR_SOCKET + 1,
	SOCKET_QUEUE,
	SOCKET_SUBSCRIBE,
	SOCKET_LIST,
	SOCKET_WAIT,
	SOCKET_REMOVE,
};

enum step
zaqar_ask_socket(struct round *r)
{
	r->place = ZAQAR_SOCKET;
	round_get(r, "%s", round_memory(r, "endpoint"));
	r->ask.websocket = true;
	r->ask.seconds = SOCKET_SECONDS;
	zaqar_set_trust(r);
	return STEP_ASK;
}

/* The body of an action upon our queue; set may add to it. */
static struct value *
queue_body(struct round *r)
{
	struct value *body = value_map(r->doc);

	value_set(r->doc, body, "queue_name",
	    value_string(r->doc, round_text(r, "queue_id")));
	return body;
}

static enum step
say(struct round *r, unsigned place, const char *action, struct value *body)
{
	struct value *all = value_map(r->doc), *headers = value_map(r->doc);
	own(strbuf_clear) struct strbuf text = { 0 };

	r->place = place;
	value_set(r->doc, headers, "Client-ID",
	    value_string(r->doc, zaqar_client(r)));
	value_set(r->doc, headers, "X-Project-ID",
	    value_string(r->doc, round_text(r, "project_id")));
	if (place == SOCKET_LOGIN)
		value_set(r->doc, headers, "X-Auth-Token",
		    value_string(r->doc, round_memory(r, "token")));
	value_set(r->doc, all, "action", value_string(r->doc, action));
	value_set(r->doc, all, "headers", headers);
	value_set(r->doc, all, "body", body);
	value_print(all, STYLE_PYTHON, &text);
	strlist_add(&r->outgoing, text.s);
	return STEP_MORE;
}

static enum step
say_list(struct round *r)
{
	struct value *body = queue_body(r);

	value_set(r->doc, body, "echo", value_bool(r->doc, true));
	value_set(r->doc, body, "limit", value_int(r->doc, ZAQAR_MESSAGES));
	return say(r, SOCKET_LIST, "message_list", body);
}

static enum step
say_remove(struct round *r)
{
	struct value *body = queue_body(r);

	value_set(r->doc, body, "message_ids", r->data);
	return say(r, SOCKET_REMOVE, "message_delete_many", body);
}

/* What we say after each answer, in order of the places. */
static enum step
after_answer(struct round *r, const struct value *answer, struct error *e)
{
	struct value *body;
	enum step step;

	switch (r->place) {
	case SOCKET_LOGIN:
		return r->stored
		    ? say_remove(r)
		    : say(r, SOCKET_QUEUE, "queue_create", queue_body(r));
	case SOCKET_QUEUE:
		body = queue_body(r);
		value_set(r->doc, body, "ttl",
		    value_int(r->doc, SUBSCRIPTION_SECONDS));
		return say(r, SOCKET_SUBSCRIBE, "subscription_create", body);
	case SOCKET_SUBSCRIBE:
		return say_list(r);
	case SOCKET_LIST:
		step = zaqar_take(r, value_get(answer, "body"), e);
		if (step == STEP_SAME) {
			r->place = SOCKET_WAIT;
			return STEP_MORE;
		}
		return step == STEP_DONE ? say_remove(r) : step;
	default: /* removed: begin again */
		r->watching = true;
		return STEP_SAME;
	}
}

/* Status of an answer to what we said; 0 of a notification. */
static long long
status_of(const struct value *answer)
{
	long long n = 0;

	value_to_int(value_get(value_get(answer, "headers"), "status"), &n);
	return value_get(answer, "request") != NULL ? n : 0;
}

/*
 * A notification only tells that there is something; the list then says what,
 * with the names that are needed to remove it.
 */
enum step
zaqar_socket_step(struct round *r, struct error *e)
{
	const struct value *answer;
	long long status;

	if (r->reply.status == 101)
		return say(r, SOCKET_LOGIN, "authenticate", value_map(r->doc));
	if (r->reply.status == 0 && r->place == SOCKET_WAIT &&
	    r->failure.code == ETIMEDOUT) {
		r->watching = true;
		return STEP_SAME;
	}
	answer = round_body(r, e);
	if (answer == NULL)
		return STEP_FAILED;
	status = status_of(answer);
	if (r->place == SOCKET_WAIT)
		return say_list(r);
	if (status == 0)
		return STEP_MORE;
	if (r->place == SOCKET_LOGIN && (status == 401 || status == 403) &&
	    !r->renewed)
		return keystone_renew(r, zaqar_service(r), e);
	if (status >= 400 && status != 409)
		return error_set(e, EPROTO, "%s: answered %lld",
		    round_memory(r, "endpoint"), status);
	return after_answer(r, answer, e);
}
