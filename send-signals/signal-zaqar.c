/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message in a queue of Zaqar, after a login at Keystone:
 *
 *	auth_url, user_id, password, project_id, region_name (may be absent),
 *	queue_id, ca_file, body
 */
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/encode.h"
#include "lib/http.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "send-signals/send.h"

#define TTL 600 /* seconds that the queue keeps it for Heat */

static void
print_body(const struct value *message, struct strbuf *b)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *root = value_map(d), *list = value_list(d);
	struct value *one = value_map(d);
	const struct value *body = value_get(message, "body");

	value_set(
	    d, one, "body", body != NULL ? value_copy(d, body) : value_null(d));
	value_set(d, one, "ttl", value_int(d, TTL));
	value_add(d, list, one);
	value_set(d, root, "messages", list);
	value_print(root, STYLE_PYTHON, b);
}

/* Zaqar wants to know its clients apart: the same user, the same client. */
static void
add_headers(
    const struct value *message, const char *token, struct strlist *headers)
{
	const char *project = value_text(message, "project_id", "");
	uint8_t id[16];
	own(strbuf_clear) struct strbuf text = { 0 };

	digest_uuid("zaqar", value_text(message, "user_id", ""), id);
	for (size_t i = 0; i < sizeof(id); i++)
		strbuf_printf(&text, "%02x", id[i]);
	strlist_add(headers, "Content-Type: application/json");
	strlist_add(headers, "Accept: application/json");
	strlist_printf(headers, "Client-ID: %s", text.s);
	strlist_printf(headers, "X-Project-Id: %s", project);
	strlist_printf(headers, "X-Auth-Token: %s", token);
}

static enum verdict
post(const struct value *message, const char *endpoint, const char *token,
    struct http_reply *reply, unsigned *after, struct error *e)
{
	own(strlist_clear) struct strlist headers = { 0 };
	own(strbuf_clear) struct strbuf url = { 0 }, body = { 0 };
	struct http_request r = { .method = "POST",
		.headers = &headers,
		.follow = HTTP_FOLLOW_HOST,
		.ca_file = value_text(message, "ca_file", NULL) };

	strbuf_printf(&url, "%s/v1.1/queues/", endpoint);
	percent_encode(value_text(message, "queue_id", ""), "", &url);
	strbuf_puts(&url, "/messages");
	add_headers(message, token, &headers);
	print_body(message, &body);
	r.url = url.s;
	r.body = body.s;
	r.body_len = body.len;
	return signal_exchange(&r, reply, after, e);
}

static enum verdict
send_zaqar(const struct value *message, unsigned *after, struct error *e)
{
	return signal_with_token(message, "messaging", post, after, e);
}

const struct signal signal_zaqar = {
	.name = "zaqar",
	.summary = "put a message into a Zaqar queue, with a Keystone token",
	.send = send_zaqar,
};
