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
	char *hooks; /* where the script sees the hooks tree, as we see it */
	struct strlist
	    reads; /* below hooks without a slash; of the host with */
	struct strlist folders; /* of the hooks tree, listed */
	struct strlist writes; /* files of the host */
	struct timespec start;
	bool network; /* an internet socket was opened */
	bool blind; /* files could not be watched */
	bool heard; /* the filter's listener had arrived */
	int fan, listener, epoll;
	int pair[2]; /* the listener comes through it */
};

/* Begin.  hooks is a mount of the hooks tree that only the step uses. */
int watch_open(
    struct watch *w, struct build *b, const char *hooks, struct error *e);

/* For struct proc: in the child; and when w->epoll can be read. */
int watch_prepare(struct watch *w);
void watch_ready(struct watch *w);

/* After the script: the lists are complete and sorted. */
void watch_settle(struct watch *w);
void watch_close(struct watch *w);

#endif
