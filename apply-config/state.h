/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state folder: one folder for each output root, with
 *
 *	output		the output root's path
 *	lock		held by the one that writes
 *	staging		a journal: files are being written beside their places
 *	commit		a journal: they are being renamed to their places
 *	abort		a journal: what was renamed is being taken back
 *	generations/	the journals of what was done, by number
 *	pending		there while the last generation is to be confirmed
 *	record		what each template read, and what came of it
 *	record.newer	the same of those that were rendered since
 *
 * A journal moves on by being renamed, so there is one at most.
 */
#ifndef APPLY_CONFIG_STATE_H
#define APPLY_CONFIG_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/own.h"

struct error;
struct settings;
struct strbuf;
struct strlist;

struct state {
	int fd; /* the folder of this output root, or -1 */
	int lock; /* descriptor, or -1 */
	char *path; /* as the system wants it */
	bool fresh; /* made by this run, not seen to the disk yet */
};

/*
 * Open the folder of the output root, without making anything: fd is -1 when
 * there is none.
 */
int state_open(const struct settings *s, struct state *st, struct error *e);

/*
 * The same; make what is missing, and take the lock.  error.code is EAGAIN
 * when another run holds it.
 */
int state_lock(const struct settings *s, struct state *st, struct error *e);
void state_close(struct state *st);

/* Add the output roots that the folder knows of. */
int state_outputs(
    const struct settings *s, struct strlist *outputs, struct error *e);

/* Read a file of the state whole.  1, 0 when there is none, -1. */
int state_read(const struct state *st, const char *name, struct strbuf *b,
    struct error *e);

/* Replace a file; soon: state_sync() of it follows. */
int state_write(const struct state *st, const char *name,
    const struct strbuf *b, bool soon, struct error *e);

/* See a file to the disk, or, called ".", which files there are. */
int state_sync(const struct state *st, const char *name, struct error *e);

/* Rename a file; a folder that is missing on the way is made. */
int state_rename(
    const struct state *st, const char *from, const char *to, struct error *e);

/* Remove a file that may be there. */
int state_remove(const struct state *st, const char *name, struct error *e);

#endif
