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
struct proc_status;
struct value;

enum {
	DONE = 0,
	FAILED = 1,
	MISUSED = 2,
	NOT_NOW = 75
};

/* ---- what we are told (settings.c) ------------------------------------- */

struct limit {
	char *name; /* of a phase, or PHASE/HOOK */
	unsigned seconds;
};

struct settings {
	const char *root; /* put in front of every default below; "" for / */
	char *base; /* the folder of the phases' folders */
	char *state; /* reports, outbox */
	char *lock;
	char *file; /* that the rest comes from */
	bool named; /* somebody asked for that file */
	char *ca_file; /* trusted certificates, or NULL: the system's */
	struct strlist phases; /* in order */
	unsigned run_seconds; /* for the whole run; 0: no limit */
	unsigned script_seconds; /* for each hook */
	unsigned send_seconds; /* for sending reports at the end */
	unsigned history; /* how many reports are kept */
	struct limit *limits; /* for some hooks, or all of some phases */
	size_t limits_len;
};

/* What the command line says, NULL or 0 where it says nothing. */
struct wishes {
	const char *root, *config, *base, *state, *lock;
	unsigned run_seconds;
	struct strlist phases;
};

/* Fill in from wishes, environment, file and defaults. */
int
settings_load(struct settings *s, const struct wishes *wishes, struct error *e);
void settings_clear(struct settings *s);

/* A path below the state folder; the caller's. */
char *settings_state(const struct settings *s, const char *name);

/* So that a refresh-config which a hook runs has the same ones. */
void settings_export(const struct settings *s, struct strlist *env);

/* The machine's merged metadata, or NULL. */
struct value *
settings_metadata(const struct settings *s, struct doc *d, struct error *e);

/*
 * Seconds that a hook may take: what is set for it, what its header says (0:
 * nothing), what is set for its phase, what is set for all.
 */
unsigned settings_limit(const struct settings *s, const char *phase,
    const char *hook, unsigned header);

/* ---- what a hook says about itself (header.c) -------------------------- */

struct header {
	unsigned seconds; /* time limit, 0: not said */
	unsigned retries;
	bool plain; /* text without "#!": a shell would run it itself */
};

/* "90", "30s", "5m", "2h", "1d"; n bytes.  Returns 0 or -1. */
int duration_parse(const char *s, size_t n, unsigned *seconds);

int
header_parse(const char *text, size_t len, struct header *h, struct error *e);
int header_load(const char *path, struct header *h, struct error *e);

/* ---- one run (run.c, hook.c) ------------------------------------------- */

/* What came of one hook. */
struct outcome {
	char *name;
	const char *phase;
	time_t started;
	double offset; /* seconds after the run began */
	double seconds, cpu;
	long peak_kib;
	unsigned attempts;
	bool exited; /* it did, with this status */
	int status;
	int signal; /* that ended it, or 0 */
	bool timed_out;
	struct strbuf output; /* the end of it */
};

struct voice;

struct run {
	const struct settings *settings;
	const struct voice *voice;
	const volatile sig_atomic_t *stop; /* ends the run when true */
	const char *from_phase, *from_hook; /* where to start, or NULL */
	char id[40];
	const char *previous; /* "success", "failed" or "none" */
	time_t started;
	double clock; /* monotonic, at the start */
	double seconds; /* all of it */
	bool resumed; /* started where another one failed */
	bool failed;
	char why[1024]; /* if it failed; one line */
	char *failed_phase, *failed_hook;
	struct outcome *outcomes;
	size_t len, cap;
	char *cgroup; /* ours, to make others in, or NULL */
	int journal; /* socket, or -1 */
};

void run_init(
    struct run *r, const struct settings *settings, const struct voice *voice);
void run_clear(struct run *r);

/* Run every phase.  -1 when a hook failed; r tells which, e why. */
int run_all(struct run *r, struct error *e);

/* Seconds since the run began. */
double run_clock(const struct run *r);

