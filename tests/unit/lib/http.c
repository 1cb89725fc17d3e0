/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP against a small server of our own with good and bad manners. */
#include "lib/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/digest.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "tests/unit/check.h"

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

static unsigned port;

/* ---- the server --------------------------------------------------------- */

static const struct {
	const char *path, *reply;
} canned[] = {
	{ "/ok",
	    "HTTP/1.1 200 OK\r\nX-Test:  a b \r\nContent-Length: 5\r\n\r\n"
	    "hello" },
	{ "/empty", "HTTP/1.1 204 No Content\r\n\r\n" },
	{ "/busy",
	    "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\n"
	    "busy" },
	{ "/redirect",
	    "HTTP/1.1 302 Found\r\nX-Old: 1\r\nLocation: /ok\r\n"
	    "Content-Length: 3\r\n\r\nold" },
	{ "/loop",
	    "HTTP/1.1 302 Found\r\nLocation: /loop\r\n"
	    "Content-Length: 0\r\n\r\n" },
	{ "/file",
	    "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
	    "Content-Length: 0\r\n\r\n" },
	{ "/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello" },
	{ "/none", "" },
	{ "/nonsense", "no such thing as HTTP\r\n\r\n" },
};

/* Read a request, headers and body, into r. */
static void
take_request(int fd, struct strbuf *r)
{
	size_t want = 0;
	char buf[4096];
	ssize_t n;

	while (want == 0 || r->len < want) {
		const char *end, *length;

		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			_exit(0);
		strbuf_add(r, buf, (size_t)n);
		end = strstr(r->s, "\r\n\r\n");
		if (end == NULL || want != 0)
			continue;
		length = strcasestr(r->s, "\r\nContent-Length: ");
		want = (size_t)(end + 4 - r->s) +
		    (length ? strtoul(length + 18, NULL, 10) : 0);
	}
}

static void
say(int fd, const char *text)
{
	if (file_write_all(fd, text, strlen(text)) == -1)
		_exit(0);
}

static void
endless(int fd, const char *head, const char *more)
{
	say(fd, head);
	for (int i = 0; i < 1000000; i++)
		say(fd, more);
}

/* What is said on a websocket once it is open. */
static const struct frames {
	const char *path, *bytes;
	size_t n;
	const char *got; /* of the messages, one behind the other */
	const char *want; /* "": ended well; else how the error begins */
} frames[] = {
#define BYTES(s) s, sizeof(s) - 1
	{ "/ws-text", BYTES("\x81\x05hello\x88\x02\x03\xe8"), "hello",
	    "/ws-text: the peer closed" },
	{ "/ws-enough",
	    BYTES("\x81\x03"
		  "end"),
	    "end", "" },
	{ "/ws-pieces",
	    BYTES("\x01\x02"
		  "he\x89\x01p\x80\x03llo"),
	    "hello", "/ws-pieces: the peer closed" },
	{ "/ws-16",
	    BYTES("\x81\x7e\x00\x03"
		  "abc"),
	    "abc", "/ws-16: the peer closed" },
	{ "/ws-64",
	    BYTES("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x03"
		  "abc"),
	    "abc", "/ws-64: the peer closed" },
	{ "/ws-cut", BYTES("\x81\x05hel"), "", "/ws-cut: the peer closed" },
	{ "/ws-masked", BYTES("\x81\x85\0\0\0\0hello"), "",
	    "/ws-masked: a bad frame" },
	{ "/ws-reserved", BYTES("\xc1\x05hello"), "",
	    "/ws-reserved: a bad frame" },
	{ "/ws-opcode", BYTES("\x83\x05hello"), "", "/ws-opcode: a bad frame" },
	{ "/ws-huge",
	    BYTES("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"
		  "abc"),
	    "", "/ws-huge: a frame is too long" },
	/* The head's own length added to this one is 9. */
	{ "/ws-wrap",
	    BYTES("\x89\x7f\xff\xff\xff\xff\xff\xff\xff\xff"
		  "abc"),
	    "", "/ws-wrap: a frame is too long" },
#define BLANKS "                                          "
	{ "/ws-long-ping", BYTES("\x89\x7e\x00\x7e" BLANKS BLANKS BLANKS), "",
	    "/ws-long-ping: a bad frame" },
	{ "/ws-open-ping", BYTES("\x09\x01p"), "",
	    "/ws-open-ping: a bad frame" },
};

