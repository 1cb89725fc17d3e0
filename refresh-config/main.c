/* SPDX-License-Identifier: Apache-2.0 */
/* refresh-config: run the phases of hooks, report what came of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "refresh-config/deploy.h"
#include "refresh-config/refresh.h"
#include "refresh-config/status.h"

static struct wishes wishes;
static bool print_base, print_phases, list, dry_run, resume, quiet;
static bool deployments, mark_deployed, completed;
static const char *if_changed, *deploy, *sweep;
static bool json;
static const char *html;
static unsigned verbose;

static const struct option_def defs[] = {
	{ 'n', "dry-run", NULL, OPTION_FLAG, &dry_run, NULL,
	    "show what would be run, and do nothing" },
	{ 'l', "list", NULL, OPTION_FLAG, &list, NULL,
	    "list the hooks' paths, and do nothing" },
	{ 'p', "phase", "PHASE", OPTION_LIST, &wishes.phases, NULL,
	    "run only this phase (may be repeated)" },
	{ 'r', "resume", NULL, OPTION_FLAG, &resume, NULL,
	    "start at the hook at which the last run failed" },
	{ 't', "timeout", "SECONDS", OPTION_NUMBER, &wishes.run_seconds, NULL,
	    "limit for the whole run" },
	{ 0, "if-changed", "NAME", OPTION_STRING, &if_changed, NULL,
	    "run the command, once, if NAME changed" },
	{ 0, "json", NULL, OPTION_FLAG, &json, NULL,
	    "show the status as JSON" },
	{ 0, "html", "FILE", OPTION_STRING, &html, NULL,
	    "write the status to FILE as a page" },
	{ 0, "deployments", NULL, OPTION_FLAG, &deployments, NULL,
	    "give each deployment to the hook of its group" },
	{ 0, "mark-deployed", NULL, OPTION_FLAG, &mark_deployed, NULL,
	    "take all deployments for done" },
	{ 0, "completed", NULL, OPTION_FLAG, &completed, NULL,
	    "signal that the configuration is complete" },
	{ 0, "deploy", "GROUP", OPTION_STRING, &deploy, NULL,
	    "serve as a group's hook" },
	{ 0, "sweep", "GROUP", OPTION_STRING, &sweep, NULL,
	    "remove what a group's former deployments left" },
	{ 'c', "config", "FILE", OPTION_STRING, &wishes.config, NULL,
	    "settings, in YAML (" SYSCONFDIR "/refresh-config.yaml)" },
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
	.operands = "[status | -- command...]",
	.summary = "Run the phases of hooks in order and report the result.",
	.defs = defs,
};

static int
fail(const struct error *e, int status)
{
	log_error(e);
	return status;
}

/* ---- a run ------------------------------------------------------------- */

/*
 * Where the last run failed; *failed_at stays NULL if that was before its
 * first phase.  1 if it did not fail.
 */
static int
find_failure(const struct settings *s, struct doc *d,
    const struct value **failed_at, struct error *e)
{
	const struct value *last = report_last(d, s);
	const struct value *at = value_get(last, "failed_at");
	const char *phase = value_text(at, "phase", NULL);

	if (strcmp(value_text(last, "status", ""), "failed") != 0)
		return 1;
	if (phase == NULL)
		return 0;
	if (!strlist_has(&s->phases, phase))
		return error_set(e, EINVAL,
		    "the last run failed in the phase %s, which is not to be "
		    "run",
		    phase);
	*failed_at = at;
	return 0;
}

/* Take the lock, run, report. */
static int
run(const struct settings *s)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *failed_at = NULL;
	struct error e;
	int status = 0;
	int lock = lock_take(s->lock, 0, &e);

	if (lock == -1)
		return fail(&e, e.code == EAGAIN ? NOT_NOW : FAILED);
	if (resume)
		status = find_failure(s, d, &failed_at, &e);
	if (status == -1)
		return fail(&e, FAILED);
	if (status == 1) {
		log_info("the last run did not fail");
		return DONE;
	}
	status = refresh(s, &voice_own, failed_at);
	close(lock);
	report_send(s, quiet);
	return status;
}

/* ---- what else --------------------------------------------------------- */

static int
print(const struct settings *s)
{
	own_free char *phases = strlist_join(&s->phases, "\t");
	struct error e;

	if (list || dry_run)
		return plan_print(s, list, &e) == 0 ? DONE : fail(&e, FAILED);
	printf("%s\n", print_base ? s->base : phases);
	return DONE;
}

/* What is done instead of a run. */
static int
other(const struct settings *s, char **operands, struct error *e)
{
	if (if_changed != NULL)
		return changed_run(s, if_changed, operands, e);
	if (deployments)
		return deployments_run(s, e);
	if (mark_deployed)
		return deployments_mark(s, e);
	if (completed)
		return deployments_complete(s, e);
	if (deploy != NULL)
		return group_serve(deploy, s->root, e);
	return group_sweep(sweep, s, e);
}

static int
act(const struct settings *s, char **operands)
{
	struct error e;

	if (if_changed != NULL && *operands == NULL) {
		error_set(&e, EINVAL, "--if-changed: which command?");
		return fail(&e, MISUSED);
	}
	if (if_changed == NULL && *operands != NULL &&
	    strcmp(*operands, "status") == 0 && operands[1] == NULL)
		return status_show(s, json, html, &e) == 0 ? DONE
							   : fail(&e, FAILED);
	if (if_changed == NULL && *operands != NULL) {
		error_set(&e, EINVAL, "what is %s?", *operands);
		return fail(&e, MISUSED);
	}
	if (print_base || print_phases || list || dry_run)
		return print(s);
	if (if_changed == NULL && !deployments && !mark_deployed &&
	    !completed && deploy == NULL && sweep == NULL)
		return run(s);
	if (other(s, operands, &e) == -1)
		return fail(&e, e.code == EAGAIN ? NOT_NOW : FAILED);
	return DONE;
}

static int
main_own(int argc, char **argv)
{
	own(settings_clear) struct settings s = { 0 };
	struct error e;
	int first = options_parse(&options, argc, argv, &e);

	if (first == OPTIONS_SHOWN)
		return DONE;
	log_open("refresh-config", quiet ? LOG_WARN : LOG_INFO + (int)verbose);
	if (first == -1 || settings_load(&s, &wishes, &e) == -1)
		return fail(&e, MISUSED);
	return act(&s, argv + first);
}

int
main(int argc, char **argv)
{
	const char *name = path_base(argv[0]);

	log_open(name, LOG_INFO);
	if (strcmp(name, "dib-run-parts") == 0)
		return dib_run_parts(argc, argv);
	if (strcmp(name, "os-refresh-config") == 0)
		return os_refresh_config(argc, argv);
	if (strcmp(name, "heat-config-notify") == 0)
		return heat_config_notify(argc, argv);
	return main_own(argc, argv);
}
