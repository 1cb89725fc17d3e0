/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect-config: metadata from many sources into a cache of JSON files, and
 * a command that is run when they changed.  Also known as os-collect-config.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collect-config/agent.h"
#include "lib/log.h"
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
	if (peer)
		config_default(c, "DEFAULT", "collectors",
		    "heat_local ec2 cfn heat request local zaqar");
	else
		config_default(c, "DEFAULT", "command", "refresh-config");
}

/* Operands are collectors, and replace those that files name. */
static int
load(struct config *c, int argc, char **argv, const char *program,
    struct error *e)
{
	const struct config_args args = { .program = program,
		.operands = "[SOURCE...]",
		.summary = "Collect metadata, and run a command when it "
			   "changed.",
		.argc = argc,
		.argv = argv };
	int first;

	set_defaults(c, strcmp(program, "os-collect-config") == 0);
	first = config_load(c, &args, e);
	if (first < 0)
		return first;
	config_operands(c, "collectors", argv + first, (size_t)(argc - first));
	return config_resolve(c, "DEFAULT", e);
}

static int
act(struct agent *a, struct error *e)
{
	const struct config *c = a->config;

	if (a->line == NULL || *a->line == '\0' || flag(c, "print"))
		return agent_print(a, e);
	if (flag(c, "one_time") || flag(c, "force")) {
		if (agent_once(a, flag(c, "force"), e) == -1)
			return -1;
		return a->status;
	}
	return agent_run(a, e);
}

static int
fail(const struct error *e)
{
	log_error(e);
	return e->code == EINVAL ? STATUS_MISUSED : STATUS_FAILED;
}

int
main(int argc, char **argv)
{
	const char *program = path_base(argv[0]);
	ownp(config_free) struct config *c = config_new(source_settings());
	own(agent_close) struct agent a = {
		.cache.fd = -1, .signals = -1, .watch = -1
	};
	struct error e = { 0 };
	int r;

	log_open(program, LOG_INFO);
	r = load(c, argc, argv, program, &e);
	if (r == OPTIONS_SHOWN)
		return 0;
	if (r == -1)
		return fail(&e);
	if (flag(c, "debug"))
		log_open(program, LOG_DEBUG);
	if (flag(c, "print_cachedir")) {
		puts(config_text(c, "DEFAULT", "cachedir"));
		return 0;
	}
	if (agent_open(&a, c, argv, &e) == -1)
		return fail(&e);
	r = act(&a, &e);
	if (r == -1) {
		e.code = 0;
		return fail(&e);
	}
	return r;
}