static void
answer_websocket(int fd, const struct strbuf *r, const struct frames *f)
{
	const char *guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	const char *key = strstr(r->s, "Sec-WebSocket-Key: ") + 19;
	own_free char *text =
	    mem_printf("%.*s%s", (int)strcspn(key, "\r"), key, guid);
	own(strbuf_clear) struct strbuf b = { 0 };
	uint8_t sum[DIGEST_SHA1_BYTES];
	char rest[256];

	strbuf_puts(&b,
	    "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
	digest_sha1(text, strlen(text), sum);
	base64_encode(sum, sizeof(sum), &b);
	strbuf_puts(&b, "\r\n\r\n");
	strbuf_add(&b, f->bytes, f->n);
	if (file_write_all(fd, b.s, b.len) == -1)
		_exit(0);
	shutdown(fd, SHUT_WR); /* but hear what is still said */
	while (read(fd, rest, sizeof(rest)) > 0)
		;
}

static void __attribute__((noreturn)) answer(int fd)
{
	own(strbuf_clear) struct strbuf r = { 0 };
	own_free char *path = NULL;
	const char *start;

	take_request(fd, &r);
	start = strchr(r.s, ' ') + 1;
	path = mem_dupn(start, strcspn(start, " ?"));
	for (size_t i = 0; i < COUNT(canned); i++)
		if (strcmp(path, canned[i].path) == 0)
			say(fd, canned[i].reply);
	for (size_t i = 0; i < COUNT(frames); i++)
		if (strcmp(path, frames[i].path) == 0)
			answer_websocket(fd, &r, &frames[i]);
	if (strcmp(path, "/echo") == 0) {
		own_free char *head = mem_printf(
		    "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", r.len);

		say(fd, head);
		say(fd, r.s);
	} else if (strcmp(path, "/elsewhere") == 0) {
		own_free char *head = mem_printf(
		    "HTTP/1.1 302 Found\r\nLocation: http://localhost:%u/ok"
		    "\r\nContent-Length: 0\r\n\r\n",
		    port);

		say(fd, head);
	} else if (strcmp(path, "/long") == 0) {
		endless(fd, "HTTP/1.1 200 OK\r\n\r\n", "0123456789");
	} else if (strcmp(path, "/headers") == 0) {
		endless(fd, "HTTP/1.1 200 OK\r\n", "X-More: 0123456789\r\n");
	} else if (strcmp(path, "/slow") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow");
		sleep(20);
	}
	_exit(0);
}

/* One process that accepts, one for each connection. */
static pid_t
serve(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	CHECK(bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
	CHECK(listen(fd, 64) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&in, &len) == 0);
	port = ntohs(in.sin_port);
	pid = fork();
	if (pid != 0) {
		close(fd);
		return pid;
	}
	setpgid(0, 0);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int c = accept(fd, NULL, NULL);

		if (c >= 0 && fork() == 0)
			answer(c);
		close(c);
	}
}

/* ---- exchanges ---------------------------------------------------------- */

static char *
url(const char *path)
{
	return mem_printf("http://127.0.0.1:%u%s", port, path);
}

/* "status body", or "error code text" without the part before the path. */
static char *
result(struct http_request r, const char *path)
{
	own_free char *at = url(path);
	own(http_reply_clear) struct http_reply reply = { 0 };
	struct error e = { 0 };
	const char *text;

	r.url = at;
	r.direct = true;
	if (http_do(&r, &reply, &e) == 0)
		return mem_printf(
		    "%ld %s", reply.status, strbuf_text(&reply.body));
	text = strstr(e.text, path);
	return mem_printf("error %d %s", e.code, text ? text : e.text);
}

static const struct {
	struct http_request request;
	const char *path, *want;
	int code; /* of an error: only how it begins is compared */
} rows[] = {
	{ { 0 }, "/ok", "200 hello", 0 },
	{ { .method = "HEAD" }, "/ok", "200 ", 0 },
	{ { 0 }, "/empty", "204 ", 0 },
	{ { 0 }, "/busy", "503 busy", 0 },
	{ { 0 }, "/redirect", "200 hello", 0 },
	{ { .follow = HTTP_FOLLOW_HOST }, "/redirect", "200 hello", 0 },
	{ { .follow = HTTP_FOLLOW_NONE }, "/redirect", "302 old", 0 },
	{ { 0 }, "/elsewhere", "200 hello", 0 },
	{ { .follow = HTTP_FOLLOW_HOST }, "/elsewhere", "302 ", 0 },
	{ { .follow = HTTP_FOLLOW_HOST }, "/loop", "302 ", 0 },
	{ { 0 }, "/loop", "/loop: ", EPROTO },
	{ { 0 }, "/file", "/file: ", EPROTO },
	{ { 0 }, "/cut", "/cut: ", EPROTO },
	{ { 0 }, "/none", "/none: ", EPROTO },
	{ { 0 }, "/nonsense", "/nonsense: ", EPROTO },
	{ { .seconds = 1 }, "/slow", "/slow: Operation timed out with ",
	    ETIMEDOUT },
	{ { .idle_seconds = 1 }, "/slow", "/slow: ", ETIMEDOUT },
	{ { .max = 5 }, "/ok", "200 hello", 0 },
	{ { .max = 4 }, "/ok", "/ok: the answer is longer than 4 bytes",
	    EFBIG },
	{ { .max = 100000 }, "/long",
	    "/long: the answer is longer than 100000 bytes", EFBIG },
	{ { 0 }, "/headers", "/headers: the answer is longer than 262144 ",
	    EFBIG },
};

