/* SPDX-License-Identifier: Apache-2.0 */
/* One member per source; times are seconds since 1970. */
#include "collect-config/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collect-config/agent.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/path.h"

#define END_OF_TIME 253402300800 /* the year 10000: such a time is none */

static const char *
state_name(const struct source *s)
{
	if (!s->asked)
		return s->names.len > 0 ? "recalled" : "asking";
	if (s->problem != NULL)
		return s->names.len > 0 ? "stale" : "unavailable";
	return s->last == STEP_NONE ? "none" : "current";
}

static void
set_number(
    struct doc *d, struct value *map, const char *name, unsigned long long n)
{
	value_set(d, map, name, value_int(d, (long long)n));
}

static void
set_time(struct doc *d, struct value *map, const char *name, int64_t boot_ms)
{
	int64_t when = boot_ms != 0 ? clock_wall(boot_ms) : 0;

	set_number(d, map, name, when > 0 ? (unsigned long long)when : 0);
}

static struct value *
source_status(struct doc *d, const struct source *s)
{
	struct value *v = value_map(d);

	value_set(d, v, "name", value_string(d, s->kind->name));
	value_set(d, v, "state", value_string(d, state_name(s)));
	if (s->problem != NULL)
		value_set(d, v, "problem", value_string(d, s->problem));
	set_time(d, v, "last_success", s->succeeded);
	set_time(d, v, "last_change", s->changed);
	set_time(d, v, "failing_since", s->failed_since);
	set_number(d, v, "rounds", s->rounds);
	set_number(d, v, "requests", s->requests);
	set_number(d, v, "failures", s->failures);
	value_set(d, v, "documents", value_strings(d, &s->names));
	return v;
}

static struct value *
command_status(struct doc *d, const struct agent *a)
{
	struct value *v = value_map(d);

	value_set(d, v, "line", value_string(d, a->line));
	value_set(d, v, "running", value_bool(d, a->command.pid != 0));
	value_set(d, v, "wanted", value_bool(d, a->wanted));
	set_number(d, v, "runs", a->runs);
	value_set(d, v, "last_status", value_int(d, a->status));
	value_set(d, v, "pending", value_strings(d, &a->pending));
	return v;
}

static void
print_status(const struct agent *a, struct strbuf *b)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *all = value_map(d), *sources = value_list(d);

	value_set(d, all, "version", value_string(d, VERSION));
	set_number(d, all, "pid", (unsigned long long)getpid());
	set_number(d, all, "written", (unsigned long long)time(NULL));
	value_set(d, all, "command", command_status(d, a));
	for (size_t i = 0; i < a->n; i++)
		value_add(d, sources, source_status(d, &a->sources[i]));
	value_set(d, all, "sources", sources);
	value_print(all, STYLE_PRETTY, b);
	strbuf_putc(b, '\n');
}

/* Renamed into place, but not synced: the next boot has no use for it. */
static int
replace(int dir, const char *path, const struct strbuf *text)
{
	own_free char *temp = mem_printf("%s~", path);
	own_fd int fd = openat(dir, temp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd == -1 || file_write_all(fd, text->s, text->len) == -1)
		return -1;
	return renameat(dir, temp, dir, path);
}

void
status_write(struct agent *a)
{
	const char *path = config_text(a->config, "DEFAULT", "status_file");
	int root = config_root(a->config);
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *folder = NULL;
	struct error e;

	if (a->told || *path == '\0')
		return;
	a->told = true;
	print_status(a, &text);
	path = config_at(a->config, path);
	if (replace(root, path, &text) == 0)
		return;
	folder = path_dir(path);
	if (errno != ENOENT || file_mkdirs(root, folder, 0755, &e) == -1 ||
	    replace(root, path, &text) == -1)
		log_debug("%s: %s", path, strerror(errno));
}

static unsigned long
number(const struct value *v, const char *name)
{
	long long n = 0;

	value_to_int(value_get(v, name), &n);
	return (unsigned long)n;
}

