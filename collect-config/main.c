/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect-config: metadata from many sources into a cache of JSON files, and
 * a command that is run when they changed.  Also known as os-collect-config.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collect-config/agent.h"
#include "collect-config/detect.h"
#include "collect-config/status.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/path.h"

#define STATUS_FAILED 1
#define STATUS_MISUSED 2

static bool
flag(const struct config *c, const char *name)
{
	return config_flag(c, "DEFAULT", name);
}

/* What differs by the name that we are called. */
static void
set_defaults(struct config *c, bool peer)
{
	if (!peer) {
		config_default(c, "DEFAULT", "command", "refresh-config");
		return;
	}
	config_default(c, "DEFAULT", "collectors",
	    "heat_local ec2 cfn heat request local zaqar");
	config_default(c, "ec2", "once", "true");
	config_default(c, "zaqar", "ssl_certificate_validation", "false");
}

/* Operands are collectors, and replace those that files name. */
static int
load(struct config *c, int argc, char **argv, const char *program, bool *status,
    struct error *e)
{
	const struct config_args args = { .program = program,
		.operands = "[SOURCE... | status]",
		.summary = "Collect metadata, and run a command when it "
			   "changed.",
		.argc = argc,
		.argv = argv };
	int first;

	set_defaults(c, strcmp(program, "os-collect-config") == 0);
	first = config_load(c, &args, e);
	if (first < 0)
		return first;
	*status = argc - first == 1 && strcmp(argv[first], "status") == 0;
	if (!*status)
		config_operands(
		    c, "collectors", argv + first, (size_t)(argc - first));
	return config_resolve(c, "DEFAULT", e);
}

static int
fail(const struct error *e)
{
	log_error(e);
	return e->code == EINVAL ? STATUS_MISUSED : STATUS_FAILED;
}

/* Standard error, or the file that the settings name. */
static int
open_log(const struct config *c, const char *program, struct error *e)
{
	const char *file = config_text(c, "DEFAULT", "log_file"),
		   *folder = config_text(c, "DEFAULT", "log_dir");
	own_free char *name = mem_printf("%s.log", program);
	own_free char *path = folder != NULL
	    ? path_join(folder, file != NULL ? file : name)
	    : mem_dup(file);

	if (flag(c, "debug"))
		log_open(program, LOG_DEBUG);
	return path != NULL ? log_set_file(path, true, e) : 0;
}

static void
list_sources(void)
{
	for (size_t i = 0; source_kinds[i] != NULL; i++)
		printf("%-13s %s\n", source_kinds[i]->name,
		    source_kinds[i]->summary);
}

static int
detect(struct config *c, struct error *e)
{
	own(machine_clear) struct machine m = { 0 };

	machine_load(&m, c);
	return detect_print(c, &m, e) == -1 ? fail(e) : 0;
}

/* What needs no agent; returns -1 if there is no such wish. */
static int
inform(struct config *c, bool status, struct error *e)
{
	if (status)
		return status_print(c, flag(c, "json"), e) == -1 ? fail(e) : 0;
	if (flag(c, "list_sources")) {
		list_sources();
		return 0;
	}
	if (flag(c, "print_cachedir")) {
		puts(config_text(c, "DEFAULT", "cachedir"));
		return 0;
	}
	return flag(c, "detect") ? detect(c, e) : -1;
}

static int
act(struct agent *a, struct error *e)
{
	const struct config *c = a->config;
	bool force = flag(c, "force");

	if (a->line == NULL || *a->line == '\0' || flag(c, "print_only"))
		return agent_print(a, e);
	if (force || flag(c, "one_time") || flag(c, "once"))
		return agent_once(a, force, e) == -1 ? -1 : a->status;
	return agent_run(a, e);
}

int
main(int argc, char **argv)
{
	const char *program = path_base(argv[0]);
	ownp(config_free) struct config *c = config_new(source_settings());
	own(agent_close) struct agent a = {
		.cache.fd = -1, .command.fd = -1, .signals = -1, .watch = -1
	};
	struct error e = { 0 };
	bool status = false;
	int r;

	log_open(program, LOG_INFO);
	r = load(c, argc, argv, program, &status, &e);
	if (r == OPTIONS_SHOWN)
		return 0;
	if (r == -1)
		return fail(&e);
	if (open_log(c, program, &e) == -1)
		return fail(&e);
	r = inform(c, status, &e);
	if (r != -1)
		return r;
	if (agent_open(&a, c, argv, &e) == -1)
		return fail(&e);
	r = act(&a, &e);
	if (r != -1)
		return r;
	e.code = 0; /* whatever it was, it was no misuse */
	return fail(&e);
}
