/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two resources, /metadata and /signal, by libmicrohttpd driven from a loop
 * of ours (no thread).  Headers, bodies, connections and their idleness are
 * bounded; one slow client does not hold up others.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "image-run/image-run.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/strbuf.h"

#define CONNECTIONS 100u
#define IDLE_SECONDS 30u
#define REQUEST_SECONDS 120 /* for one body, however it trickles */
#define TURNS 1000 /* of the library before others have theirs */

struct service {
	struct MHD_Daemon *daemon;
	struct service_config config;
	bool asked; /* somebody read the metadata */
};

struct request {
	struct strbuf body;
	bool is_signal;
	size_t dropped; /* bytes beyond what is taken */
	time_t start;
	struct doc *doc; /* holds report */
	const struct value *report; /* to be told of when we have answered */
};

/* ---- answers ----------------------------------------------------------- */

static void
own_response(struct MHD_Response **r)
{
	if (*r != NULL)
		MHD_destroy_response(*r);
}

static enum MHD_Result
send_text(struct MHD_Connection *c, unsigned status, const char *type,
    const char *name, const char *value, const struct strbuf *body)
{
	own(own_response) struct MHD_Response *r =
	    MHD_create_response_from_buffer(
		body->len, body->s, MHD_RESPMEM_MUST_COPY);

	if (r == NULL)
		return MHD_NO;
	if (body->len > 0)
		MHD_add_response_header(r, "Content-Type", type);
	if (name != NULL)
		MHD_add_response_header(r, name, value);
	return MHD_queue_response(c, status, r);
}

/* A short answer that says what was wrong with the request. */
static enum MHD_Result
refuse(struct MHD_Connection *c, unsigned status, const char *what)
{
	own(strbuf_clear) struct strbuf body = { 0 };
	const char *allow =
	    strstr(what, "/metadata") != NULL ? "GET, HEAD" : "POST, PUT";

	strbuf_printf(&body, "%s\n", what);
	log_debug("service: %u, %s", status, what);
	return send_text(c, status, "text/plain; charset=utf-8",
	    status == MHD_HTTP_METHOD_NOT_ALLOWED ? "Allow" : NULL, allow,
	    &body);
}

/* ---- /metadata --------------------------------------------------------- */

static enum MHD_Result
on_host(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	const char **host = ctx;

	(void)kind;
	if (strcasecmp(name, "Host") == 0)
		*host = *host == NULL && value != NULL ? value : "";
	return MHD_YES;
}

/* The one Host header if it is well formed, else NULL. */
static const char *
host_of(struct MHD_Connection *c)
{
	const char *host = NULL;

	MHD_get_connection_values(c, MHD_HEADER_KIND, on_host, &host);
	return host != NULL && host_is_valid(host) ? host : NULL;
}

/* Whether the client has this already (RFC 9110, 13.2.2). */
static bool
is_known(struct MHD_Connection *c, const char *etag, time_t modified)
{
	const char *match =
	    MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match");
	const char *since = MHD_lookup_connection_value(
	    c, MHD_HEADER_KIND, "If-Modified-Since");

	if (match != NULL)
		return answer_matches(match, etag);
	return since != NULL && answer_parse_date(since) >= modified;
}

static enum MHD_Result
send_metadata(struct service *s, struct MHD_Connection *c)
{
	own(strbuf_clear) struct strbuf body = { 0 };
	own(own_response) struct MHD_Response *r = NULL;
	own_free char *date = NULL;
	const char *host = host_of(c);
	char etag[ETAG_TEXT];
	bool known;

	if (host == NULL)
		return refuse(c, MHD_HTTP_BAD_REQUEST, "one valid Host wanted");
	input_refresh(s->config.input);
	answer_body(s->config.input->map, host, &body);
	answer_etag(&body, etag);
	date = answer_date(s->config.input->modified);
	known = is_known(c, etag, s->config.input->modified);
	r = MHD_create_response_from_buffer(
	    body.len, body.s, MHD_RESPMEM_MUST_COPY);
	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", "application/json");
	MHD_add_response_header(r, "ETag", etag);
	MHD_add_response_header(r, "Last-Modified", date);
	MHD_add_response_header(r, "Cache-Control", "no-cache");
	if (!s->asked)
		log_info("the machine asked for its metadata");
	s->asked = true;
	return MHD_queue_response(
	    c, known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, r);
}

/* ---- /signal ----------------------------------------------------------- */

