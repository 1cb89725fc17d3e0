/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd is told over its notification socket: sd_notify(3). */
#ifndef COLLECT_CONFIG_NOTIFY_H
#define COLLECT_CONFIG_NOTIFY_H

#include <stdint.h>

/* Send "READY=1" and the like; nothing happens outside of systemd. */
void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Milliseconds between the signs of life that systemd wants, or 0. */
int64_t notify_watchdog(void);

#endif
