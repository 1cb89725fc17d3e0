/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heat's own API, after a login at Keystone:
 *
 *	auth_url, user_id, password, project_id, region_name (may be absent),
 *	stack_id ("name/uuid"), resource_name, ca_file, body
 */
#include "lib/doc.h"
#include "lib/encode.h"
#include "lib/http.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "send-signals/send.h"

static char *
signal_url(const struct value *message, const char *endpoint)
{
	struct strbuf url = { 0 };

	strbuf_printf(&url, "%s/stacks/", endpoint);
	percent_encode(value_text(message, "stack_id", ""), "/", &url);
	strbuf_puts(&url, "/resources/");
	percent_encode(value_text(message, "resource_name", ""), "", &url);
	strbuf_puts(&url, "/signal");
	return strbuf_take(&url);
}

static enum verdict
post(const struct value *message, const char *endpoint, const char *token,
    struct http_reply *reply, unsigned *after, struct error *e)
{
	own_free char *url = signal_url(message, endpoint);
	own(strlist_clear) struct strlist headers = { 0 };
	own(strbuf_clear) struct strbuf body = { 0 };
	struct http_request r = { .method = "POST",
		.url = url,
		.headers = &headers,
		.follow = HTTP_FOLLOW_HOST,
		.ca_file = value_text(message, "ca_file", NULL) };

	strlist_add(&headers, "Content-Type: application/json");
	strlist_printf(&headers, "X-Auth-Token: %s", token);
	if (value_get(message, "body") != NULL)
		value_print(value_get(message, "body"), STYLE_PYTHON, &body);
	r.body = strbuf_text(&body);
	r.body_len = body.len;
	return signal_exchange(&r, reply, after, e);
}

static enum verdict
send_heat(const struct value *message, unsigned *after, struct error *e)
{
	return signal_with_token(message, "orchestration", post, after, e);
}

const struct signal signal_heat = {
	.name = "heat",
	.summary = "signal a resource by Heat's API, with a Keystone token",
	.send = send_heat,
};
