/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refresh-config: runs phases of hooks and reports what came of them.
 *
 *	settings ─► run (phase by phase, hook by hook) ─► report ─► outbox
 */
#ifndef REFRESH_CONFIG_REFRESH_H
#define REFRESH_CONFIG_REFRESH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "lib/strbuf.h"
#include "lib/strlist.h"

struct doc;
struct error;
struct value;

enum {
	DONE = 0,
	FAILED = 1,
	MISUSED = 2,
	NOT_NOW = 75
};

/* ---- what we are told (settings.c) ------------------------------------- */

struct settings {
	const char *root; /* put in front of every path below; "" for / */
	char *base; /* the folder of the phases' folders */
	char *state; /* reports, outbox */
	char *lock;
	struct strlist phases; /* in order */
	unsigned run_seconds; /* for the whole run; 0: no limit */
	unsigned script_seconds; /* for each hook */
};

/* What the command line says, NULL or 0 where it says nothing. */
struct wishes {
	const char *root, *base, *state, *lock;
	unsigned run_seconds;
	struct strlist phases;
};

/* Fill in from wishes, environment and defaults. */
int
settings_load(struct settings *s, const struct wishes *wishes, struct error *e);
void settings_clear(struct settings *s);

/* A path below the state folder; the caller's. */
char *settings_state(const struct settings *s, const char *name);

/* ---- one run (run.c) --------------------------------------------------- */

/* What came of one hook. */
struct outcome {
	char *name;
	char *phase;
	time_t started;
	double offset; /* seconds after the run began */
	double seconds, cpu;
	long peak_kib;
	bool exited; /* it did, with this status */
	int status;
	int signal; /* that ended it, or 0 */
	bool timed_out;
	struct strbuf output; /* the end of it */
};

struct run {
	const struct settings *settings;
	const volatile sig_atomic_t *stop; /* ends the run when true */
	char id[40];
	time_t started;
	double clock; /* monotonic, at the start */
	double seconds; /* all of it */
	bool failed;
	char why[1024]; /* if it failed; one line */
	struct outcome *outcomes;
	size_t len, cap;
};

void run_init(struct run *r, const struct settings *settings);
void run_clear(struct run *r);

/* Run every phase.  -1 when a hook failed; r tells which, e why. */
int run_all(struct run *r, struct error *e);

/* ---- reports (report.c) ------------------------------------------------ */

/* The report as refresh-report(5) has it. */
struct value *report_make(struct doc *d, const struct run *r);

/* "success" or "failed" of the last run, "none" if there was none. */
const char *report_previous(const struct settings *s);

/* Keep it in the state folder; queue it for the metadata's signal URL. */
int report_publish(const struct run *r, struct error *e);

/* Have what is in the outbox sent, for a bounded time. */
void report_send(const struct settings *s);

/* ---- dib-run-parts.c --------------------------------------------------- */

int dib_run_parts(int argc, char **argv);

/* A line as dib-run-parts says it, on standard error. */
void parts_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct part_time {
	const char *name;
	double seconds;
};

/* The table at the end; sorts times. */
void parts_say_profile(const char *dir, struct part_time *times, size_t n);

#endif
