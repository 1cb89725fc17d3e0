/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages and progress: the owner of standard error.
 *
 * Each message is one line, "program: text".  On a terminal a status line
 * stands below them and is redrawn; elsewhere what it would say becomes a
 * line now and then, so that a log is never silent for long.  Whatever a text
 * holds, what is written is harmless to a terminal (lib/plain.h).
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

/*
 * Name the program (borrowed) and say how much it talks.  Called first: it
 * also opens /dev/null on a descriptor 0, 1 or 2 that the program was started
 * without.
 */
void log_open(const char *program, enum log_level level);

/* Put "YYYY-MM-DD HH:MM:SS.mmm | " (UTC) before each line. */
void log_set_stamps(bool on);

/*
 * For those who know another program's output: no names in front of lines,
 * and errors begin with "ERROR: ".
 */
void log_set_bare(bool on);

/* Append every line, stamped, to a file as well; quiet: only there. */
int log_set_file(const char *path, bool quiet, struct error *e);

void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Whether log_debug says anything on stderr: for programs that we start. */
bool log_is_verbose(void);

/* Keep lines for stderr back, and say all of them at once when it ends. */
void log_hold(bool on);

/* Print what main failed with: "program: text". */
void log_error(const struct error *e);

/* A line of a child's output, with the speaker's name in front. */
void log_output(const char *speaker, const char *line, size_t len);

/*
 * What is being done right now.  On a terminal the status line shows it; a
 * log gets it when log_tick() finds that nothing was said for a while.
 */
void log_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_tick(void);

/*
 * Without a status line, as in a log: for a process that is not the only one
 * at this terminal.
 */
void log_set_status(bool on);

/*
 * A bar for work whose size is known; done == total ends it.  The numbers
 * are bytes.  A log gets a line every few seconds and one at the end.
 */
void log_progress(const char *what, uint64_t done, uint64_t total);

#endif
