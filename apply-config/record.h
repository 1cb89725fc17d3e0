/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the last run knew: of each template, which file it was, what it read
 * of the metadata, and which file came of it.  A template of which all that
 * is still so needs not be rendered.
 *
 * The record only saves work: without it, or when anything about it is in
 * doubt, everything is rendered.
 */
#ifndef APPLY_CONFIG_RECORD_H
#define APPLY_CONFIG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"

struct error;
struct output;
struct reads;
struct record;
struct rendered;
struct renderer;
struct settings;
struct spans;
struct stat;
struct state;
struct template;
struct templates;
struct value;

/* Now, as files' times have it. */
int64_t record_clock(void);

/*
 * Load the record and compare it with the metadata.  reads gets the places
 * that the record has.  NULL when there is none that is of use.
 */
struct record *record_load(const struct settings *s, const struct state *st,
    const struct value *root, struct renderer *r, struct reads *reads);
void record_free(struct record *r); /* NULL is fine */
OWN_POINTER(record)

/* How many templates it knows; r may be NULL. */
size_t record_length(const struct record *r);

/* Whether rendering would give what is there already; r may be NULL. */
bool
record_is_current(struct record *r, const struct template *t, struct output *o);

/*
 * Add where secrets stand in the file that the template became.  False when
 * that file is not there any more, so nothing is known.
 */
bool record_spans(struct record *r, const char *path, const struct stat *st,
    struct spans *spans);

/* What a run knows in the end. */
struct record_run {
	const struct settings *settings;
	struct record *old; /* or NULL */
	const struct templates *templates;
	struct rendered *const *rendered; /* one for each; NULL: current */
	struct renderer *renderer;
	const struct reads *reads;
	const struct value *root;
	struct output *output;
	int64_t started; /* clock when it began */
};

int record_save(
    const struct record_run *run, const struct state *st, struct error *e);

#endif
