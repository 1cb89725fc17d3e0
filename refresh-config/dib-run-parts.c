/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dib-run-parts, to the byte: one folder of scripts, run with everything
 * inherited and no time limit; what it says itself goes to standard error
 * with its name and date(1) in front.
 */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "refresh-config/refresh.h"

#define NAME "dib-run-parts"

/* As date(1) prints it in the user's locale. */
static void
print_date(char *to, size_t size)
{
	time_t t = time(NULL);
	struct tm tm;

	localtime_r(&t, &tm);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	strftime(to, size, nl_langinfo(_DATE_FMT), &tm);
#pragma GCC diagnostic pop
}

void
parts_say(const char *fmt, ...)
{
	own(strbuf_clear) struct strbuf line = { 0 };
	char date[128];
	va_list ap;
	char text[4096];

	print_date(date, sizeof(date));
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strbuf_printf(&line, NAME " %s %s\n", date, text);
	if (file_write_all(STDERR_FILENO, line.s, line.len) == -1)
		return; /* nobody is left to be told */
}

static int
compare_times(const void *a, const void *b)
{
	const struct part_time *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void
parts_say_profile(const char *dir, struct part_time *times, size_t n)
{
	own_free char *clean = mem_dup(dir);
	size_t len = strlen(clean);

	while (len > 1 && clean[len - 1] == '/')
		clean[--len] = '\0';
	if (n > 1)
		qsort(times, n, sizeof(*times), compare_times);
	parts_say("----------------------- PROFILING -----------------------");
	parts_say("%s", "");
	parts_say("Target: %s", path_base(clean));
	parts_say("%s", "");
	parts_say("%-40s %9s", "Script", "Seconds");
	parts_say("%-40s %9s", "---------------------------------------",
	    "----------");
	parts_say("%s", "");
	for (size_t i = 0; i < n; i++)
		parts_say("%-40s %10.3f", times[i].name, times[i].seconds);
	parts_say("%s", "");
	parts_say("--------------------- END PROFILING ---------------------");
}

static int
usage(void)
{
	fputs("Usage: " NAME " [OPTION] scripts_directory\n"
	      "Option:\n"
	      "      --list  print names of all valid files\n"
	      "\n"
	      "Examples:\n"
	      "      " NAME
	      " --list /opt/stack/os-config-refresh/configure.d/\n"
	      "      " NAME " /opt/stack/os-config-refresh/configure.d/\n",
	    stderr);
	return FAILED;
}

/* As a shell would: bash runs what has no interpreter line. */
static int
spawn(char *path, char *const *env, pid_t *pid)
{
	char bash[] = "bash";
	char *argv[] = { path, NULL }, *shell[] = { bash, path, NULL };
	int code = posix_spawn(pid, path, NULL, NULL, argv, env);

	return code == ENOEXEC ? posix_spawnp(pid, bash, NULL, NULL, shell, env)
			       : code;
}

/* Returns what a shell's $? would be. */
static int
run_one(const char *dir, const char *name, char *const *env)
{
	own_free char *path = mem_printf("%s/%s", dir, name);
	pid_t pid;
	int code, w;

	parts_say("Running %s", path);
	code = spawn(path, env, &pid);
	if (code != 0) {
		fprintf(stderr, NAME ": %s: %s\n", path, strerror(code));
		return code == ENOENT ? 127 : 126;
	}
	while (waitpid(pid, &w, 0) == -1)
		if (errno != EINTR)
			return FAILED;
	if (WIFSIGNALED(w))
		return 128 + WTERMSIG(w);
	if (WEXITSTATUS(w) == 0)
		parts_say("%s completed", name);
	return WEXITSTATUS(w);
}

static int
run_each(const char *dir, const struct strlist *names, char *const *env)
{
	own_free struct part_time *times =
	    mem_resize(NULL, names->len + 1, sizeof(*times));

	for (size_t i = 0; i < names->len; i++) {
		double start = clock_seconds();
		int status = run_one(dir, names->items[i], env);

		if (status != 0)
			return status;
		times[i] = (struct part_time){ names->items[i],
			clock_seconds() - start };
	}
	parts_say_profile(dir, times, names->len);
	return DONE;
}

static int
run_folder(const char *dir, struct strlist *names)
{
	own_free char *fragments = mem_printf("%s/../environment.d", dir);
	own(strlist_clear) struct strlist env = { 0 };
	const struct parts_environment source = { .dir = fragments,
		.seen = fragments,
		.env = environ,
		.announce = NAME,
		.data = proc_pass_on };
	struct error e;
	int r = parts_environment(&source, &env, &e);

	if (r == -1 && e.code < 0) /* and bash has said why */
		return -e.code;
	if (r == -1) {
		fprintf(stderr, NAME ": %s\n", e.text);
		return FAILED;
	}
	if (r == 1) /* a fragment said exit 0: nothing is run */
		strlist_clear(names);
	return run_each(dir, names, strlist_argv(&env));
}

int
dib_run_parts(int argc, char **argv)
{
	bool list = argc > 1 && strcmp(argv[1], "--list") == 0;
	const char *dir = argc > 1 + list ? argv[1 + list] : "";
	const char *pattern = getenv("RUN_PARTS_REGEX");
	own(strlist_clear) struct strlist names = { 0 };
	struct error e;

	setlocale(LC_TIME, "");
	if (argc < 2)
		return usage();
	if (!file_is_dir(AT_FDCWD, dir)) {
		parts_say("Scripts directory [%s] must exist and be a "
			  "directory",
		    dir);
		return usage();
	}
	if (pattern != NULL && *pattern == '\0')
		pattern = NULL;
	if (parts_list(dir, pattern, &names, NULL, &e) == -1) {
		fprintf(stderr, NAME ": %s\n", e.text);
		return FAILED;
	}
	if (!list)
		return run_folder(dir, &names);
	for (size_t i = 0; i < names.len; i++)
		printf("%s/%s\n", dir, names.items[i]);
	return DONE;
}
