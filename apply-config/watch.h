/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of its own that waits until a generation is confirmed or its
 * time is over, and then goes back.  If it dies, the next run does so.
 */
#ifndef APPLY_CONFIG_WATCH_H
#define APPLY_CONFIG_WATCH_H

struct error;
struct settings;

int watch_start(const struct settings *s, struct error *e);

#endif
