/* SPDX-License-Identifier: Apache-2.0 */
/* Which sources are asked, and why. */
#ifndef COLLECT_CONFIG_DETECT_H
#define COLLECT_CONFIG_DETECT_H

struct config;
struct error;
struct machine;
struct strlist;

/*
 * Add the names of the sources to ask, in rising precedence: those that the
 * settings name, else all that need no platform and those whose platform this
 * machine is.
 */
int detect_collectors(const struct config *c, const struct machine *m,
    struct strlist *names, struct error *e);

#endif