static void
exchanges_end_as_they_should(void)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		own_free char *got = result(rows[i].request, rows[i].path);
		own_free char *want = rows[i].code != 0
		    ? mem_printf("error %d %s", rows[i].code, rows[i].want)
		    : mem_dup(rows[i].want);

		if (rows[i].code != 0 && strlen(got) > strlen(want))
			got[strlen(want)] = '\0';
		CHECK_STR(got, want);
	}
}

static void
requests_are_as_told(void)
{
	own(strlist_clear) struct strlist headers = { 0 };
	own_free char *got = NULL, *put = NULL, *none = NULL;

	strlist_add(&headers, "X-One: 1");
	got = result((struct http_request){ .method = "POST",
			 .headers = &headers,
			 .body = "a\nb",
			 .body_len = 3 },
	    "/echo");
	CHECK(strncmp(got, "200 POST /echo HTTP/1.1\r\n", 25) == 0);
	CHECK(strstr(got, "\r\nX-One: 1\r\n") != NULL);
	CHECK(strstr(got, "\r\nUser-Agent: ingot/") != NULL);
	CHECK(strstr(got, "Expect:") == NULL);
	CHECK(strstr(got, "\r\n\r\na\nb") != NULL);
	put = result(
	    (struct http_request){
		.method = "PUT", .body = "x", .body_len = 1 },
	    "/echo");
	CHECK(strncmp(put, "200 PUT /echo", 13) == 0);
	none = result((struct http_request){ .method = "DELETE" }, "/echo");
	CHECK(strncmp(none, "200 DELETE /echo", 16) == 0);
}

static void
headers_are_found(void)
{
	own(http_reply_clear) struct http_reply reply = { 0 };
	own_free char *at = url("/redirect");
	struct error e = { 0 };

	CHECK(http_do(&(struct http_request){ .url = at, .direct = true },
		  &reply, &e) == 0);
	CHECK_STR(http_header(&reply, "x-test"), "a b");
	CHECK_STR(http_header(&reply, "content-length"), "5");
	/* Of a redirect on the way nothing is left. */
	CHECK(http_header(&reply, "x-old") == NULL);
	CHECK(http_header(&reply, "x-tes") == NULL);
}

static void
nobody_there_is_an_error(void)
{
	own(http_reply_clear) struct http_reply reply = { 0 };
	struct error e = { 0 };

	CHECK(http_do(
		  &(struct http_request){
		      .url = "http://u:secret@127.0.0.1:1/x?token=y",
		      .direct = true },
		  &reply, &e) == -1);
	CHECK(e.code == ECONNREFUSED);
	CHECK(strstr(e.text, " ms") == NULL); /* the same each time */
	CHECK(strncmp(e.text, "http://127.0.0.1:1/x: ", 22) == 0);
	CHECK(strstr(e.text, "secret") == NULL &&
	    strstr(e.text, "token") == NULL);
	CHECK(http_do(&(struct http_request){ .url = "file:///etc/passwd" },
		  &reply, &e) == -1);
	CHECK(e.code == EINVAL && reply.body.len == 0);
	CHECK(http_do(&(struct http_request){ .url = "no url" }, &reply, &e) ==
	    -1);
	CHECK(e.code == EINVAL);
}

static void
on_done(void *ctx, struct http_reply *reply, const struct error *e)
{
	int *seen = ctx;

	(void)e;
	*seen = reply != NULL ? (int)reply->status : -1;
}

static bool
on_chunk(void *ctx, const char *data, size_t n)
{
	size_t *total = ctx;

	(void)data;
	*total += n;
	return *total < 100000;
}

