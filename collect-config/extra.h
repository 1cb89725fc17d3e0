/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a source has that is no metadata, user data above all.  round_file()
 * (source.h) adds it to a round; this stores and recalls it.
 */
#ifndef COLLECT_CONFIG_EXTRA_H
#define COLLECT_CONFIG_EXTRA_H

struct error;
struct round;
struct value;

/*
 * Add as outputs what Heat left for this machine in the round's files, or, of
 * a recalled round, in those that its content names.
 */
void extra_outputs(struct round *r, const struct value *content);

/* Write the round's files into the folder dir. */
int extra_store(const struct round *r, int dir, struct error *e);

#endif
