/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong, told once.
 *
 * A function that can fail takes a struct error as its last parameter and
 * returns -1 (or NULL) after filling it.  Callers that know more say so with
 * error_prefix(); main prints the result.  Nothing here allocates, so that
 * even a report of exhausted memory can be made.
 */
#ifndef LIB_ERROR_H
#define LIB_ERROR_H

struct error {
	int code; /* an errno value, or 0 if none applies */
	char text[1024]; /* outermost context first, one line */
};

/* Fill e from a format; returns -1 so that callers can return it. */
int error_set(struct error *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, adding the meaning of errno; keeps errno. */
int error_errno(struct error *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Put context in front of what is there, "fmt: text"; returns -1. */
int error_prefix(struct error *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
