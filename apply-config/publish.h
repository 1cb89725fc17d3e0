/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carry changes out, all or none.
 *
 * The new files are written beside their places and checked; a journal,
 * called "commit", says which, what they are known by, and what was there
 * before.  Then there are two barriers.  The first is before any file takes
 * its place: until all of that is on the disk, a crash leaves the old set.
 * The second is before the journal is put away: until then the next run
 * brings about the new set or, when some of what was staged was lost with
 * the power, the old one.
 */
#ifndef APPLY_CONFIG_PUBLISH_H
#define APPLY_CONFIG_PUBLISH_H

struct changed;
struct changes;
struct error;
struct journal;
struct output;
struct settings;
struct state;

/*
 * j has the header of the new generation and gets its entries.  Before the
 * journal is put away, what changed is noted in done and told.
 */
int publish(const struct settings *s, struct output *o, const struct state *st,
    const struct changes *c, struct journal *j, struct changed *done,
    struct error *e);

/* Finish or undo what an earlier run left unfinished: 1, 0 nothing, -1. */
int publish_recover(const struct settings *s, struct output *o,
    const struct state *st, struct changed *done, struct error *e);

#endif
