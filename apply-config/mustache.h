/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mustache templates: text and a tree in, text out.  Nothing here looks at a
 * disk, and nothing is printed.  A template is compiled once and rendered as
 * often as wanted.
 *
 * The specification is https://github.com/mustache/spec, version 1.4, with
 * its optional modules for dynamic names and inheritance; JSON has no
 * functions, so there are no lambdas.  Where the specification leaves room,
 * this follows pystache, which renders for os-apply-config: a tag stands
 * alone only when nothing, not even a blank, follows it on its line; text
 * that never becomes a tag ("{{}}", "{{ never closed") is copied.
 */
#ifndef APPLY_CONFIG_MUSTACHE_H
#define APPLY_CONFIG_MUSTACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"

struct error;
struct mustache;
struct reads;
struct secrets;
struct spans;
struct strbuf;
struct strlist;
struct value;

struct mustache_dialect {
	bool extended; /* {{<parent}} {{$block}} {{>*name}} are tags */
	const struct secrets *secrets; /* which names to watch, or NULL */
};

/*
 * Compile len bytes of text, which the template then owns (malloc).  name is
 * for messages: "name:line:column: {{tag}}: what".  Returns NULL on error.
 */
struct mustache *mustache_compile(const char *name, char *text, size_t len,
    const struct mustache_dialect *dialect, struct error *e);
void mustache_free(struct mustache *m); /* NULL is fine */
OWN_POINTER(mustache)

/* Find the partial called name: *m is NULL when there is none. */
typedef int mustache_partial(void *ctx, const char *name, size_t len,
    struct mustache **m, struct error *e);

struct mustache_job {
	const struct value *root;
	bool html; /* escape & " < > ' in {{name}} */
	bool indexes; /* a number in a dotted name picks a list's item */
	mustache_partial *partial; /* NULL: there are none */
	void *ctx;
	struct reads *reads; /* gets what was read, or NULL */
	struct strlist *missing; /* gets each name not found, or NULL */
	struct spans *spans; /* gets where secrets stand in out, or NULL */
	bool secret; /* becomes true when a secret was read */
	unsigned long steps; /* of work it may be; 0: LIMIT_TEMPLATE_STEPS */
};

/* Render, adding to out.  What out gets on an error is of no use. */
int mustache_render(struct mustache *m, struct mustache_job *job,
    struct strbuf *out, struct error *e);

#endif
