/* SPDX-License-Identifier: Apache-2.0 */
/* Unified diffs, in which what is secret shows as "***". */
#ifndef APPLY_CONFIG_DIFF_H
#define APPLY_CONFIG_DIFF_H

#include <stdbool.h>
#include <stddef.h>

struct spans;
struct strbuf;

struct diff_side {
	const char *label;
	const char *text;
	size_t len;
	const struct spans *spans; /* where secrets stand, in order; or NULL */
	bool hidden; /* none of its lines is shown */
};

/* Add the diff of two texts to b; nothing if they are the same. */
void diff_add(
    const struct diff_side *old, const struct diff_side *new, struct strbuf *b);

#endif
