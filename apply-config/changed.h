/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed, for hooks: a JSON map of two lists, "files" with the paths
 * and "on_change" with the names that their control files give.
 */
#ifndef APPLY_CONFIG_CHANGED_H
#define APPLY_CONFIG_CHANGED_H

#include "lib/strlist.h"

struct error;
struct journal;
struct output;
struct settings;

struct changed {
	struct strlist files, on_change; /* each item once */
};

/* Note all that a journal has done. */
void changed_note(
    struct changed *c, const struct output *o, const struct journal *j);

/* Add to the file of the settings, if there is one. */
int changed_tell(
    const struct settings *s, const struct changed *c, struct error *e);
void changed_clear(struct changed *c);

#endif
