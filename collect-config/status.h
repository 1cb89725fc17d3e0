/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the agent is: a JSON file that it keeps up to date, on a filesystem in
 * memory, and that "collect-config status" shows.
 */
#ifndef COLLECT_CONFIG_STATUS_H
#define COLLECT_CONFIG_STATUS_H

#include <stdbool.h>

struct agent;
struct config;
struct error;

/* Write the file if something happened since the last time. */
void status_write(struct agent *a);

/* Go on counting where the process left off that we replace. */
void status_recall(struct agent *a);

/* Print the file, as it is or as a table for people. */
int status_print(const struct config *c, bool json, struct error *e);

#endif
