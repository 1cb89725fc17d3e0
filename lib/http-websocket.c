/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Websockets (RFC 6455) over a connection that curl made: the handshake,
 * frames in and out, pings to notice a peer that is gone.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "lib/bytes.h"
#include "lib/clock.h"
#include "lib/digest.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/http-call.h"
#include "lib/limits.h"
#include "lib/mem.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define PING_MS \
	(LIMIT_HTTP_DEAD_SECONDS * \
	    500) /* of silence, after which a ping is sent */
#define SILENCE_MS \
	(LIMIT_HTTP_DEAD_SECONDS * \
	    1000) /* after which the peer counts as gone */

enum opcode {
	OP_MORE = 0,
	OP_TEXT = 1,
	OP_BINARY = 2,
	OP_CLOSE = 8,
	OP_PING = 9,
	OP_PONG = 10,
};

struct websocket {
	char *request; /* the handshake */
	char key[32];
	int fd; /* -1 before it is connected */
	bool open; /* the handshake is over */
	bool pinged;
	int64_t heard, until; /* clock_ms() */
	struct strbuf in, out, message;
};

static void
random_bytes(uint8_t *to, size_t n)
{
	if (getrandom(to, n, 0) != (ssize_t)n)
		abort();
}

void
websocket_new(struct http_call *c, const struct http_request *r)
{
	struct websocket *w = mem_alloc(sizeof(*w));
	const char *host = strstr(r->url, "://"), *path;
	own(strbuf_clear) struct strbuf key = { 0 }, b = { 0 };
	uint8_t bytes[16];

	host = host != NULL ? host + 3 : r->url;
	path = host + strcspn(host, "/?#");
	random_bytes(bytes, sizeof(bytes));
	base64_encode(bytes, sizeof(bytes), &key);
	snprintf(w->key, sizeof(w->key), "%s", key.s);
	strbuf_printf(&b,
	    "GET %s%.*s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
	    "Sec-WebSocket-Version: 13\r\nUser-Agent: ingot/" VERSION "\r\n",
	    *path == '/' ? "" : "/", (int)strcspn(path, "#"), path,
	    (int)(path - host), host, w->key);
	for (size_t i = 0; r->headers != NULL && i < r->headers->len; i++)
		strbuf_printf(&b, "%s\r\n", r->headers->items[i]);
	strbuf_puts(&b, "\r\n");
	w->request = strbuf_take(&b);
	w->fd = -1;
	w->until = clock_ms() +
	    (r->seconds ? r->seconds : LIMIT_HTTP_SECONDS) * 1000LL;
	c->websocket = w;
}

void
websocket_free(struct http_call *c)
{
	struct websocket *w = c->websocket;

	if (w == NULL)
		return;
	free(w->request);
	strbuf_clear(&w->in);
	strbuf_clear(&w->out);
	strbuf_clear(&w->message);
	free(w);
}

int
websocket_fd(const struct http_call *c)
{
	return c->websocket->fd;
}

void
websocket_open(struct http_call *c)
{
	struct websocket *w = c->websocket;
	curl_socket_t fd = CURL_SOCKET_BAD;

	curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd);
	w->fd = (int)fd;
	w->heard = clock_ms();
	strbuf_puts(&w->out, w->request);
}

/* ---- out ---------------------------------------------------------------- */

/* Frames of a client are masked (5.3). */
static void
put_frame(struct websocket *w, enum opcode op, const char *data, size_t n)
{
	uint8_t head[14], mask[4];
	size_t len = 2;
	char *to;

	head[0] = (uint8_t)(0x80 | op);
	if (n < 126) {
		head[1] = (uint8_t)(0x80 | n);
	} else if (n <= 0xffff) {
		head[1] = 0x80 | 126;
		put_be16(head + 2, (uint16_t)n);
		len += 2;
	} else {
		head[1] = 0x80 | 127;
		put_be64(head + 2, n);
		len += 8;
	}
	random_bytes(mask, sizeof(mask));
	memcpy(head + len, mask, sizeof(mask));
	strbuf_add(&w->out, head, len + sizeof(mask));
	to = strbuf_reserve(&w->out, n + 1);
	for (size_t i = 0; i < n; i++)
		to[i] = (char)(data[i] ^ mask[i % 4]);
	w->out.len += n;
}

