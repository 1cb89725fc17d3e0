/* SPDX-License-Identifier: Apache-2.0 */
/* What a script really used: see watch.c. */
#ifndef IMAGE_BUILD_WATCH_H
#define IMAGE_BUILD_WATCH_H

#include <stdbool.h>
#include <time.h>

#include "lib/strlist.h"

struct build;
struct error;

struct watch {
	const struct build *b;
	char *hooks; /* the hooks tree, as paths of opened files begin */
	bool jailed; /* the script has a mount namespace of its own */
	struct strlist
	    reads; /* below hooks without a slash; of the host with */
	struct strlist folders; /* of the hooks tree, listed */
	struct strlist writes; /* files of the host */
	struct timespec start;
	bool network; /* an internet socket was opened */
	bool blind; /* files could not be watched */
	bool heard; /* the filter's listener had arrived */
	int fan, listener, epoll;
	int ns; /* keeps that namespace: without it no file has its path */
	int pair[2]; /* these two come through it */
};

/*
 * Begin.  hooks is a mount of the hooks tree that only the step uses; jailed:
 * in the target.
 */
int watch_open(struct watch *w, struct build *b, const char *hooks, bool jailed,
    struct error *e);

/*
 * For struct proc: in the child, whose mount namespace is ns, or -1: ours.
 * Returns 0, or an errno.
 */
int watch_prepare(struct watch *w, int ns);

/* For struct proc: when w->epoll can be read. */
void watch_ready(struct watch *w);

/* After the script: the lists are complete and sorted. */
void watch_settle(struct watch *w);
void watch_close(struct watch *w);

#endif
