/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A URL that needs no more than to be known: pre-signed CFN URLs, temp URLs,
 * wait conditions, a receiver of reports.
 *
 *	url, method (POST if absent), headers (map of strings), ca_file, body
 */
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/http.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "send-signals/send.h"

static void
own_reply(struct http_reply *reply)
{
	http_reply_clear(reply);
}

static enum verdict
send_http(const struct value *message, unsigned *after, struct error *e)
{
	own(strbuf_clear) struct strbuf body = { 0 };
	own(strlist_clear) struct strlist headers = { 0 };
	own(own_reply) struct http_reply reply = { 0 };
	const struct value *extra = value_get(message, "headers");
	const struct value *content = value_get(message, "body");
	struct http_request r = { .method =
				      value_text(message, "method", "POST"),
		.url = value_text(message, "url", ""),
		.ca_file = value_text(message, "ca_file", NULL),
		.headers = &headers };

	strlist_add(&headers, "Content-Type: application/json");
	for (uint32_t i = 0;
	     extra != NULL && extra->kind == VALUE_MAP && i < extra->len; i++) {
		const struct member m = value_member(extra, i);

		strlist_printf(
		    &headers, "%s: %s", m.name, value_text(extra, m.name, ""));
	}
	if (content != NULL)
		value_print(content, STYLE_PYTHON, &body);
	r.body = strbuf_text(&body);
	r.body_len = body.len;
	return signal_exchange(&r, &reply, after, e);
}

const struct signal signal_http = {
	.name = "http",
	.summary = "POST or PUT to a URL that needs no login",
	.send = send_http,
};
