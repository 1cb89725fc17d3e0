/* SPDX-License-Identifier: Apache-2.0 */
/* diskimage-builder FILE...: the images of project files, one by one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image-build/compat.h"
#include "image-build/image-build.h"
#include "image-build/project.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/yaml.h"

static bool dry_run, stop_on_failure;

static const struct option_def defs[] = {
	{ 0, "dry-run", NULL, OPTION_FLAG, &dry_run, NULL,
	    "print the commands and run none" },
	{ 0, "stop-on-failure", NULL, OPTION_FLAG, &stop_on_failure, NULL,
	    "build no more images after one that failed" },
	{ 0, NULL, NULL, OPTION_FLAG, NULL, NULL, NULL },
};

static struct options command = {
	.program = "image-build project",
	.operands = "FILE...",
	.summary = "Build the images that project files describe.",
	.defs = defs,
};

/* ---- one image ------------------------------------------------------------- */

static volatile sig_atomic_t building, stopped;

static void
pass_on(int sig)
{
	stopped = sig;
	if (building > 0)
		kill((pid_t)building, SIGTERM);
}

/* In a process of its own: environment, options and log are its own too. */
static void
become(const struct project_command *c)
{
	own(strlist_clear) struct strlist argv = { 0 };
	struct error e = { 0 };
	int status;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (c->clear)
		compat_clear_environment();
	for (size_t i = 0; i < c->env.len; i++)
		putenv(c->env.items[i]);
	strlist_add(&argv, c->program);
	strlist_add_all(&argv, &c->args);
	status = image_create((int)argv.len, argv.items, &e);
	if (e.text[0] != '\0')
		log_error(&e);
	fflush(NULL);
	_exit(status == -1 ? 1 : status);
}

/* Returns the exit status, or 128 and the signal that ended it. */
static int
build(const struct project_command *c, struct error *e)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		return error_errno(e, "fork");
	if (pid == 0)
		become(c);
	building = pid;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return error_errno(e, "wait");
	building = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- all of them -------------------------------------------------------------- */

static int
load(struct doc *d, char *const *files, struct value *images, struct error *e)
{
	for (; *files != NULL; files++) {
		const struct value *v = yaml_load(d, AT_FDCWD, *files, e);

		if (v == NULL || project_add(d, images, v, *files, e) == -1)
			return -1;
	}
	return 0;
}

static int
build_one(const struct value *image, bool compat, char **line, struct error *e)
{
	own(project_command_clear) struct project_command c = { 0 };

	project_command(image, compat, &c);
	*line = project_command_line(&c);
	if (dry_run) {
		printf("%s\n", *line);
		return 0;
	}
	fprintf(stderr, "%s\n", *line);
	return build(&c, e);
}

static int
build_all(const struct value *images, bool compat, struct error *e)
{
	own_free char *failed = NULL;
	uint32_t bad = 0;

	for (uint32_t i = 0; i < images->len && stopped == 0; i++) {
		own_free char *line = NULL;
		int r = build_one(images->items[i], compat, &line, e);

		if (r == -1)
			return -1;
		if (r == 0)
			continue;
		bad++;
		free(failed);
		failed = mem_printf("status %d: %s", r, line);
		if (stop_on_failure)
			break;
	}
	if (stopped != 0)
		return error_set(e, EINTR, "stopped by %s", strsignal(stopped));
	if (bad == 0)
		return 0;
	return error_set(e, 0, "%u of %u images failed, the last with %s", bad,
	    images->len, failed);
}

int
project_verb(int argc, char **argv, struct error *e)
{
	const struct sigaction sa = { .sa_handler = pass_on };
	bool compat = strcmp(path_base(argv[0]), "diskimage-builder") == 0;
	ownp(doc_free) struct doc *d = doc_new();
	struct value *images = value_list(d);
	int first;

	if (compat)
		command.program = "diskimage-builder";
	first = options_parse(&command, argc, argv, e);
	if (first < 0)
		return first == OPTIONS_SHOWN ? 0 : 2;
	if (first == argc) {
		error_set(e, EINVAL, "no project file is named");
		return 2;
	}
	if (load(d, argv + first, images, e) == -1)
		return 1;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	return build_all(images, compat, e) == -1 ? 1 : 0;
}
