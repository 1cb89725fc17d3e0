/* SPDX-License-Identifier: Apache-2.0 */
/* Which sources are asked, and why; found without a network. */
#ifndef COLLECT_CONFIG_DETECT_H
#define COLLECT_CONFIG_DETECT_H

struct config;
struct error;
struct machine;
struct strlist;

/*
 * Add the names of the sources to ask, in rising precedence: those that the
 * settings name, else all that need no platform and those whose platform this
 * machine is.  If it seems to be none, a platform that is in the cache stays:
 * the disc of the first boot may be gone by now.
 */
int detect_collectors(struct config *c, const struct machine *m,
    struct strlist *names, struct error *e);

/* Print what the machine looks like and what follows from that. */
int detect_print(struct config *c, const struct machine *m, struct error *e);

#endif
