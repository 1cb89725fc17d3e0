/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP exchanges with limits; the only user of libcurl.  TLS is verified
 * against the system's store or a file given; only http and https are spoken,
 * also after a redirect.
 */
#ifndef LIB_HTTP_H
#define LIB_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

struct error;
struct pollfd;

/* What a redirect may lead to. */
enum http_follow {
	HTTP_FOLLOW_ANY, /* any other http or https URL */
	HTTP_FOLLOW_HOST, /* the same host only: headers hold a secret */
	HTTP_FOLLOW_NONE, /* nowhere: the redirect is the reply */
};

/* Some bytes of a body as they come; returns false to end the exchange. */
typedef bool http_chunk(void *ctx, const char *data, size_t n);

struct http_request {
	const char *method; /* NULL: GET */
	const char *url;
	const struct strlist *headers; /* "Name: value" items, or NULL */
	const void *body; /* NULL: none */
	size_t body_len;
	const char *ca_file; /* PEM, or NULL: the system's store */
	const char *cert_file, *key_file; /* our own, PEM, or NULL */
	bool insecure; /* do not verify the server's certificate */
	bool direct; /* never through a proxy */
	bool plain; /* the bytes as they are: for ranges, nothing is unpacked */
	enum http_follow follow;
	/*
	 * Besides these a server whose kernel acknowledges nothing for
	 * LIMIT_HTTP_DEAD_SECONDS is gone.
	 */
	unsigned seconds; /* for all of it; 0: LIMIT_HTTP_SECONDS */
	unsigned idle_seconds; /* with hardly a byte; 0: no limit of its own */
	size_t max; /* bytes of body; 0: LIMIT_HTTP_BODY */
	http_chunk *chunk; /* gets the body of a 2xx reply instead, if set */
	void *chunk_ctx;
	/*
	 * Open a websocket (RFC 6455) at a ws: or wss: URL.  chunk gets each
	 * message whole, and with n 0 the word that it is open.
	 */
	bool websocket;
};

struct http_reply {
	long status; /* of the last response, 200 and so on */
	struct strbuf body;
	struct strlist headers; /* "name: value", names in lower case */
};

/*
 * Do it.  Returns 0 when a whole response arrived, whatever its status; -1
 * otherwise, with error.code EINVAL for a URL that cannot be asked,
 * ECONNREFUSED if no connection came about, ETIMEDOUT if its time was over,
 * else EFBIG, EPROTO, ECONNRESET or 0.
 * Messages never hold the query, user or password of the URL.
 */
int http_do(const struct http_request *request, struct http_reply *reply,
    struct error *e);

/*
 * Many exchanges at once.  A call belongs to its loop; done is called once,
 * from within http_wait(), with the reply (to take from; it is cleared
 * afterwards), or with NULL and the error that http_do() would have given.
 * The request need not outlive http_start().
 */
struct http_loop;
struct http_call;
typedef void
http_done(void *ctx, struct http_reply *reply, const struct error *e);

struct http_loop *http_loop_new(void);
void http_loop_free(struct http_loop *l); /* and all its calls; NULL is fine */
OWN_POINTER(http_loop)

struct http_call *http_start(struct http_loop *l, const struct http_request *r,
    http_done *done, void *ctx);

/* Send a text message on a call that is an open websocket. */
void http_send(struct http_call *call, const char *text, size_t n);

/*
 * What has come so far.  When chunk is called first, the status and the
 * headers are there.
 */
const struct http_reply *http_so_far(const struct http_call *call);

/* Forget a call that is not done: done is not called. */
void http_cancel(struct http_call *call);

/*
 * Go on with all calls until one is done, one of the n descriptors in fds
 * has something (as poll(2) has it), or ms milliseconds have passed.
 */
int http_wait(
    struct http_loop *l, struct pollfd *fds, size_t n, int ms, struct error *e);

/* The value of a header of the reply by its lower-case name, or NULL. */
const char *http_header(const struct http_reply *reply, const char *name);

/* Whether a status says "not now": 408, 425, 429 and 500 to 599. */
bool http_is_temporary(long status);

/* The URL without user, password, query and fragment; the caller's. */
char *http_redacted(const char *url);

void http_reply_clear(struct http_reply *reply);

#endif
