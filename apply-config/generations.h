/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was applied before, by number, and the way back.  The record of a
 * generation holds what its files were before it; going back to a generation
 * undoes all later ones, which makes one more.
 */
#ifndef APPLY_CONFIG_GENERATIONS_H
#define APPLY_CONFIG_GENERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct changes;
struct error;
struct journal;
struct output;
struct settings;
struct state;
struct strbuf;

struct generations {
	uint64_t *numbers; /* rising */
	size_t len, cap;
};

int generations_list(
    const struct state *st, struct generations *g, struct error *e);
void generations_clear(struct generations *g);

/* Begin the journal of the next generation. */
int generations_next(const struct settings *s, const struct state *st,
    struct journal *j, struct error *e);

/* Remove the oldest, except for as many as are to be kept. */
int generations_prune(
    const struct settings *s, const struct state *st, struct error *e);

/* Add a line about each, oldest first. */
int
generations_print(const struct state *st, struct strbuf *b, struct error *e);

/* The journals that a way back is made from. */
struct way_back {
	struct journal *journals; /* newest first */
	size_t len, cap;
};

void way_back_clear(struct way_back *w);

/*
 * The changes that lead back to a generation; 0 is before the first one.
 * They borrow from w.
 */
int generations_back(const struct state *st, struct output *o, uint64_t to,
    struct way_back *w, struct changes *c, struct error *e);

/* ---- a generation that is to be confirmed ---------------------------------- */

struct pending {
	uint64_t base; /* what to go back to */
	uint64_t deadline; /* milliseconds since boot */
	bool due; /* it is too late, or the machine was restarted */
};

/* 1, 0 when nothing is to be confirmed, -1. */
int pending_read(const struct state *st, struct pending *p, struct error *e);
int
pending_write(const struct state *st, const struct journal *j, struct error *e);
int pending_remove(const struct state *st, struct error *e);

/*
 * It was not confirmed in time and is undone: who confirms it yet is to be
 * told, unless another set came since.
 */
int pending_miss(const struct state *st, struct error *e);
bool pending_is_missed(const struct state *st);
int pending_forget(const struct state *st, struct error *e);

#endif
