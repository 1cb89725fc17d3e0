/* SPDX-License-Identifier: Apache-2.0 */
/* refresh-config: run the phases of hooks, report what came of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "refresh-config/refresh.h"

static struct wishes wishes;
static bool print_base, print_phases, quiet;
static unsigned verbose;
static volatile sig_atomic_t stop;

static const struct option_def defs[] = {
	{ 'p', "phase", "PHASE", OPTION_LIST, &wishes.phases, NULL,
	    "run only this phase (may be repeated)" },
	{ 't', "timeout", "SECONDS", OPTION_NUMBER, &wishes.run_seconds, NULL,
	    "limit for the whole run" },
	{ 0, "lockfile", "FILE", OPTION_STRING, &wishes.lock, NULL,
	    "one run at a time holds this lock" },
	{ 0, "base", "DIR", OPTION_STRING, &wishes.base, NULL,
	    "the folder with the phases' folders" },
	{ 0, "state", "DIR", OPTION_STRING, &wishes.state, NULL,
	    "reports and unsent signals" },
	{ 0, "root", "DIR", OPTION_STRING, &wishes.root, NULL,
	    "look for everything below DIR" },
	{ 0, "print-base", NULL, OPTION_FLAG, &print_base, NULL,
	    "print the base folder" },
	{ 0, "print-phases", NULL, OPTION_FLAG, &print_phases, NULL,
	    "print the phases" },
	{ 'v', "verbose", NULL, OPTION_COUNT, &verbose, NULL, "say more" },
	{ 'q', "quiet", NULL, OPTION_FLAG, &quiet, NULL,
	    "say only what went wrong" },
	{ 0 },
};

static const struct options options = {
	.program = "refresh-config",
	.summary = "Run the phases of hooks in order and report the result.",
	.defs = defs,
};

static void
on_signal(int number)
{
	stop = number;
}

static void
catch_signals(void)
{
	const struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
}

/* What happened is told whatever becomes of the telling. */
static int
conclude(const struct run *r, int result, const struct error *why)
{
	struct error e;

	if (result == -1)
		log_error(why);
	else
		log_info("success: %zu hooks in %.3f s", r->len, r->seconds);
	if (report_publish(r, &e) == -1)
		log_error(&e);
	return result == -1 ? FAILED : DONE;
}

static int
refresh(const struct settings *s)
{
	own(run_clear) struct run r;
	struct error e;
	int status;
	int lock = lock_take(s->lock, 0, &e);

	if (lock == -1) {
		log_error(&e);
		return e.code == EAGAIN ? NOT_NOW : FAILED;
	}
	run_init(&r, s);
	r.stop = &stop;
	catch_signals();
	status = conclude(&r, run_all(&r, &e), &e);
	close(lock);
	report_send(s);
	return status;
}

static int
print(const struct settings *s)
{
	own_free char *phases = strlist_join(&s->phases, "\t");

	printf("%s\n", print_base ? s->base : phases);
	return DONE;
}

static int
parse(int argc, char **argv, struct settings *s, struct error *e)
{
	int first = options_parse(&options, argc, argv, e);

	if (first < 0)
		return first;
	if (first < argc)
		return error_set(e, EINVAL, "what is %s?", argv[first]);
	return settings_load(s, &wishes, e);
}

int
main(int argc, char **argv)
{
	own(settings_clear) struct settings s = { 0 };
	const char *name = path_base(argv[0]);
	struct error e;
	int r;

	log_open(name, LOG_INFO);
	if (strcmp(name, "dib-run-parts") == 0)
		return dib_run_parts(argc, argv);
	if (strcmp(name, "heat-config-notify") == 0) {
		error_set(&e, 0, "not in this version of refresh-config");
		log_error(&e);
		return FAILED;
	}
	r = parse(argc, argv, &s, &e);
	if (r == OPTIONS_SHOWN)
		return DONE;
	if (r == -1) {
		log_error(&e);
		return MISUSED;
	}
	log_open(name, quiet ? LOG_WARN : LOG_INFO + (int)verbose);
	return print_base || print_phases ? print(&s) : refresh(&s);
}
