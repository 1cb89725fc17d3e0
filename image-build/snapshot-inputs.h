/* SPDX-License-Identifier: Apache-2.0 */
/* What a step depends on, as a tree of values: see snapshot-inputs.c. */
#ifndef IMAGE_BUILD_SNAPSHOT_INPUTS_H
#define IMAGE_BUILD_SNAPSHOT_INPUTS_H

#include <stdbool.h>

struct build;
struct doc;
struct error;
struct phase;
struct step;
struct strlist;
struct value;
struct watch;

/* What is known before the step runs.  native: a native step's inputs. */
struct value *
inputs_of(const struct build *b, struct doc *d, const struct phase *p,
    const struct step *s, const char *native, struct error *e);

/* Their digest, in hexadecimal. */
void inputs_digest(const struct value *inputs, char text[65]);

/*
 * Add what was seen while it ran.  hooks is where the hooks tree is as it was
 * before the step.
 */
int
inputs_add_observed(const struct build *b, struct doc *d, struct value *inputs,
    const struct watch *w, const char *hooks, struct error *e);

/* The digest of both. */
void inputs_key(const char *slot, const struct value *inputs, char text[65]);

/* Whether what a snapshot's step read is still the same; else *why. */
bool
inputs_still_hold(const struct build *b, const struct value *meta, char **why);

/* Where the inputs of a step's last run are kept; the caller's. */
char *inputs_path(const char *store, const struct step *s);

/* In words: what is different now; the caller's. */
char *inputs_difference(const struct value *old, const struct value *new,
    const char *before, bool before_ran);

/* Mounts below the tree that were not in before, to make them again. */
struct value *
mounts_made(const struct build *b, struct doc *d, const struct strlist *before);

/* Those that were in before and are not now, as paths from the tree. */
struct value *
mounts_gone(const struct build *b, struct doc *d, const struct strlist *before);
int
mounts_replay(const struct build *b, const struct value *m, struct error *e);

#endif
