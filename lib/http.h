/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP exchange with limits; the only user of libcurl.  TLS is verified
 * against the system's store or a file given; only http and https are spoken,
 * also after a redirect.
 */
#ifndef LIB_HTTP_H
#define LIB_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/strbuf.h"
#include "lib/strlist.h"

struct error;

struct http_request {
	const char *method; /* NULL: GET */
	const char *url;
	const struct strlist *headers; /* "Name: value" items, or NULL */
	const void *body; /* NULL: none */
	size_t body_len;
	const char *ca_file; /* PEM, or NULL: the system's store */
	unsigned seconds; /* for all of it; 0: LIMIT_HTTP_SECONDS */
	size_t max; /* bytes of body; 0: LIMIT_HTTP_BODY */
};

struct http_reply {
	long status; /* of the last response, 200 and so on */
	struct strbuf body;
	struct strlist headers; /* "name: value", names in lower case */
};

/*
 * Do it.  Returns 0 when a whole response arrived, whatever its status; -1
 * otherwise, with error.code ETIMEDOUT, ECONNREFUSED, EFBIG, EPROTO or 0;
 * reply->status is then what the server said before that, or 0.
 * Messages never hold the query, user or password of the URL.
 */
int http_do(const struct http_request *request, struct http_reply *reply,
    struct error *e);

/* The value of a header of the reply by its lower-case name, or NULL. */
const char *http_header(const struct http_reply *reply, const char *name);

/* Whether a status says "not now": 408, 425, 429 and 500 to 599. */
bool http_is_temporary(long status);

/* The URL without user, password, query and fragment; the caller's. */
char *http_redacted(const char *url);

void http_reply_clear(struct http_reply *reply);

#endif
