/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which messages tell the answer of a deployment: its inputs name a URL that
 * is signed, a queue, or Heat itself with a user to log in as.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "refresh-config/deploy.h"
#include "refresh-config/refresh.h"

static void
set_text(
    struct doc *d, struct value *message, const char *name, const char *text)
{
	if (text != NULL)
		value_set(d, message, name, value_string(d, text));
}

static int
put(const struct settings *s, struct doc *d, const char *identity,
    struct value *message, struct value *body, struct error *e)
{
	own_free char *outbox = settings_state(s, "outbox");

	set_text(d, message, "ca_file", s->ca_file);
	value_set(d, message, "body", body);
	return outbox_put(outbox, identity, message, e);
}

int
signal_queue_url(const struct settings *s, struct doc *d, const char *identity,
    const char *method, const char *url, struct value *body, struct error *e)
{
	struct value *message = value_map(d);

	set_text(d, message, "transport", "http");
	set_text(d, message, "method", method);
	set_text(d, message, "url", url);
	return put(s, d, identity, message, body, e);
}

/* What the message is known by: the deployment, or else nothing else is. */
static char *
identity_of(const struct item *item, const char *suffix)
{
	return *item->id != '\0'
	    ? mem_printf("%s%s", item->id, suffix)
	    : mem_printf("signal-%08x%s", arc4random(), suffix);
}

static int
queue_url(const struct settings *s, const struct item *item, const char *url,
    struct value *answer, struct error *e)
{
	own_free char *identity = identity_of(item, "");
	const char *verb = item_text(item, "deploy_signal_verb", "POST");

	return signal_queue_url(s, item->d, identity,
	    strcmp(verb, "PUT") == 0 ? "PUT" : "POST", url, answer, e);
}

/* Heat or Zaqar, after a login at Keystone. */
static int
queue_login(const struct settings *s, const struct item *item,
    const char *transport, struct value *answer, struct error *e)
{
	static const char *const names[][2] = {
		{ "auth_url", "deploy_auth_url" },
		{ "user_id", "deploy_user_id" },
		{ "password", "deploy_password" },
		{ "project_id", "deploy_project_id" },
		{ "region_name", "deploy_region_name" },
		{ "stack_id", "deploy_stack_id" },
		{ "resource_name", "deploy_resource_name" },
		{ "queue_id", "deploy_queue_id" },
	};
	own_free char *suffix = mem_printf(".%s", transport);
	own_free char *identity = identity_of(item, suffix);
	struct value *message = value_map(item->d);

	set_text(item->d, message, "transport", transport);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		set_text(item->d, message, names[i][0],
		    item_text(item, names[i][1], NULL));
	return put(s, item->d, identity, message, answer, e);
}

int
signal_queue(const struct settings *s, const struct item *item,
    struct value *answer, unsigned *queued, struct error *e)
{
	const char *url = item_text(item, "deploy_signal_id", "");
	const char *queue = item_text(item, "deploy_queue_id", "");
	const char *auth = item_text(item, "deploy_auth_url", "");

	*queued = 0;
	answer = answer_trim(item->d, answer, ANSWER_MAX);
	if (*url != '\0') {
		if (queue_url(s, item, url, answer, e) == -1)
			return -1;
		++*queued;
	}
	if (*queue == '\0' && *auth == '\0')
		return 0;
	if (queue_login(s, item, *queue ? "zaqar" : "heat", answer, e) == -1)
		return -1;
	++*queued;
	return 0;
}