/* One phase being run. */
struct phase {
	struct run *run;
	const char *name;
	char *dir;
	struct strlist scripts, env;
	const volatile sig_atomic_t *stop;
	bool last; /* error handlers: the run's limit is not theirs */
	unsigned most; /* seconds for each hook, whatever its limit; 0: none */
};

/* Run one of its scripts, with retries; adds an outcome to the run. */
int hook_run(struct phase *p, const char *name, struct error *e);

/* ---- how we talk about it (voice.c) ------------------------------------ */

struct voice {
	const char *name;
	bool faithful; /* as os-refresh-config: see voice.c */
	/* A phase is about to begin, if its folder is there. */
	void (*phase)(const struct phase *p, bool there);
	void (*hook)(const struct phase *p, const char *path);
	void (*line)(
	    struct outcome *o, int stream, const char *line, size_t len);
	void (*hook_done)(const struct phase *p, const struct outcome *o);
	/* All hooks succeeded; the first of them is outcomes[first]. */
	void (*table)(const struct phase *p, size_t first);
	void (*phase_done)(const struct phase *p);
	/* It did not; status is what dib-run-parts would end with. */
	void (*phase_failed)(const struct phase *p, int status);
	void (*handlers)(const struct phase *p, bool there);
	void (*aborted)(const struct run *r);
};

extern const struct voice voice_own, voice_compat;

/* What os-refresh-config's --log-level takes; -1 if it is none. */
int voice_compat_level(const char *name);

/* A line in the form of Python's logging. */
void voice_python(const char *program, const char *level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same from os-refresh-config, if its level says so. */
void voice_compat_say(const char *level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- journal.c --------------------------------------------------------- */

/* A socket to the journal, or -1 when there is none. */
int journal_open(const char *root);

/* Whether our standard error goes to the journal already. */
bool journal_has_stderr(void);

/* A hook's line; priority as in syslog(3). */
void journal_line(const struct run *r, const struct outcome *o, int priority,
    const char *line, size_t len);

/* ---- changed.c --------------------------------------------------------- */

/* The file in which a hook says what it changed; the caller's. */
char *changed_file(const struct settings *s);

/* Take over what a hook has said there. */
int changed_absorb(const struct settings *s, struct error *e);

/* Tell hooks, by their environment. */
void changed_export(const struct settings *s, struct strlist *env);

/* The names, as a list. */
struct value *changed_names(struct doc *d, const struct settings *s);

/* A run succeeded: everybody has acted. */
void changed_clear(const struct settings *s);

/* Run the command, once, if the name changed. */
int changed_run(const struct settings *s, const char *name, char *const *argv,
    struct error *e);

/* ---- reports (report.c) ------------------------------------------------ */

/* A time as reports have it. */
struct value *report_time(struct doc *d, time_t t);

/* The last one; NULL if there is none. */
struct value *report_last(struct doc *d, const struct settings *s);

/* "success" or "failed" of the last run, "none" if there was none. */
const char *report_previous(const struct settings *s);

/* Begin the log of the run; *quiet: it goes nowhere else. */
void report_open_log(const struct run *r, bool quiet);

/*
 * Keep it in the state folder; queue it for the metadata's signal URL.  As
 * os-refresh-config, whoever may not write the state need not hear of it.
 */
int report_publish(const struct run *r, struct error *e);

/* Have what is in the outbox sent, for a bounded time. */
void report_send(const struct settings *s, bool quiet);

/* ---- plan.c ------------------------------------------------------------ */

/* Print what a run would do; paths only, or with limits. */
int plan_print(const struct settings *s, bool paths_only, struct error *e);

/* ---- refresh.c, os-refresh-config.c ---------------------------------------- */

/* Run and report, the lock being held; returns the exit status. */
int refresh(const struct settings *s, const struct voice *voice,
    const struct value *failed_at);

int os_refresh_config(int argc, char **argv);

/* ---- stop.c ------------------------------------------------------------ */

/* Catch SIGTERM and SIGINT; what is returned becomes true then. */
const volatile sig_atomic_t *stop_catch(void);

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
