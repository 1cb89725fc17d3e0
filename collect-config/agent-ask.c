/* SPDX-License-Identifier: Apache-2.0 */
/* A round on its way: requests, streams and programs, and their answers. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "collect-config/agent.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"

#define REPLY_BYTES 1024 /* that a reply costs besides its text */

static void
set_reply(struct round *r, struct http_reply *reply)
{
	r->replied = true;
	http_reply_clear(&r->reply);
	r->reply = *reply;
	*reply = (struct http_reply){ 0 };
}

static void
set_failure(struct round *r, const struct error *e)
{
	r->replied = true;
	http_reply_clear(&r->reply);
	r->failure = *e;
}

static void act(struct agent *a, struct source *s);

static void
on_reply(void *ctx, struct http_reply *reply, const struct error *e)
{
	struct source *s = ctx;
	struct error ended;

	s->call = NULL;
	if ((s->round->ask.stream || s->round->ask.websocket) &&
	    reply != NULL && reply->status >= 200 && reply->status <= 299) {
		error_set(&ended, ECONNRESET, "the stream ended");
		set_failure(s->round, &ended);
	} else if (reply != NULL) {
		set_reply(s->round, reply);
	} else {
		set_failure(s->round, e);
	}
	agent_go_on(s->agent, s);
}

/* After a stream that a step had enough of, or that ended before. */
static void
on_enough(void *ctx, struct http_reply *reply, const struct error *e)
{
	struct source *s = ctx;

	if (!s->round->enough) {
		on_reply(ctx, reply, e);
		return;
	}
	s->call = NULL;
	act(s->agent, s);
}

/*
 * A stream may go on for long, and what it says stays in memory until the
 * round ends.  So there is an end to what one may say; then it is asked anew.
 */
static bool
is_too_much(struct round *r, size_t n)
{
	r->streamed += n + REPLY_BYTES;
	return r->streamed > LIMIT_HTTP_BODY;
}

/* Each whole line of a stream is a reply. */
static bool
on_chunk(void *ctx, const char *data, size_t n)
{
	struct source *s = ctx;
	struct round *r = s->round;
	const char *lf;

	while ((lf = memchr(data, '\n', n)) != NULL) {
		struct http_reply reply = { .status = 200 };

		strbuf_add(&r->line, data, (size_t)(lf - data));
		n -= (size_t)(lf + 1 - data);
		data = lf + 1;
		reply.body = r->line;
		r->line = (struct strbuf){ 0 };
		set_reply(r, &reply);
		r->enough = round_step(r) != STEP_MORE;
		if (r->enough || is_too_much(r, r->reply.body.len))
			return false;
	}
	strbuf_add(&r->line, data, n);
	return r->line.len <= LIMIT_HTTP_BODY;
}

/* Each message of a websocket is a reply; what the step says is sent. */
static bool
on_message(void *ctx, const char *data, size_t n)
{
	struct source *s = ctx;
	struct round *r = s->round;
	struct http_reply reply = { .status = n == 0 ? 101 : 200 };

	strbuf_add(&reply.body, data, n);
	set_reply(r, &reply);
	r->enough = round_step(r) != STEP_MORE;
	for (size_t i = 0; i < r->outgoing.len; i++)
		http_send(s->call, r->outgoing.items[i],
		    strlen(r->outgoing.items[i]));
	strlist_clear(&r->outgoing);
	return !r->enough && !is_too_much(r, n);
}

/* Link-local and loopback hosts are never behind a proxy. */
static bool
is_near(const char *url)
{
	static const char *const hosts[] = { "169.254.", "127.", "localhost",
		"[fe80:", "[::1]", "[fd00:ec2:" };
	const char *host = strstr(url, "://");

	for (size_t i = 0; host != NULL && i < sizeof(hosts) / sizeof(*hosts);
	     i++)
		if (strncasecmp(host + 3, hosts[i], strlen(hosts[i])) == 0)
			return true;
	return false;
}

static void
start_call(struct agent *a, struct source *s)
{
	const struct ask *k = &s->round->ask;
	const struct http_request request = { .method = k->method,
		.url = k->url,
		.headers = &k->headers,
		.body = k->has_body ? strbuf_text(&k->body) : NULL,
		.body_len = k->body.len,
		.ca_file = k->ca_file,
		.cert_file = k->cert_file,
		.key_file = k->key_file,
		.insecure = k->insecure,
		.direct = k->direct || is_near(k->url),
		.follow = k->follow,
		.seconds = k->seconds,
		.idle_seconds = k->idle_seconds,
		.websocket = k->websocket,
		.chunk = k->websocket ? on_message
		    : k->stream	      ? on_chunk
				      : NULL,
		.chunk_ctx = s };

	s->agent = a;
	if (a->http == NULL)
		a->http = http_loop_new();
	s->requests++;
	s->round->enough = false;
	s->call = http_start(a->http, &request,
	    k->stream || k->websocket ? on_enough : on_reply, s);
}

/* ---- programs ----------------------------------------------------------- */

static void
start_child(struct agent *a, struct source *s)
{
	struct round *r = s->round;
	struct error e;

	s->output = memfd_create("output", MFD_CLOEXEC);
	if (s->output != -1 &&
	    child_start(
		&s->child, strlist_argv(&r->argv), environ, s->output, &e) == 0)
		return;
	if (s->output == -1)
		error_errno(&e, "%s", r->argv.items[0]);
	set_failure(r, &e);
	agent_go_on(a, s);
}

/* What the program wrote, or why that is of no use. */
static int
read_output(
    const char *name, int status, int fd, struct strbuf *text, struct error *e)
{
	if (status != 0)
		return error_set(e, status == 127 ? ENOENT : 0,
		    "%s: exit status %d", name, status);
	if (lseek(fd, 0, SEEK_SET) == -1)
		return error_errno(e, "%s", name);
	return file_read_fd(fd, name, LIMIT_TEXT_BYTES, text, e);
}

void
agent_child_over(struct agent *a, struct source *s)
{
	own(http_reply_clear) struct http_reply reply = { .status = 200 };
	int status = child_end(&s->child);
	own_fd int fd = take_fd(&s->output);
	struct error e;

	if (read_output(s->round->argv.items[0], status, fd, &reply.body, &e) ==
	    0)
		set_reply(s->round, &reply);
	else
		set_failure(s->round, &e);
	agent_go_on(a, s);
}

void
agent_child_limit(const struct source *s)
{
	if (s->child.pid == 0 ||
	    clock_ms() - s->child.started <= LIMIT_ASK_SECONDS * 1000LL)
		return;
	log_warn("%s: %s is silent for %d s: ended", s->kind->name,
	    s->round->argv.items[0], LIMIT_ASK_SECONDS);
	kill(-s->child.pid, SIGKILL); /* its end is heard of as any other */
}

/* ---- a round ------------------------------------------------------------ */

static void
act(struct agent *a, struct source *s)
{
	if (s->round->result == STEP_ASK)
		start_call(a, s);
	else if (s->round->result == STEP_RUN)
		start_child(a, s);
}

void
agent_go_on(struct agent *a, struct source *s)
{
	round_step(s->round);
	act(a, s);
}

void
agent_ask(struct agent *a, struct source *s)
{
	s->round = round_new(s);
	s->rounds++;
	s->begun = clock_ms();
	agent_go_on(a, s);
}

bool
agent_is_over(const struct source *s)
{
	return s->round != NULL && s->call == NULL && s->child.pid == 0;
}
