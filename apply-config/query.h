/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to --key and --boolean-key. */
#ifndef APPLY_CONFIG_QUERY_H
#define APPLY_CONFIG_QUERY_H

#include "lib/strlist.h"

struct error;
struct secrets;
struct strbuf;
struct value;

struct query {
	const char *key;
	const char *type;
	const char *fallback; /* what a missing key answers, or NULL */
	const struct strlist *files; /* for the message */
	const struct secrets *secrets;
};

/* Add the answer and a line feed to b. */
int query_key(const struct query *q, const struct value *root, struct strbuf *b,
    struct error *e);

/* The exit status: 0 true, 1 false, 255 neither. */
int query_boolean(const struct value *root, const char *key);

#endif