void
http_send(struct http_call *c, const char *text, size_t n)
{
	put_frame(c->websocket, OP_TEXT, text, n);
}

static int
flush(struct http_call *c, struct error *e)
{
	struct strbuf *out = &c->websocket->out;
	size_t done = 0;
	CURLcode r;

	while (out->len > 0) {
		r = curl_easy_send(c->easy, out->s, out->len, &done);
		if (r == CURLE_AGAIN)
			return 0;
		if (r != CURLE_OK)
			return error_set(e, EPROTO, "%s: %s", c->shown,
			    curl_easy_strerror(r));
		memmove(out->s, out->s + done, out->len - done);
		out->len -= done;
	}
	return 0;
}

/* ---- in ----------------------------------------------------------------- */

/* Read all that is there.  Returns 1 when the peer closed the connection. */
static int
fill(struct http_call *c, struct error *e)
{
	struct websocket *w = c->websocket;
	char buf[16384];
	size_t n = 0;
	CURLcode r;

	while (
	    (r = curl_easy_recv(c->easy, buf, sizeof(buf), &n)) == CURLE_OK) {
		if (n == 0)
			return 1;
		w->heard = clock_ms();
		w->pinged = false;
		strbuf_add(&w->in, buf, n);
		if (w->in.len > LIMIT_HTTP_BODY)
			return error_set(e, EFBIG,
			    "%s: a message is longer than %zu bytes", c->shown,
			    LIMIT_HTTP_BODY);
	}
	if (r == CURLE_AGAIN)
		return 0;
	return error_set(e, EPROTO, "%s: %s", c->shown, curl_easy_strerror(r));
}

static void
consume(struct strbuf *b, size_t n)
{
	memmove(b->s, b->s + n, b->len - n);
	b->len -= n;
}

/* What Sec-WebSocket-Accept must be (4.2.2). */
static void
accept_value(const struct websocket *w, struct strbuf *to)
{
	own_free char *text = mem_printf("%s" GUID, w->key);
	uint8_t sum[DIGEST_SHA1_BYTES];

	digest_sha1(text, strlen(text), sum);
	base64_encode(sum, sizeof(sum), to);
}

/* The server's answer to the handshake, once it is whole. */
static int
take_handshake(struct http_call *c, struct error *e)
{
	struct websocket *w = c->websocket;
	own(strbuf_clear) struct strbuf want = { 0 };
	own_free char *head = NULL;
	const char *end = memmem(strbuf_text(&w->in), w->in.len, "\r\n\r\n", 4),
		   *line;

	if (end == NULL && w->in.len <= LIMIT_HTTP_HEADER)
		return 0;
	if (end == NULL)
		return error_set(e, EFBIG, "%s: endless headers", c->shown);
	head = mem_dupn(w->in.s, (size_t)(end - w->in.s));
	if (strncmp(head, "HTTP/1.1 101", 12) != 0)
		return error_set(e, EPROTO, "%s: answered %.60s", c->shown,
		    strncmp(head, "HTTP/1.", 7) == 0 ? strtok(head + 9, "\r\n")
						     : "no HTTP");
	accept_value(w, &want);
	line = strcasestr(head, "\r\nSec-WebSocket-Accept:");
	if (line != NULL) {
		line += strlen("\r\nSec-WebSocket-Accept:");
		line += strspn(line, " \t");
	}
	if (line == NULL || strncmp(line, want.s, want.len) != 0)
		return error_set(
		    e, EPROTO, "%s: not the answer of a websocket", c->shown);
	consume(&w->in, (size_t)(end - w->in.s) + 4);
	w->open = true;
	c->reply.status = 200;
	c->stopped = !c->chunk(c->chunk_ctx, "", 0);
	return 0;
}

