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

struct build;
struct error;
struct phase;
struct snapshots;
struct step;
struct strlist;
struct watch;

/*
 * Begin a build with snapshots: a store, and the work tree as layers at
 * b->work.  Returns 1, and *why, when this host cannot.
 */
int snapshot_open(struct build *b, char **why, struct error *e);
void snapshot_close(struct build *b);

/* The hooks tree's folder is complete: it becomes the lowest layer. */
int snapshot_begin(struct build *b, struct error *e);

/* Where the lowest layer is, to be filled before snapshot_begin. */
const char *snapshot_base(const struct build *b);

/* Show the tree as the steps so far left it. */
int snapshot_show(struct build *b, struct error *e);

/* Put the places for mounts into the tree, as a layer of their own. */
int snapshot_add_mount_points(struct build *b, struct error *e);

/*
 * Find the snapshot of a step.  1: it is used, nothing is to be run; 0: the
 * step must run, and *why (the caller's) says why.
 */
int snapshot_find(struct build *b, const struct phase *p, const struct step *s,
    const char *inputs, char **why, struct error *e);

/* The step has run: keep what it left.  w is NULL for native steps. */
int snapshot_save(struct build *b, const struct phase *p,
    const struct step *s, const struct watch *w, double seconds,
    struct error *e);

/* The digest that stands for the tree as it is now. */
const char *snapshot_key(const struct build *b);

/* Mounts that steps whose snapshots were used had made: make them now. */
int snapshot_replay_mounts(struct build *b, struct error *e);
void snapshot_forget_mounts(struct build *b);

/* An environment that bash computed before from the same; NULL if none. */
int snapshot_find_environment(struct build *b, const char *id,
    struct strlist *env, struct error *e);
int snapshot_save_environment(struct build *b, const char *id,
    const struct strlist *env, struct error *e);

#endif
