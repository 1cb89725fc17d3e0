/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ordered folder of programs, as diskimage-builder's phases and
 * os-refresh-config's phases have them: which names count, in which order
 * they run, and the environment.d beside the folder that bash sources first.
 */
#ifndef LIB_PARTS_H
#define LIB_PARTS_H

#include "lib/proc.h"

struct error;
struct strbuf;
struct strlist;

#define PARTS_PATTERN "^[0-9A-Za-z_-]+$"

/*
 * Order of two names, that of sort -n in the C locale: by the number that
 * they begin with (a minus and a fraction count; none is 0), then by bytes.
 */
int parts_compare(const char *a, const char *b);

/*
 * Add to names, in running order, the executable regular files in dir (or
 * symlinks to such) whose names match pattern, a POSIX extended expression
 * (NULL: PARTS_PATTERN).  Names left out for any reason are added to
 * ignored, if that is not NULL.  A missing folder gives an empty list.
 */
int parts_list(const char *dir, const char *pattern, struct strlist *names,
    struct strlist *ignored, struct error *e);

struct parts_environment {
	const char *dir; /* the environment.d folder as we see it */
	const char *seen; /* as bash sees it */
	int (*prepare)(void *ctx); /* as in struct proc, or NULL */
	char *const *env; /* what bash starts with */
	bool trace; /* show each command (bash -x) */
	const char *announce; /* a program that names each fragment, or NULL */
	proc_line *line; /* gets what the fragments print */
	void *ctx;
	proc_line *data; /* gets it as it comes, or NULL */
	const volatile sig_atomic_t *stop; /* when it becomes true, end it */
	const char *cgroup; /* as in struct proc, or NULL */
};

/*
 * Source every fragment, in byte order, in one bash under -eu -o pipefail,
 * and put what is exported then into env ("NAME=value" items).  Without the
 * folder env is a copy of what bash would have started with.  A fragment
 * that exits with status 0 ends the phase early: returns 1, env untouched.
 * When one fails, error.code is minus bash's exit status, and without announce
 * the last line printed names it.
 */
int parts_environment(
    const struct parts_environment *p, struct strlist *env, struct error *e);

/* The end of a child's output, kept for a report. */
void parts_tail(struct strbuf *tail, const char *line, size_t len);

/*
 * Of that end the last lines that have most bytes together; of a line that
 * alone has more, its end.  Points into tail, whose last line feed goes.
 */
const char *parts_last(struct strbuf *tail, size_t most);

#endif
