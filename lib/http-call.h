/* SPDX-License-Identifier: Apache-2.0 */
/* What http.c and http-websocket.c share. */
#ifndef LIB_HTTP_CALL_H
#define LIB_HTTP_CALL_H

#include <stdint.h>

#include "lib/http.h"

struct websocket;

struct http_call {
	struct http_loop *loop;
	struct http_call *next;
	void *easy; /* curl's handle */
	void *header_list; /* curl's list */
	char *shown; /* the URL, redacted */
	struct http_reply reply;
	enum http_follow follow;
	unsigned redirects;
	size_t max;
	size_t header_bytes;
	bool too_long;
	bool stopped; /* chunk had enough */
	http_chunk *chunk;
	void *chunk_ctx;
	http_done *done;
	void *ctx;
	char what[256]; /* curl's own words */
	struct websocket *websocket; /* NULL: an ordinary exchange */
};

struct http_loop {
	void *multi; /* curl's handle */
	struct http_call *calls;
};

/* The parts of a websocket in the life of its call. */
void websocket_new(struct http_call *c, const struct http_request *r);
void websocket_free(struct http_call *c);

/* The connection is there: begin. */
void websocket_open(struct http_call *c);

/*
 * Go on with what came.  Returns 0, 1 when the socket ended well, or -1 with
 * the error.
 */
int websocket_turn(struct http_call *c, struct error *e);

/* Its descriptor once it is connected, or -1. */
int websocket_fd(const struct http_call *c);

#endif
