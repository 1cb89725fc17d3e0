/* SPDX-License-Identifier: Apache-2.0 */
/* The transports, and what an HTTP answer means for a message. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/http.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "send-signals/send.h"

#define ANSWER_BYTES 65536 /* of an answer that hardly anyone reads */
#define ANSWER_SHOWN 160
#define EXCHANGE_SECONDS 30
#define AFTER_MAX 3600

const struct signal *const signals[] = {
	&signal_http,
	&signal_heat,
	&signal_zaqar,
	NULL,
};

enum verdict
signal_send(const struct value *message, unsigned *after, struct error *e)
{
	const char *name = value_text(message, "transport", "");

	*after = 0;
	for (size_t i = 0; signals[i] != NULL; i++)
		if (strcmp(signals[i]->name, name) == 0)
			return signals[i]->send(message, after, e);
	error_set(e, EINVAL, "no such transport: %.40s", name);
	return VERDICT_REFUSED;
}

char *
signal_receiver(const struct value *message)
{
	const char *url = value_text(
	    message, "url", value_text(message, "auth_url", "nowhere"));
	own_free char *shown = http_redacted(url);
	char *host = strstr(shown, "://");

	if (host != NULL)
		host[3 + strcspn(host + 3, "/")] = '\0';
	return take(shown);
}

static unsigned
retry_after(const struct http_reply *reply)
{
	const char *text = http_header(reply, "retry-after");
	unsigned long n = text == NULL ? 0 : strtoul(text, NULL, 10);

	return n > AFTER_MAX ? AFTER_MAX : (unsigned)n;
}

static enum verdict
judge(const struct http_request *request, const struct http_reply *reply,
    unsigned *after, struct error *e)
{
	own_free char *shown = http_redacted(request->url);

	if (reply->status >= 200 && reply->status <= 299)
		return VERDICT_DONE;
	error_set(e, EPROTO, "%s: HTTP status %ld%s%.*s", shown, reply->status,
	    reply->body.len > 0 ? ": " : "", ANSWER_SHOWN,
	    strbuf_text(&reply->body));
	if (!http_is_temporary(reply->status))
		return VERDICT_REFUSED;
	*after = retry_after(reply);
	return VERDICT_LATER;
}

static void
own_reply(struct http_reply *reply)
{
	http_reply_clear(reply);
}

/* Hardly anyone reads the answer to a signal; a long one is cut off. */
static bool
drop(void *ctx, const char *data, size_t n)
{
	size_t *left = ctx;

	(void)data;
	if (n > *left)
		return false;
	*left -= n;
	return true;
}

enum verdict
signal_exchange(const struct http_request *request, struct http_reply *reply,
    unsigned *after, struct error *e)
{
	struct http_request r = *request;
	size_t left = ANSWER_BYTES;

	if (r.max == 0) {
		r.chunk = drop;
		r.chunk_ctx = &left;
		r.max = ANSWER_BYTES;
	}
	r.seconds = EXCHANGE_SECONDS;
	if (http_do(&r, reply, e) == 0)
		return judge(&r, reply, after, e);
	/* Only of a success is a body heard; then it stalled or broke off. */
	if (left < ANSWER_BYTES)
		return VERDICT_DONE;
	return e->code == EINVAL ? VERDICT_REFUSED : VERDICT_UNREACHABLE;
}

static enum verdict
post_once(const struct value *message, const char *service, signal_post *post,
    long *status, unsigned *after, struct error *e)
{
	own_free char *token = NULL, *endpoint = NULL;
	own(own_reply) struct http_reply reply = { 0 };
	enum verdict v =
	    keystone_login(message, service, &token, &endpoint, after, e);

	*status = 0;
	if (v != VERDICT_DONE)
		return v;
	v = post(message, endpoint, token, &reply, after, e);
	*status = reply.status;
	return v;
}

enum verdict
signal_with_token(const struct value *message, const char *service,
    signal_post *post, unsigned *after, struct error *e)
{
	long status;
	enum verdict v = post_once(message, service, post, &status, after, e);

	if (status != 401)
		return v;
	keystone_forget(message);
	return post_once(message, service, post, &status, after, e);
}
