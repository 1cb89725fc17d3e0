/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting anew in the same process: on SIGHUP, when a file of settings
 * changed, and when a new version of this program was installed.
 */
#ifndef COLLECT_CONFIG_RELOAD_H
#define COLLECT_CONFIG_RELOAD_H

#include <stdbool.h>

struct agent;

/* Remember what our files are like now. */
void reload_remember(struct agent *a);

/* Whether they are different now. */
bool reload_wanted(struct agent *a);

/* Re-execute.  Returns only if that failed, which is logged. */
void reload_now(struct agent *a);

#endif
