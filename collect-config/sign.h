/* SPDX-License-Identifier: Apache-2.0 */
/* Signed query requests as Amazon's and Heat's CloudFormation take them. */
#ifndef COLLECT_CONFIG_SIGN_H
#define COLLECT_CONFIG_SIGN_H

#include <time.h>

struct strbuf;
struct strlist;

struct sign_key {
	const char *id, *secret;
	const char *region, *service; /* of version 4 */
};

/*
 * Signature version 2 of a GET of url with these parameters ("name=value"
 * items, not encoded, in any order; sorted here): its query, encoded, without
 * a question mark, with the signature at its end.
 */
void sign_v2(const char *url, struct strlist *parameters,
    const struct sign_key *key, struct strbuf *query);

/*
 * Signature version 4: the query, and the headers X-Amz-Date and
 * Authorization added to headers.
 */
void
sign_v4(const char *url, struct strlist *parameters, const struct sign_key *key,
    time_t now, struct strbuf *query, struct strlist *headers);

#endif
