/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command that is run when metadata changed: a shell line, with the list
 * of cache files in OS_CONFIG_FILES.  It runs while the agent goes on; its
 * output is ours.
 */
#ifndef COLLECT_CONFIG_COMMAND_H
#define COLLECT_CONFIG_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

struct command {
	pid_t pid; /* 0: not running */
	int fd; /* of the process, readable at its end; -1: not running */
	int64_t started; /* clock_ms() */
};

/* Start it; files goes into OS_CONFIG_FILES. */
int command_start(
    struct command *cmd, const char *line, const char *files, struct error *e);

/*
 * Once fd is readable: take the exit status, 256 minus the signal if one
 * ended it.
 */
int command_end(struct command *cmd);

/* End it and all that it started in its process group. */
void command_kill(struct command *cmd);

#endif
