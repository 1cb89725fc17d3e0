/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent: asks all sources, keeps the cache, runs the command.
 *
 * All of it is one process and one loop.  A round that is over is taken into
 * the cache only while no command runs, so that what a command reads stays as
 * it was when it started; what came in meanwhile leads to one more run.
 */
#ifndef COLLECT_CONFIG_AGENT_H
#define COLLECT_CONFIG_AGENT_H

#include "collect-config/cache.h"
#include "collect-config/source.h"

struct agent {
	struct config *config;
	struct machine machine;
	struct source *sources; /* in rising precedence */
	size_t n;
	struct http_loop *http; /* NULL until a source asks something */
	struct cache cache;
	const char *line; /* the command, or NULL: only print */
	struct child command;
	char *token; /* of its run in a unit, or NULL; see unit.h */
	int signals; /* signalfd, or -1 */
	int watch; /* inotify, or -1 */
	struct watched *watched; /* see watch.c */
	size_t n_watched, cap_watched;

	struct strlist names; /* of the list that the command is given */
	struct strlist pending; /* stored, not yet committed */
	bool wanted; /* a run of the command */
	bool once; /* one round each, then the end */
	bool stopping; /* asked to end */
	/* Memory given back, since the last command or the last round. */
	enum {
		TRIM_NONE,
		TRIM_MOST,
		TRIM_ALL
	} trimmed;
	int64_t active; /* clock_ms() of the start or the last command */
	bool told; /* the status file says how things are */
	int64_t told_at; /* clock_ms(); 0: say it now */
	bool restarting; /* re-execute when nothing runs */
	int64_t started, run_after; /* clock_ms() */
	double run_interval; /* seconds to the next try of a failed command */
	int status; /* last exit status of the command */
	unsigned long runs; /* of the command */
	char *program; /* the file that we are, for re-execution */
	char **argv;
	char *stamp; /* of our files; see reload.h */
};

/*
 * Set up with the collectors that the settings name.  argv is kept for a
 * re-execution.
 */
int agent_open(struct agent *a, struct config *c, char **argv, struct error *e);
void agent_close(struct agent *a);

/* One round of every source, printed as JSON on standard output. */
int agent_print(struct agent *a, struct error *e);

/* One round, then the command if something changed (or force). */
int agent_once(struct agent *a, bool force, struct error *e);

/* Go on until told to stop.  Returns 0, or -1. */
int agent_run(struct agent *a, struct error *e);

/* ---- between agent*.c --------------------------------------------------- */

/* Begin a round, and go on as far as possible without waiting. */
void agent_ask(struct agent *a, struct source *s);

/* Let the source's kind make the next step, and do what it says. */
void agent_go_on(struct agent *a, struct source *s);

/* The source's program ended; end it if it took too long. */
void agent_child_over(struct agent *a, struct source *s);
void agent_child_limit(const struct source *s);

/* Whether there is a round with nothing of it under way. */
bool agent_is_over(const struct source *s);

/* Take such a round into the cache. */
void agent_take(struct agent *a, struct source *s);

/*
 * What the cache knows of a source, before it is first asked: its documents,
 * and which of them the command has yet to succeed with.
 */
void agent_recall(struct agent *a, struct source *s);

/* The names of all sources' outputs, each once, the last place counting. */
void agent_names(const struct agent *a, struct strlist *names);

/* Start the command; it ended; how long it may still run, milliseconds. */
void agent_command(struct agent *a);
void agent_command_over(struct agent *a);
void agent_command_limit(struct agent *a);

#endif
