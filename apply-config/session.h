/* SPDX-License-Identifier: Apache-2.0 */
/* What a step that writes holds on to: the lock, the state, what it did. */
#ifndef APPLY_CONFIG_SESSION_H
#define APPLY_CONFIG_SESSION_H

#include <stdint.h>

#include "apply-config/changed.h"
#include "apply-config/state.h"

struct changes;
struct error;
struct journal;
struct output;
struct settings;
struct strbuf;

struct session {
	const struct settings *settings;
	struct state state;
	struct output *output;
	struct changed done;
};

#define SESSION_NONE \
	{ \
		.state = {.fd = -1, .lock = -1 } \
	}

/*
 * Take the lock and deal with what earlier runs left: unfinished, or not
 * confirmed in time.
 */
int session_open(
    const struct settings *settings, struct session *s, struct error *e);
void session_close(struct session *s);

/* Carry changes out as a new generation, whose journal was begun. */
int session_act(struct session *s, const struct changes *c, struct journal *j,
    struct error *e);

/* Go back to a generation; whether one is to be confirmed is not touched. */
int session_back(struct session *s, uint64_t to, struct error *e);

/* Write all of b on standard output. */
int put_out(const struct strbuf *b, struct error *e);

#endif
