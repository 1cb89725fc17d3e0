/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats written side by side, each by a child of its own: they want nothing
 * from each other but the tree and the raw disk.
 */
#ifndef IMAGE_BUILD_JOBS_H
#define IMAGE_BUILD_JOBS_H

#include <stdbool.h>
#include <stddef.h>

#include "image-build/format.h"
#include "image-build/inventory.h"

struct build;
struct job {
	const struct format_kind *kind;
	struct format_job what;
	char *output, *raw; /* what borrows them; raw NULL for archives */
	int disk; /* number of it, -1 for archives */
	bool sums; /* its digests are wanted */
	struct checksum sum; /* once it is done */
	double start;
	int answer; /* a pipe from the child while it runs, else 0 */
	int pid;
	bool done;
};

struct jobs {
	struct job *items;
	size_t len, cap;
	unsigned running;
	bool failed; /* nothing is started after that */
	struct error *error; /* the first one */
};

/* Put a job behind those that wait.  Good until the next one is added. */
struct job *jobs_add(struct jobs *all);

/* Start what waits, as many as there are processors at a time. */
void jobs_start(struct jobs *all);

/* Wait until all are done.  The first error is told. */
int jobs_wait(struct jobs *all, struct build *b, struct error *e);

/* Waits for those that run. */
void jobs_clear(struct jobs *all);

#endif
