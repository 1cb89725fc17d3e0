/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, lock and statuses of os-refresh-config. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/lock.h"
#include "lib/options.h"
#include "lib/own.h"
#include "refresh-config/refresh.h"

static struct wishes wishes;
static bool print_base, print_phases;

static int
set_level(const char *name, struct error *e)
{
	if (voice_compat_level(name) != -1)
		return 0;
	return error_set(e, EINVAL,
	    "invalid choice: '%s' (choose from 'ERROR', 'WARN', 'CRITICAL', "
	    "'INFO', 'DEBUG')",
	    name);
}

static const struct option_def defs[] = {
	{ 0, "print-base", NULL, OPTION_FLAG, &print_base, NULL,
	    "print base dir and exit" },
	{ 0, "print-phases", NULL, OPTION_FLAG, &print_phases, NULL,
	    "print phases (tab separated) and exit" },
	{ 0, "log-level", "LEVEL", OPTION_CALL, NULL, set_level,
	    "ERROR, WARN, CRITICAL, INFO or DEBUG" },
	{ 0, "lockfile", "LOCKFILE", OPTION_STRING, &wishes.lock, NULL,
	    "lock file to prevent multiple running copies" },
	{ 0, "timeout", "TIMEOUT", OPTION_NUMBER, &wishes.run_seconds, NULL,
	    "seconds until the current run will be terminated" },
	{ 0 },
};

static const struct options options = {
	.program = "os-refresh-config",
	.summary =
	    "Run the phases of hooks, as refresh-config, but talk about it\n"
	    "as the Python program of this name does.",
	.defs = defs,
};

static int
misused(const struct error *e)
{
	fprintf(stderr,
	    "usage: os-refresh-config [-h] [--print-base] [--print-phases]\n"
	    "                         [--log-level "
	    "{ERROR,WARN,CRITICAL,INFO,DEBUG}]\n"
	    "                         [--lockfile LOCKFILE] "
	    "[--timeout TIMEOUT]\n"
	    "os-refresh-config: error: %s\n",
	    e->text);
	return MISUSED;
}

static int
run(const struct settings *s)
{
	struct error e;
	int status;
	int lock = lock_take(s->lock, 0, &e);

	if (lock == -1) {
		voice_compat_say("ERROR", "Could not lock %s. [Errno %d] %s",
		    s->lock, e.code, strerror(e.code));
		return e.code == EAGAIN ? EAGAIN : FAILED;
	}
	status = refresh(s, &voice_compat, NULL);
	close(lock);
	report_send(s, true);
	return status;
}

static int
print(const struct settings *s)
{
	own_free char *phases = strlist_join(&s->phases, "\t");

	printf("%s\n", print_base ? s->base : phases);
	return DONE;
}

int
os_refresh_config(int argc, char **argv)
{
	own(settings_clear) struct settings s = { 0 };
	struct error e;
	int first = options_parse(&options, argc, argv, &e);

	if (first == OPTIONS_SHOWN)
		return DONE;
	if (first != -1 && first < argc)
		first = error_set(
		    &e, EINVAL, "unrecognized arguments: %s", argv[first]);
	if (first == -1 || settings_load(&s, &wishes, &e) == -1)
		return misused(&e);
	s.script_seconds = INT_MAX; /* the original has no such limit */
	return print_base || print_phases ? print(&s) : run(&s);
}