/* A body too long is read on, to answer it, but only so far. */
static enum MHD_Result
take_body(struct request *q, const char *data, size_t n)
{
	if (time(NULL) - q->start > REQUEST_SECONDS)
		return MHD_NO;
	if (q->dropped == 0 && n <= LIMIT_REPORT_BYTES - q->body.len)
		strbuf_add(&q->body, data, n);
	else
		q->dropped += n;
	return q->dropped <= LIMIT_HTTP_BODY ? MHD_YES : MHD_NO;
}

static enum MHD_Result
accept_signal(struct MHD_Connection *c, struct request *q)
{
	const struct strbuf none = { 0 };
	struct error e;

	if (q->dropped > 0)
		return refuse(
		    c, MHD_HTTP_CONTENT_TOO_LARGE, "the report is too long");
	q->doc = doc_new();
	q->report =
	    doc_parse(q->doc, strbuf_text(&q->body), q->body.len, "report", &e);
	if (q->report == NULL) {
		log_warn("what came as a report is no JSON: %s", e.text);
		return refuse(c, MHD_HTTP_BAD_REQUEST, e.text);
	}
	return send_text(c, MHD_HTTP_OK, "", NULL, NULL, &none);
}

/* ---- requests ---------------------------------------------------------- */

static bool
is_any(const char *method, const char *a, const char *b)
{
	return strcmp(method, a) == 0 || strcmp(method, b) == 0;
}

/* Whether the length that a body announces is more than we take. */
static bool
announces_too_much(struct MHD_Connection *c)
{
	const char *length =
	    MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");

	return length != NULL &&
	    strtoull(length, NULL, 10) > LIMIT_REPORT_BYTES;
}

/* The first look at a request, before its body. */
static enum MHD_Result
begin(struct MHD_Connection *c, const char *url, const char *method,
    void **context)
{
	bool is_signal = strcmp(url, "/signal") == 0;
	struct request *q;

	if (!is_signal && strcmp(url, "/metadata") != 0)
		return refuse(c, MHD_HTTP_NOT_FOUND, "no such resource");
	if (is_signal && !is_any(method, "POST", "PUT"))
		return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED,
		    "a report is sent to /signal by POST or PUT");
	if (!is_signal && !is_any(method, "GET", "HEAD"))
		return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED,
		    "/metadata can only be read");
	if (announces_too_much(c))
		return refuse(
		    c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
	q = mem_alloc(sizeof(*q));
	q->is_signal = is_signal;
	q->start = time(NULL);
	*context = q;
	return MHD_YES;
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *len,
    void **context)
{
	struct service *s = ctx;
	struct request *q = *context;
	enum MHD_Result r;

	(void)version;
	if (q == NULL)
		return begin(c, url, method, context);
	if (*len > 0) {
		r = take_body(q, data, *len);
		*len = 0;
		return r;
	}
	return q->is_signal ? accept_signal(c, q) : send_metadata(s, c);
}

/* The answer is out, or the client is gone: now the report may have effect. */
static void
on_completed(void *ctx, struct MHD_Connection *c, void **context,
    enum MHD_RequestTerminationCode code)
{
	struct service *s = ctx;
	struct request *q = *context;

	(void)c;
	(void)code;
	if (q == NULL)
		return;
	if (q->report != NULL)
		s->config.report(s->config.ctx, q->report);
	doc_free(q->doc);
	strbuf_clear(&q->body);
	free(q);
	*context = NULL;
}

static void __attribute__((format(printf, 2, 0)))
on_log(void *ctx, const char *fmt, va_list ap)
{
	char text[512];

	(void)ctx;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug("service: %s", text);
}

/* ---- the service ------------------------------------------------------- */

struct service *
service_open(const struct service_config *config, struct error *e)
{
	struct service *s = mem_alloc(sizeof(*s));

	s->config = *config;
	if (listen(config->fd, SOMAXCONN) == -1) {
		error_errno(e, "metadata service");
		service_close(s);
		return NULL;
	}
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL,
	    NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, config->fd, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, s, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (s->daemon == NULL) {
		error_set(e, 0, "the metadata service does not start");
		service_close(s);
		return NULL;
	}
	return s;
}

int
service_fd(const struct service *s)
{
	return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)
	    ->epoll_fd;
}

void
service_run(struct service *s)
{
	MHD_UNSIGNED_LONG_LONG wait;

	for (int i = 0; i < TURNS; i++) {
		MHD_run(s->daemon);
		if (MHD_get_timeout(s->daemon, &wait) != MHD_YES || wait > 0)
			break;
	}
}

void
service_close(struct service *s)
{
	if (s == NULL)
		return;
	if (s->daemon != NULL)
		MHD_stop_daemon(s->daemon);
	else
		close(s->config.fd);
	free(s);
}
