/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface: an easy handle per call, bodies and headers
 * bounded as they come.  A single exchange is a loop with one call.
 */
#include "lib/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/error.h"
#include "lib/http-call.h"
#include "lib/limits.h"
#include "lib/mem.h"

/* Certificates by hash: only those needed are read, not the whole bundle. */
#define CA_FOLDER "/etc/ssl/certs"
#define DESCRIPTORS 128 /* waited for, half of them the caller's */
#define CONNECTIONS 8 /* kept open for the next request */

/* ---- what comes in ------------------------------------------------------ */

static size_t
on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;
	long status = 0;

	n *= size;
	if (c->chunk != NULL)
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	c->reply.status = status;
	if (status >= 200 && status <= 299) {
		c->stopped = !c->chunk(c->chunk_ctx, data, n);
		return c->stopped ? 0 : n;
	}
	if (n > c->max - c->reply.body.len) {
		c->too_long = true;
		return 0;
	}
	strbuf_add(&c->reply.body, data, n);
	return n;
}

static size_t
on_header(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;
	size_t len = n * size;
	char *line;

	c->header_bytes += len;
	if (c->header_bytes > LIMIT_HTTP_HEADER) {
		c->too_long = true;
		return 0;
	}
	while (len > 0 && isspace((unsigned char)data[len - 1]))
		len--;
	if (len > 5 && memcmp(data, "HTTP/", 5) == 0) {
		/* A new response: what came before was a redirect or 100. */
		strlist_clear(&c->reply.headers);
		strbuf_cut(&c->reply.body, 0);
		return n * size;
	}
	if (len == 0)
		return n * size;
	line = mem_dupn(data, len);
	for (char *s = line; *s != '\0' && *s != ':'; s++)
		*s = (char)tolower((unsigned char)*s);
	strlist_take(&c->reply.headers, line);
	return n * size;
}

/* ---- what goes out ------------------------------------------------------ */

static void
set_headers(struct http_call *c, const struct http_request *r)
{
	/* No "Expect: 100-continue": small servers do not answer it. */
	struct curl_slist *l = curl_slist_append(NULL, "Expect:");

	for (size_t i = 0; r->headers != NULL && i < r->headers->len; i++)
		l = curl_slist_append(l, r->headers->items[i]);
	c->header_list = l;
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, l);
}

static void
set_method(CURL *c, const struct http_request *r)
{
	if (r->body != NULL) {
		curl_easy_setopt(
		    c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
		curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, r->body);
	}
	/* A POST that is sent elsewhere stays one, with its body. */
	curl_easy_setopt(
	    c, CURLOPT_POSTREDIR, CURL_REDIR_POST_301 | CURL_REDIR_POST_302);
	if (r->method != NULL && strcmp(r->method, "HEAD") == 0)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	else if (r->method != NULL &&
	    (r->body == NULL || strcmp(r->method, "POST") != 0))
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
}

static void
set_trust(CURL *c, const struct http_request *r)
{
	if (r->ca_file != NULL) {
		curl_easy_setopt(c, CURLOPT_CAINFO, r->ca_file);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	} else {
		curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(c, CURLOPT_CAPATH, CA_FOLDER);
	}
	if (r->cert_file != NULL)
		curl_easy_setopt(c, CURLOPT_SSLCERT, r->cert_file);
	if (r->key_file != NULL)
		curl_easy_setopt(c, CURLOPT_SSLKEY, r->key_file);
	if (r->insecure) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

/* A websocket begins as a mere connection to an HTTP server. */
static void
set_url(CURL *c, const struct http_request *r)
{
	own_free char *url = NULL;

	if (r->websocket)
		curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
	if (r->websocket && strncasecmp(r->url, "ws", 2) == 0)
		url = mem_printf("http%s", r->url + 2);
	curl_easy_setopt(c, CURLOPT_URL, url != NULL ? url : r->url);
}

/*
 * A watch waits for long without a byte, and TCP itself would never notice
 * that the other side, or the way to it, is gone.
 */
static int
on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	const int on = 1, idle = LIMIT_HTTP_DEAD_SECONDS / 2,
		  again = LIMIT_HTTP_DEAD_SECONDS / 6;
	const unsigned dead = LIMIT_HTTP_DEAD_SECONDS * 1000;

	(void)ctx;
	(void)purpose;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &again, sizeof(again));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof(dead));
	return CURL_SOCKOPT_OK;
}

