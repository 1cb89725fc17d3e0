/* SPDX-License-Identifier: Apache-2.0 */
/* Between proc-start.c, which starts a program, and proc.c, which minds it. */
#ifndef LIB_PROC_PRIVATE_H
#define LIB_PROC_PRIVATE_H

#include <stdbool.h>
#include <sys/types.h>

struct error;
struct proc;

struct proc_pipes {
	int in[2], out[2], err[2], fail[2], answer[2];
};

#define PIPES_CLOSED \
	{ \
		{ -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 }, \
		{ \
			-1, -1 \
		} \
	}

/* Close a descriptor if it is one; it is -1 then. */
void proc_shut(int *fd);
void proc_pipes_clear(struct proc_pipes *p);

/*
 * Start a program; the caller's ends of the pipes are open then, and the
 * child is its own to wait for.  -1: it could not be started, and is gone.
 */
int proc_start(const struct proc *p, struct proc_pipes *pipes, pid_t *pid,
    struct error *e);

#endif
