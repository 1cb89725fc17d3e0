/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child for each format: it writes the file, reads it once more for the
 * digests unless these came about on the way, and sends back what came of it.
 */
#include "image-build/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/pool.h"

struct answer {
	int status; /* 0, or -1 with the error */
	struct error error;
	struct checksum sum;
};

struct job *
jobs_add(struct jobs *all)
{
	all->items =
	    mem_grow(all->items, &all->cap, all->len + 1, sizeof(*all->items));
	all->items[all->len] = (struct job){ .pid = 0 };
	return &all->items[all->len++];
}

/* ---- the work ------------------------------------------------------------------ */

static int
work(struct job *j, struct error *e)
{
	if (j->kind->write(&j->what, e) == -1)
		return error_prefix(e, "%s", j->what.output);
	if (!j->sums || j->sum.known)
		return 0;
	return checksum_file(j->what.output, j->what.md5, &j->sum, e);
}

static void
finished(struct job *j, struct build *b)
{
	j->done = true;
	report_part(b->report, j->kind->name, clock_seconds() - j->start);
}

/* ---- children ------------------------------------------------------------------- */

static void
work_in_child(struct job *j, int answer)
{
	struct answer a = { .status = 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_set_status(false); /* it is not the only one */
	if (j->sums)
		j->what.sum = &j->sum;
	a.status = work(j, &a.error);
	a.sum = j->sum;
	_exit(write(answer, &a, sizeof(a)) == sizeof(a) ? 0 : 1);
}

static int
start(struct job *j, struct error *e)
{
	int ends[2];

	fflush(NULL);
	if (pipe2(ends, O_CLOEXEC) == -1)
		return error_errno(e, "pipe");
	j->start = clock_seconds();
	j->pid = fork();
	if (j->pid == 0) {
		close(ends[0]);
		work_in_child(j, ends[1]);
	}
	close(ends[1]);
	if (j->pid == -1) {
		close(ends[0]);
		return error_errno(e, "fork");
	}
	j->answer = ends[0];
	return 0;
}

/* The child has answered, or ended without. */
static int
collect(struct job *j, struct error *e)
{
	struct answer a;
	ssize_t n = read(j->answer, &a, sizeof(a));
	int status = 0;

	close(j->answer);
	j->answer = 0;
	while (waitpid(j->pid, &status, 0) == -1 && errno == EINTR)
		;
	if (n != sizeof(a))
		return error_set(
		    e, ECHILD, "%s: its writer was killed", j->what.output);
	if (a.status == -1) {
		*e = a.error;
		return -1;
	}
	j->sum = a.sum;
	return 0;
}

/* ---- all of them -------------------------------------------------------------------- */

static unsigned
most(void)
{
	unsigned n = pool_processors();

	return n < 2 ? 2 : n;
}

void
jobs_start(struct jobs *all)
{
	struct error e;

	for (size_t i = 0; i < all->len && all->running < most(); i++) {
		struct job *j = &all->items[i];

		if (all->failed || j->done || j->answer != 0)
			continue;
		if (start(j, &e) == 0) {
			all->running++;
			continue;
		}
		all->failed = true;
		all->error = mem_alloc(sizeof(e));
		*all->error = e;
	}
}

/* Wait for one, or several, of those that run. */
static void
wait_some(struct jobs *all, struct build *b)
{
	own_free struct pollfd *fds = mem_alloc(all->len * sizeof(*fds));
	struct error e;

	for (size_t i = 0; i < all->len; i++) {
		fds[i].fd =
		    all->items[i].answer > 0 ? all->items[i].answer : -1;
		fds[i].events = POLLIN;
	}
	if (poll(fds, all->len, 1000) <= 0) {
		log_tick();
		return;
	}
	for (size_t i = 0; i < all->len; i++) {
		if (fds[i].revents == 0)
			continue;
		all->running--;
		if (collect(&all->items[i], &e) == 0) {
			finished(&all->items[i], b);
		} else if (!all->failed) {
			all->failed = true;
			all->error = mem_alloc(sizeof(e));
			*all->error = e;
		}
	}
}

int
jobs_wait(struct jobs *all, struct build *b, struct error *e)
{
	jobs_start(all);
	while (all->running > 0) {
		wait_some(all, b);
		jobs_start(all);
	}
	if (all->failed)
		*e = *all->error;
	return all->failed ? -1 : 0;
}

void
jobs_clear(struct jobs *all)
{
	struct error e;

	for (size_t i = 0; i < all->len; i++) {
		if (all->items[i].answer > 0)
			(void)collect(&all->items[i], &e);
		free(all->items[i].output);
		free(all->items[i].raw);
	}
	free(all->items);
	free(all->error);
	*all = (struct jobs){ 0 };
}