static void
set_up(struct http_call *call, const struct http_request *r)
{
	CURL *c = call->easy;

	curl_easy_setopt(c, CURLOPT_PRIVATE, call);
	set_url(c, r);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(
	    c, CURLOPT_FOLLOWLOCATION, r->follow == HTTP_FOLLOW_ANY ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)LIMIT_HTTP_REDIRECTS);
	curl_easy_setopt(
	    c, CURLOPT_CONNECTTIMEOUT, (long)LIMIT_HTTP_CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT,
	    (long)(r->seconds ? r->seconds : LIMIT_HTTP_SECONDS));
	if (r->idle_seconds > 0) {
		curl_easy_setopt(
		    c, CURLOPT_LOW_SPEED_LIMIT, (long)LIMIT_HTTP_SLOWEST);
		curl_easy_setopt(
		    c, CURLOPT_LOW_SPEED_TIME, (long)r->idle_seconds);
	}
	curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "ingot/" VERSION);
	if (!r->plain)
		curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, call->what);
	if (r->direct)
		curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	set_trust(c, r);
	set_method(c, r);
	set_headers(call, r);
}

/* ---- calls -------------------------------------------------------------- */

struct http_call *
http_start(struct http_loop *l, const struct http_request *r, http_done *done,
    void *ctx)
{
	struct http_call *c = mem_alloc(sizeof(*c));

	c->loop = l;
	c->easy = curl_easy_init();
	c->shown = http_redacted(r->url);
	c->follow = r->follow;
	c->max = r->max ? r->max : LIMIT_HTTP_BODY;
	c->chunk = r->chunk;
	c->chunk_ctx = r->chunk_ctx;
	c->done = done;
	c->ctx = ctx;
	if (c->easy == NULL)
		abort(); /* as when memory is out */
	set_up(c, r);
	if (r->websocket)
		websocket_new(c, r);
	curl_multi_add_handle(l->multi, c->easy);
	c->next = l->calls;
	l->calls = c;
	return c;
}

const struct http_reply *
http_so_far(const struct http_call *c)
{
	return &c->reply;
}

void
http_cancel(struct http_call *c)
{
	struct http_call **at = &c->loop->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	curl_multi_remove_handle(c->loop->multi, c->easy);
	curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->header_list);
	http_reply_clear(&c->reply);
	websocket_free(c);
	free(c->shown);
	free(c);
}

/* EINVAL is our own mistake: of a URL that was never asked. */
static int
code_of(CURL *easy, CURLcode r)
{
	long sent = 0;

	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
	switch (r) {
	case CURLE_OPERATION_TIMEDOUT: /* or no connection in time */
		return sent > 0 ? ETIMEDOUT : ECONNREFUSED;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return ECONNREFUSED;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL: /* or no HTTP came back */
		return sent > 0 ? EPROTO : EINVAL;
	default:
		return EPROTO;
	}
}

/* curl counts milliseconds; without them the same trouble reads the same. */
static void
cut_count(char *what)
{
	static const char *const units[] = { " milliseconds", " ms" };
	char *from = strstr(what, " after "), *to;

	if (from == NULL)
		return;
	to = from + strlen(" after ");
	to += strspn(to, "0123456789");
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strncmp(to, units[i], strlen(units[i])) == 0) {
			to += strlen(units[i]);
			memmove(from, to, strlen(to) + 1);
			return;
		}
}

static int
outcome(struct http_call *c, CURLcode result, struct error *e)
{
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->reply.status);
	if (c->too_long)
		return error_set(e, EFBIG,
		    "%s: the answer is longer than %zu bytes", c->shown,
		    c->header_bytes > LIMIT_HTTP_HEADER ? LIMIT_HTTP_HEADER
							: c->max);
	cut_count(c->what);
	if (result != CURLE_OK && !c->stopped)
		return error_set(e, code_of(c->easy, result), "%s: %s",
		    c->shown, *c->what ? c->what : curl_easy_strerror(result));
	return 0;
}

/* The host of a URL as curl understands it, to be freed with curl_free. */
static char *
host_of(const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL;

	if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK)
		curl_url_get(u, CURLUPART_HOST, &host, 0);
	curl_url_cleanup(u);
	return host;
}

/* Ask again where a redirect leads, if that is on the same host. */
static bool
follow(struct http_call *c)
{
	char *to = NULL, *from = NULL, *a, *b;
	bool same;

	curl_easy_getinfo(c->easy, CURLINFO_REDIRECT_URL, &to);
	curl_easy_getinfo(c->easy, CURLINFO_EFFECTIVE_URL, &from);
	if (c->follow != HTTP_FOLLOW_HOST || to == NULL || from == NULL ||
	    c->redirects++ >= LIMIT_HTTP_REDIRECTS)
		return false;
	a = host_of(from);
	b = host_of(to);
	same = a != NULL && b != NULL && strcasecmp(a, b) == 0 &&
	    (strncmp(from, "https:", 6) != 0 || strncmp(to, "https:", 6) == 0);
	curl_free(a);
	curl_free(b);
	if (!same)
		return false;
	curl_multi_remove_handle(c->loop->multi, c->easy);
	curl_easy_setopt(c->easy, CURLOPT_URL, to);
	http_reply_clear(&c->reply);
	curl_multi_add_handle(c->loop->multi, c->easy);
	return true;
}

