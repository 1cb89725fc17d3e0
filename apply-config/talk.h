/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on standard error: the house's, or, in the place of
 * os-apply-config, lines "[date] [LEVEL] text" that also go to the end of
 * /var/log/os-apply-config.log when the superuser runs it.
 */
#ifndef APPLY_CONFIG_TALK_H
#define APPLY_CONFIG_TALK_H

#include <stdbool.h>

struct error;

void talk_open(const char *program, bool compat);
void talk_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void talk_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void talk_error(const struct error *e);

/* Keep what is said back, and say it all at once when it ends. */
void talk_hold(bool on);

#endif
