/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditional requests (RFC 9110, 13): the server's ETag and Last-Modified are
 * sent back, so that asking for nothing new is cheap.
 */
#ifndef COLLECT_CONFIG_CONDITIONAL_H
#define COLLECT_CONFIG_CONDITIONAL_H

#include "collect-config/source.h"

/* Ask for a document, waiting as the setting timeout has it. */
void conditional_ask(struct round *r, const char *url);

/* Take the answer: STEP_SAME if it says so, else as round_take(). */
enum step conditional_take(struct round *r, struct error *e);

#endif