static void
finish(struct http_call *c, CURLcode result)
{
	struct error e;

	if (result == CURLE_OK && !c->too_long && follow(c))
		return;
	if (outcome(c, result, &e) == -1)
		c->done(c->ctx, NULL, &e);
	else
		c->done(c->ctx, &c->reply, NULL);
	http_cancel(c);
}

/* ---- the loop ----------------------------------------------------------- */

struct http_loop *
http_loop_new(void)
{
	struct http_loop *l = mem_alloc(sizeof(*l));

	l->multi = curl_multi_init();
	if (l->multi == NULL)
		abort();
	curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
	return l;
}

void
http_loop_free(struct http_loop *l)
{
	if (l == NULL)
		return;
	while (l->calls != NULL)
		http_cancel(l->calls);
	curl_multi_cleanup(l->multi);
	free(l);
}

/* Returns whether any call ended. */
static bool
go_on(struct http_loop *l, CURLMcode *r)
{
	int running, left;
	CURLMsg *m;
	bool any = false;

	*r = curl_multi_perform(l->multi, &running);
	while ((m = curl_multi_info_read(l->multi, &left)) != NULL) {
		struct http_call *c = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		if (c->websocket != NULL && m->data.result == CURLE_OK)
			websocket_open(c);
		else
			finish(c, m->data.result);
		any = true;
	}
	return any;
}

/* See to the websockets; returns whether one ended. */
static bool
turn_websockets(struct http_loop *l)
{
	bool any = false;

	for (struct http_call *c = l->calls, *next; c != NULL; c = next) {
		struct error e;
		int r;

		next = c->next;
		if (c->websocket == NULL || websocket_fd(c) == -1)
			continue;
		r = websocket_turn(c, &e);
		if (r == 0)
			continue;
		c->done(c->ctx, r == 1 ? &c->reply : NULL, &e);
		http_cancel(c);
		any = true;
	}
	return any;
}

/* Everything to wait for; returns how many. */
static unsigned
wait_list(const struct http_loop *l, const struct pollfd *fds, size_t n,
    struct curl_waitfd *list)
{
	unsigned at = 0;

	for (; at < n; at++)
		list[at] = (struct curl_waitfd){ .fd = fds[at].fd,
			.events = CURL_WAIT_POLLIN };
	for (const struct http_call *c = l->calls;
	     c != NULL && at < DESCRIPTORS; c = c->next)
		if (c->websocket != NULL && websocket_fd(c) != -1)
			list[at++] =
			    (struct curl_waitfd){ .fd = websocket_fd(c),
				    .events = CURL_WAIT_POLLIN };
	return at;
}

int
http_wait(
    struct http_loop *l, struct pollfd *fds, size_t n, int ms, struct error *e)
{
	struct curl_waitfd list[DESCRIPTORS];
	CURLMcode r;
	int ready;

	if (n > DESCRIPTORS / 2)
		return error_set(e, EINVAL, "http: too many descriptors");
	if (go_on(l, &r) || turn_websockets(l))
		ms = 0;
	if (r == CURLM_OK)
		r = curl_multi_poll(
		    l->multi, list, wait_list(l, fds, n, list), ms, &ready);
	if (r != CURLM_OK)
		return error_set(e, EIO, "http: %s", curl_multi_strerror(r));
	for (size_t i = 0; i < n; i++)
		fds[i].revents = list[i].revents ? POLLIN : 0;
	go_on(l, &r);
	turn_websockets(l);
	return 0;
}

struct single {
	struct http_reply *reply;
	struct error *e;
	int result;
	bool done;
};

static void
on_done(void *ctx, struct http_reply *reply, const struct error *e)
{
	struct single *s = ctx;

	s->done = true;
	if (reply == NULL) {
		*s->e = *e;
		s->result = -1;
		return;
	}
	*s->reply = *reply;
	*reply = (struct http_reply){ 0 };
}

int
http_do(const struct http_request *r, struct http_reply *reply, struct error *e)
{
	ownp(http_loop_free) struct http_loop *l = http_loop_new();
	struct single s = { .reply = reply, .e = e };

	http_reply_clear(reply);
	http_start(l, r, on_done, &s);
	while (!s.done)
		if (http_wait(l, NULL, 0, 1000, e) == -1)
			return -1;
	return s.result;
}