/* Several at once: a slow one does not hold up others, one is forgotten. */
static void
exchanges_go_on_together(void)
{
	ownp(http_loop_free) struct http_loop *l = http_loop_new();
	own_free char *ok = url("/ok"), *slow = url("/slow");
	own_free char *busy = url("/busy"), *endless_url = url("/long");
	int a = 0, b = 0, c = 0, d = 0;
	size_t total = 0;
	struct http_call *call;
	struct error e = { 0 };

	http_start(l, &(struct http_request){ .url = slow, .direct = true },
	    on_done, &a);
	http_start(l, &(struct http_request){ .url = ok, .direct = true },
	    on_done, &b);
	call = http_start(l,
	    &(struct http_request){ .url = busy, .direct = true }, on_done, &c);
	http_start(l,
	    &(struct http_request){ .url = endless_url,
		.direct = true,
		.chunk = on_chunk,
		.chunk_ctx = &total },
	    on_done, &d);
	http_cancel(call);
	for (int i = 0; i < 200000 && (b == 0 || d == 0); i++)
		CHECK(http_wait(l, NULL, 0, 100, &e) == 0);
	CHECK(a == 0 && b == 200 && c == 0);
	CHECK(d == 200 && total >= 100000);
}

/* ---- websockets ---------------------------------------------------------- */

static bool
on_message(void *ctx, const char *data, size_t n)
{
	struct strbuf *got = ctx;

	strbuf_add(got, data, n);
	return strcmp(strbuf_text(got), "end") != 0;
}

struct ending {
	bool done;
	struct error e; /* no text: none */
};

static void
on_end(void *ctx, struct http_reply *reply, const struct error *e)
{
	struct ending *end = ctx;

	end->done = true;
	if (reply == NULL)
		end->e = *e;
}

static void
websockets_bear_any_frame(void)
{
	for (size_t i = 0; i < COUNT(frames); i++) {
		ownp(http_loop_free) struct http_loop *l = http_loop_new();
		own(strbuf_clear) struct strbuf got = { 0 };
		own_free char *at =
		    mem_printf("ws://127.0.0.1:%u%s", port, frames[i].path);
		struct ending end = { 0 };
		const char *said;
		struct error e;

		http_start(l,
		    &(struct http_request){ .url = at,
			.direct = true,
			.websocket = true,
			.chunk = on_message,
			.chunk_ctx = &got },
		    on_end, &end);
		for (int n = 0; n < 1000 && !end.done; n++)
			CHECK(http_wait(l, NULL, 0, 100, &e) == 0);
		said = strstr(end.e.text, "/ws-");
		CHECK_STR(strbuf_text(&got), frames[i].got);
		CHECK_STR(said != NULL ? said : end.e.text, frames[i].want);
	}
}

/* ---- text ---------------------------------------------------------------- */

static const struct {
	const char *url, *want;
} redacted[] = {
	{ "http://host/path", "http://host/path" },
	{ "https://user:pw@host:80/path?q=1#f", "https://host:80/path" },
	{ "http://user:p@ss@host/", "http://host/" },
	{ "http://host/a@b", "http://host/a@b" },
	{ "http://host?u=a@b", "http://host" },
	{ "http://user:pw@host?x", "http://host" },
	{ "http://user:pw@host#x@y", "http://host" },
	{ "user:pw@host/path", "host/path" },
	{ "host?to=http://user:pw@other", "host" },
	{ "http://@host", "http://host" },
	{ "http://", "http://" },
	{ "", "" },
	{ "?", "" },
};

static void
secrets_are_left_out(void)
{
	for (size_t i = 0; i < COUNT(redacted); i++) {
		own_free char *got = http_redacted(redacted[i].url);

		CHECK_STR(got, redacted[i].want);
	}
}

static void
statuses_are_judged(void)
{
	static const long later[] = { 408, 425, 429, 500, 502, 503, 599 };
	static const long final[] = { 200, 204, 302, 400, 401, 404, 413, 600 };

	for (size_t i = 0; i < COUNT(later); i++)
		CHECK(http_is_temporary(later[i]));
	for (size_t i = 0; i < COUNT(final); i++)
		CHECK(!http_is_temporary(final[i]));
}

int
main(void)
{
	pid_t pid;

	fflush(stdout);
	pid = serve();
	exchanges_end_as_they_should();
	requests_are_as_told();
	headers_are_found();
	nobody_there_is_an_error();
	exchanges_go_on_together();
	websockets_bear_any_frame();
	secrets_are_left_out();
	statuses_are_judged();
	setpgid(pid, pid);
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return check_result();
}