/*
 * The first frame in w->in: its length, or 0 when not even that is there yet.
 * No length is so large that adding to it could wrap.
 */
static uint64_t
frame_length(const struct websocket *w, size_t *head)
{
	const uint8_t *p = (const uint8_t *)w->in.s;
	uint64_t n;

	*head = 2;
	if (w->in.len < 2)
		return 0;
	n = p[1] & 0x7f;
	if (n == 126)
		*head = 4;
	else if (n == 127)
		*head = 10;
	if (w->in.len < *head)
		return 0;
	if (n == 126)
		n = get_be16(p + 2);
	else if (n == 127)
		n = get_be64(p + 2);
	return *head + (n <= LIMIT_HTTP_BODY ? n : LIMIT_HTTP_BODY + 1);
}

static int
take_frame(struct http_call *c, size_t head, size_t n, struct error *e)
{
	struct websocket *w = c->websocket;
	uint8_t first = (uint8_t)w->in.s[0];
	const char *data = w->in.s + head;

	/* What controls is short and whole (5.5). */
	if ((w->in.s[1] & 0x80) != 0 || (first & 0x70) != 0 ||
	    ((first & 0x08) != 0 && (n > 125 || (first & 0x80) == 0)))
		return error_set(e, EPROTO, "%s: a bad frame", c->shown);
	switch (first & 0x0f) {
	case OP_PING:
		put_frame(w, OP_PONG, data, n);
		return 0;
	case OP_PONG:
		return 0;
	case OP_CLOSE:
		return error_set(
		    e, ECONNRESET, "%s: the peer closed", c->shown);
	case OP_MORE:
	case OP_TEXT:
	case OP_BINARY:
		break;
	default:
		return error_set(e, EPROTO, "%s: a bad frame", c->shown);
	}
	if (w->message.len + n > LIMIT_HTTP_BODY)
		return error_set(
		    e, EFBIG, "%s: a message is too long", c->shown);
	strbuf_add(&w->message, data, n);
	if ((first & 0x80) != 0 && w->message.len > 0) {
		c->stopped =
		    !c->chunk(c->chunk_ctx, w->message.s, w->message.len);
		strbuf_cut(&w->message, 0);
	}
	return 0;
}

static int
take_frames(struct http_call *c, struct error *e)
{
	struct websocket *w = c->websocket;
	size_t head;
	uint64_t n;

	while (!c->stopped && (n = frame_length(w, &head)) > 0) {
		if (n > LIMIT_HTTP_BODY)
			return error_set(
			    e, EFBIG, "%s: a frame is too long", c->shown);
		if (n > w->in.len)
			return 0;
		if (take_frame(c, head, (size_t)n - head, e) == -1)
			return -1;
		consume(&w->in, (size_t)n);
	}
	return 0;
}

static int
check_time(struct http_call *c, struct error *e)
{
	struct websocket *w = c->websocket;
	int64_t now = clock_ms();

	if (now >= w->until)
		return error_set(
		    e, ETIMEDOUT, "%s: its time is over", c->shown);
	if (now - w->heard >= SILENCE_MS)
		return error_set(e, ECONNRESET, "%s: silence", c->shown);
	if (w->open && !w->pinged && now - w->heard >= PING_MS) {
		put_frame(w, OP_PING, "", 0);
		w->pinged = true;
	}
	return 0;
}

int
websocket_turn(struct http_call *c, struct error *e)
{
	struct websocket *w = c->websocket;
	int ended = fill(c, e);

	if (ended == -1)
		return -1;
	if (!w->open && take_handshake(c, e) == -1)
		return -1;
	if (w->open && !c->stopped && take_frames(c, e) == -1)
		return -1;
	if (c->stopped) {
		put_frame(w, OP_CLOSE, "\x03\xe8", 2); /* 1000: normal */
		(void)flush(c, e);
		return 1;
	}
	if (ended == 1)
		return error_set(
		    e, ECONNRESET, "%s: the peer closed", c->shown);
	if (check_time(c, e) == -1)
		return -1;
	return flush(c, e);
}
