/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that runs while the agent goes on, in a process group of its own.
 */
#ifndef COLLECT_CONFIG_CHILD_H
#define COLLECT_CONFIG_CHILD_H

#include <stdint.h>
#include <sys/types.h>

struct error;

struct child {
	pid_t pid; /* 0: not running */
	int fd; /* of the process, readable at its end; -1: not running */
	int64_t started; /* clock_ms() */
};

/*
 * Start argv (argv[0] is looked up in PATH) with the environment env.  Its
 * standard output is the descriptor out, or ours if that is -1.
 */
int child_start(struct child *c, char *const *argv, char *const *env, int out,
    struct error *e);

/*
 * Once fd is readable: take the exit status, 256 minus the signal if one
 * ended it.
 */
int child_end(struct child *c);

/* End it and all that is in its process group. */
void child_kill(struct child *c);

#endif
