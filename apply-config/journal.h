/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is about to be done to the files below an output root, and what it
 * takes to undo it.  The journal of what was done is the record of a
 * generation.
 */
#ifndef APPLY_CONFIG_JOURNAL_H
#define APPLY_CONFIG_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "apply-config/version.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

struct doc;
struct error;
struct output;
struct state;

struct entry {
	char *path; /* below the output root */
	char *staged; /* the new file, until it is published */
	bool in_tree; /* that is in one of the trees */
	char *on_change; /* "" if there is none */
	bool gone; /* the file is removed */
	struct version old;
	struct seal new; /* mode 0: there is none */
};

struct journal {
	uint64_t number; /* of the generation that this makes */
	int64_t time; /* seconds since 1970 */
	uint64_t base; /* what to go back to while it is not confirmed */
	uint64_t
	    deadline; /* to confirm it: milliseconds since boot; 0: no need */
	char *boot; /* which boot that was */
	struct strlist folders; /* that are made, outermost first */
	struct strlist trees; /* those of them that are in no other */
	struct entry *items;
	size_t len, cap;
	struct doc *arena; /* what the versions point into */
};

void journal_init(struct journal *j);
struct entry *journal_add(struct journal *j, const char *path);
void journal_clear(struct journal *j);

/*
 * Once all folders and entries are known: say where each is staged.  A file
 * in a folder that exists is staged beside its place; a tree of new folders is
 * made beside its place, with all files in it.
 */
void journal_place(struct journal *j);

int journal_write(const struct journal *j, const struct state *st,
    const char *name, struct error *e);

/* 1, 0 when there is no such journal, 2 when it is not whole, -1. */
int journal_read(struct journal *j, const struct state *st, const char *name,
    struct error *e);

/*
 * Whether all that is to be, is: staged or in its place, and whole.  What is
 * in its place may have been changed by others since.
 */
bool journal_has_arrived(const struct journal *j, struct output *o);

/*
 * Rename all that was staged to its place, each tree at once, and remove what
 * is to go.  It does no harm to do so again.
 */
int journal_forward(const struct journal *j, struct output *o, struct error *e);

/* Take back what was renamed or removed, and discard the rest. */
int
journal_backward(const struct journal *j, struct output *o, struct error *e);

/* Remove what was staged, and the folders that it made. */
int journal_discard(const struct journal *j, struct output *o, struct error *e);

/* Remove the folders that it made and that are empty now. */
void journal_tidy(const struct journal *j, struct output *o);

/* "generations/N"; the caller's. */
char *generation_name(uint64_t number);

#endif
