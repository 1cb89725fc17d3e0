/* SPDX-License-Identifier: Apache-2.0 */
/* Folders, files, programs: what most groups do. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/yaml.h"
#include "refresh-config/deploy.h"
#include "refresh-config/refresh.h"

#define OUTPUT_BYTES (1 << 20) /* of each stream, kept */

char *
group_path(const char *root, const char *variable, const char *fallback)
{
	const char *set = getenv(variable);

	return set != NULL && *set != '\0' ? mem_dup(set)
					   : mem_printf("%s%s", root, fallback);
}

const char *
group_command(const char *variable, const char *fallback)
{
	const char *set = getenv(variable);

	return set != NULL && *set != '\0' ? set : fallback;
}

int
group_folders(
    struct deploy *d, const char *prefix, const char *name, struct error *e)
{
	own_free char *working_variable = mem_printf("%s_WORKING", prefix);
	own_free char *outputs_variable = mem_printf("%s_OUTPUTS", prefix);
	own_free char *working = mem_printf("/var/lib/heat-config/%s", name);
	own_free char *outputs = mem_printf("/var/run/heat-config/%s", name);
	own_free char *folder = group_path(d->root, outputs_variable, outputs);
	own_free char *id = outbox_name(d->item.id);

	d->working = group_path(d->root, working_variable, working);
	d->outputs = path_join(folder, id);
	strlist_env_set(&d->env, "heat_outputs_path", d->outputs);
	if (file_mkdirs(AT_FDCWD, d->working, 0700, e) == -1)
		return -1;
	return file_mkdirs(AT_FDCWD, folder, 0700, e);
}

char *
group_write(const struct deploy *d, const char *suffix, mode_t mode,
    const char *text, struct error *e)
{
	own_free char *id = outbox_name(d->item.id);
	own_free char *path = mem_printf("%s/%s%s", d->working, id, suffix);
	own(file_discard) struct file_writer w = { 0 };

	if (file_begin(&w, AT_FDCWD, path, mode, e) == -1)
		return NULL;
	w.hasty = true; /* it is needed now, not after a crash */
	file_add(&w, text, strlen(text));
	return file_publish(&w, e) == -1 ? NULL : take(path);
}

int
group_replace(const char *path, mode_t mode, const char *text, struct error *e)
{
	own_free char *folder = path_dir(path);

	if (file_mkdirs(AT_FDCWD, folder, 0700, e) == -1)
		return -1;
	return file_replace(AT_FDCWD, path, mode, text, strlen(text), e);
}

static void
on_data(void *ctx, int stream, const char *data, size_t n)
{
	struct deploy *d = ctx;

	answer_keep(stream == 1 ? &d->out : &d->err, data, n, OUTPUT_BYTES);
	/* And for the log: our standard output is the answer. */
	proc_pass_on(NULL, STDERR_FILENO, data, n);
}

int
group_exec(struct deploy *d, const struct strlist *argv, struct error *e)
{
	const struct proc p = { .argv = strlist_argv(argv),
		.envp = strlist_argv(&d->env),
		.cwd = d->working,
		.seconds = INT_MAX, /* the hook as a whole has a limit */
		.data = on_data,
		.ctx = d,
		.stop = stop_catch() };
	struct proc_status status;

	if (proc_run(&p, &status, e) == -1) {
		if (e->code == ENOENT)
			return error_set(e, ENOENT,
			    "%s is not installed, which the group %s needs",
			    argv->items[0], d->group->name);
		return -1;
	}
	d->status = status.signal != 0 ? 128 + status.signal : status.code;
	return 0;
}

char *
group_config_text(const struct deploy *d)
{
	return group_text(d->config);
}

const struct value *
group_config_map(const struct deploy *d, struct error *e)
{
	const struct value *v = d->config;

	if (v != NULL && v->kind == VALUE_STRING)
		v = yaml_parse(d->item.d, v->text, v->len, "config", e);
	if (v != d->config && v == NULL)
		return NULL;
	if (v != NULL && v->kind == VALUE_MAP)
		return v;
	error_set(e, EINVAL, "config: not a map but %s",
	    v == NULL ? "missing" : value_kind_name(v));
	return NULL;
}

char *
group_text(const struct value *v)
{
	struct strbuf b = { 0 };

	if (v == NULL || v->kind == VALUE_NULL)
		return mem_dup("");
	if (v->kind == VALUE_STRING)
		return mem_dup(v->text);
	value_print(v, STYLE_PYTHON, &b);
	return strbuf_take(&b);
}

const char *
group_option(const struct deploy *d, const char *name)
{
	const char *text = value_text(d->options, name, "");

	return *text == '\0' ? NULL : text;
}

bool
group_is_set(const struct deploy *d, const char *name, bool fallback)
{
	const struct value *v = value_get(d->options, name);

	if (v == NULL)
		return fallback;
	switch (v->kind) {
	case VALUE_BOOL:
		return v->truth;
	case VALUE_NUMBER:
		return value_to_real(v) != 0;
	default:
		return v->kind != VALUE_NULL && v->len > 0;
	}
}

char *
group_fqdn(void)
{
	char hostname[] = "hostname", option[] = "-f";
	char *argv[] = { hostname, option, NULL };
	own(strbuf_clear) struct strbuf out = { 0 };
	const struct proc p = { .argv = argv, .out = &out, .seconds = 30 };
	struct proc_status status;
	struct error e;

	if (proc_run(&p, &status, &e) == -1 || proc_check(&status, &e) == -1 ||
	    out.len == 0)
		return NULL;
	out.s[strcspn(out.s, "\n")] = '\0';
	return mem_dup(out.s);
}

static int
compare_names(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* The same value with the members of every map in order. */
static struct value *
sorted(struct doc *d, const struct value *v)
{
	own_free struct member *members = NULL;
	struct value *copy;

	if (v->kind == VALUE_LIST) {
		copy = value_list(d);
		for (uint32_t i = 0; i < v->len; i++)
			value_add(d, copy, sorted(d, v->items[i]));
		return copy;
	}
	if (v->kind != VALUE_MAP)
		return value_copy(d, v);
	copy = value_map(d);
	members = mem_resize(NULL, v->len + 1, sizeof(*members));
	for (uint32_t i = 0; i < v->len; i++)
		members[i] = value_member(v, i);
	if (v->len > 1)
		qsort(members, v->len, sizeof(*members), compare_names);
	for (uint32_t i = 0; i < v->len; i++)
		value_setn(d, copy, members[i].name, members[i].len,
		    sorted(d, members[i].value));
	return copy;
}

char *
group_sorted_json(struct doc *d, const struct value *v)
{
	struct strbuf b = { 0 };

	value_print(sorted(d, v), STYLE_INDENT4, &b);
	return strbuf_take(&b);
}
