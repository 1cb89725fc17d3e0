/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No step runs twice: what each left is kept as a layer, and used again as
 * long as everything that the step was seen to depend on is the same.
 *
 * A step's slot is what can be told before it runs: the step before it, its
 * script, its environment, the names in the hooks tree.  What it opened, and
 * whether it used the network, is told by watching it; that is its key.
 */
#ifndef IMAGE_BUILD_SNAPSHOT_H
#define IMAGE_BUILD_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#define SNAPSHOTS "snapshots" /* the store's folder in the image cache */
#define CACHE_GIB 20 /* it may become that large */

struct build;
struct error;
struct phase;
struct snapshots;
struct step;
struct strlist;
struct watch;

/*
 * Begin a build with snapshots: a store, and the work tree as layers at
 * b->work.  Returns 1, and *why (the caller's), when this host cannot.
 */
int snapshot_open(struct build *b, char **why, struct error *e);
void snapshot_close(struct build *b);

/*
 * Without snapshots the functions below do nothing, and what is remembered is
 * never found.
 *
 * Show the tree as the steps so far left it.
 */
int snapshot_show(struct build *b, struct error *e);

/*
 * Keep what changed since the last step as a layer of this build alone.
 * counts: steps after it depend on its content.
 */
int snapshot_fold(struct build *b, bool counts, struct error *e);

/*
 * Find the snapshot of a step.  1: it is used, nothing is to be run; 0: the
 * step must run, and *why (the caller's) says why.
 */
int snapshot_find(struct build *b, const struct phase *p, const struct step *s,
    const char *inputs, char **why, struct error *e);

/* The step that was not found begins now, in a tree that is ready for it. */
int snapshot_expect(struct build *b, struct error *e);

/* The step that was not found has run: keep what it left. */
int snapshot_save(struct build *b, const struct step *s, const struct watch *w,
    double seconds, struct error *e);

/* The digest that stands for the tree as it is now. */
const char *snapshot_key(const struct build *b);

/* Mounts that steps whose snapshots were used had made: make them now. */
int snapshot_replay_mounts(struct build *b, struct error *e);

/* All mounts in the tree are taken away now, those not made yet too. */
void snapshot_forget_mounts(struct build *b);

/*
 * Lists of strings that were worked out before from the same, under a digest
 * of all that they depend on.  recall: 1 found, 0 not.
 */
int snapshot_recall(const struct build *b, const char *id,
    struct strlist *items, struct error *e);
int snapshot_remember(const struct build *b, const char *id,
    const struct strlist *items, struct error *e);

/* GiB as text (NULL: DIB_CACHE_LIMIT, or CACHE_GIB) to bytes. */
int cache_limit(const char *text, uint64_t *bytes, struct error *e);

#endif