static int64_t
time_of(const struct value *v, const char *name)
{
	unsigned long n = number(v, name);

	return n != 0 && n < END_OF_TIME ? clock_from_wall((int64_t)n) : 0;
}

static const struct value *
load(const struct config *c, struct doc *d, struct error *e)
{
	const char *path = config_text(c, "DEFAULT", "status_file");

	return doc_load(d, config_root(c), config_at(c, path), e);
}

void
status_recall(struct agent *a)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct error e;
	const struct value *v = load(a->config, d, &e),
			   *list = value_get(v, "sources");

	if (list == NULL || list->kind != VALUE_LIST)
		return;
	a->runs = number(value_get(v, "command"), "runs");
	for (uint32_t i = 0; i < list->len; i++)
		for (size_t j = 0; j < a->n; j++) {
			struct source *s = &a->sources[j];

			v = list->items[i];
			if (strcmp(value_text(v, "name", ""), s->kind->name) !=
			    0)
				continue;
			s->succeeded = time_of(v, "last_success");
			s->changed = time_of(v, "last_change");
			s->rounds = number(v, "rounds");
			s->requests = number(v, "requests");
			s->failures = number(v, "failures");
		}
}

/* ---- for people --------------------------------------------------------- */

/* How long ago, "12 s" or "3 h"; "-" for never. */
static void
put_age(char *to, size_t size, unsigned long then)
{
	static const struct {
		unsigned long seconds;
		const char *name;
	} units[] = { { 172800, "d" }, { 7200, "h" }, { 120, "min" },
		{ 0, "s" } };
	static const unsigned long sizes[] = { 86400, 3600, 60, 1 };
	time_t now = time(NULL);
	unsigned long age = (time_t)then < now ? (unsigned long)now - then : 0;
	size_t i = 0;

	while (age < units[i].seconds)
		i++;
	if (then == 0)
		snprintf(to, size, "-");
	else
		snprintf(to, size, "%lu %s", age / sizes[i], units[i].name);
}

static void
print_source(const struct value *v)
{
	const struct value *names = value_get(v, "documents");
	const char *problem = value_text(v, "problem", NULL);
	char success[32], change[32];

	put_age(success, sizeof(success), number(v, "last_success"));
	put_age(change, sizeof(change), number(v, "last_change"));
	printf("%-13s %-11s %8s %8s %9lu ", value_text(v, "name", "?"),
	    value_text(v, "state", "?"), success, change,
	    number(v, "requests"));
	for (uint32_t i = 0;
	     names != NULL && names->kind == VALUE_LIST && i < names->len; i++)
		if (names->items[i]->kind == VALUE_STRING)
			printf(" %s", names->items[i]->text);
	printf("\n");
	if (problem != NULL)
		printf("%13s %s\n", "", problem);
}

static void
print_table(const struct value *v)
{
	const struct value *list = value_get(v, "sources"),
			   *command = value_get(v, "command"),
			   *running = value_get(command, "running"),
			   *wanted = value_get(command, "wanted");

	printf("%-13s %-11s %8s %8s %9s  %s\n", "source", "state", "success",
	    "change", "requests", "documents");
	for (uint32_t i = 0;
	     list != NULL && list->kind == VALUE_LIST && i < list->len; i++)
		print_source(list->items[i]);
	printf("\n%s: %s, %lu runs, last exit status %lu\n",
	    value_text(command, "line", "(no command)"),
	    running != NULL && running->truth	  ? "running"
		: wanted != NULL && wanted->truth ? "to be run"
						  : "not needed",
	    number(command, "runs"), number(command, "last_status"));
}

int
status_print(const struct config *c, bool json, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	const struct value *v = load(c, d, e);

	if (v == NULL)
		return error_prefix(e, "no agent has run here");
	if (json) {
		value_print(v, STYLE_PRETTY, &text);
		puts(text.s);
	} else {
		print_table(v);
	}
	return fflush(stdout) == 0 ? 0 : error_errno(e, "standard output");
}
