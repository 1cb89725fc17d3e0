/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed and has not been acted upon by a run that succeeded.
 *
 * A hook that changes configuration says so in the file that the variable
 * INGOT_CHANGED_FILE names: {"files": [...], "names": [...]}; apply-config
 * has another variable for it and calls names on_change.  It is added to
 * the state file at once, so that a run that fails later does not lose it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/proc.h"
#include "refresh-config/refresh.h"

#define STATE "changed.json"
#define FRESH "changed.new"
#define VARIABLE_BYTES 100000 /* the kernel takes 128 KiB */

/* The list of that name in the map, made when it is missing. */
static struct value *
list_of(struct doc *d, struct value *map, const char *name)
{
	struct value *list = value_get(map, name);

	if (list == NULL || list->kind != VALUE_LIST) {
		list = value_list(d);
		value_set(d, map, name, list);
	}
	return list;
}

static bool
list_has(const struct value *list, const char *text)
{
	for (uint32_t i = 0; list != NULL && i < list->len; i++)
		if (list->items[i]->kind == VALUE_STRING &&
		    strcmp(list->items[i]->text, text) == 0)
			return true;
	return false;
}

/* Add those that are not there; hooks may tell of a million. */
static void
list_merge(struct doc *d, struct value *into, const struct value *from)
{
	struct value *seen = value_map(d), *null = value_null(d);

	for (uint32_t i = 0; i < into->len; i++)
		if (into->items[i]->kind == VALUE_STRING)
			value_setn(d, seen, into->items[i]->text,
			    into->items[i]->len, null);
	for (uint32_t i = 0;
	     from != NULL && from->kind == VALUE_LIST && i < from->len; i++) {
		const struct value *v = from->items[i];

		if (v->kind != VALUE_STRING ||
		    value_getn(seen, v->text, v->len) != NULL)
			continue;
		value_setn(d, seen, v->text, v->len, null);
		value_add(d, into, value_stringn(d, v->text, v->len));
	}
}

/* Whether it is a job of the name, as changed_run() writes them. */
static bool
is_job_of(const struct value *job, const struct value *name)
{
	return job->kind == VALUE_STRING && job->len > name->len &&
	    memcmp(job->text, name->text, name->len) == 0 &&
	    job->text[name->len] == ' ';
}

/* What changed anew is to be acted upon anew. */
static void
forget_jobs(struct doc *d, struct value *state, const struct value *names)
{
	const struct value *done = value_get(state, "done");
	struct value *left = value_list(d);

	if (done == NULL || done->kind != VALUE_LIST)
		return;
	for (uint32_t i = 0; i < done->len; i++) {
		bool anew = false;

		for (uint32_t n = 0; names != NULL &&
		     names->kind == VALUE_LIST && n < names->len && !anew;
		     n++)
			anew = names->items[n]->kind == VALUE_STRING &&
			    is_job_of(done->items[i], names->items[n]);
		if (!anew)
			value_add(d, left, done->items[i]);
	}
	value_set(d, state, "done", left);
}

static void
absorb_names(struct doc *d, struct value *state, const struct value *names)
{
	list_merge(d, list_of(d, state, "names"), names);
	forget_jobs(d, state, names);
}

static struct value *
load(struct doc *d, const struct settings *s, struct error *e)
{
	own_free char *path = settings_state(s, STATE);
	struct value *v;

	if (!file_exists(AT_FDCWD, path))
		return value_map(d);
	v = doc_load(d, AT_FDCWD, path, e);
	if (v != NULL && v->kind != VALUE_MAP) {
		error_set(e, EINVAL, "%s: not a map", path);
		return NULL;
	}
	return v;
}

static int
save(const struct settings *s, const struct value *v, struct error *e)
{
	own_free char *path = settings_state(s, STATE);
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(v, STYLE_PRETTY, &text);
	strbuf_putc(&text, '\n');
	return file_replace(AT_FDCWD, path, 0644, text.s, text.len, e);
}

char *
changed_file(const struct settings *s)
{
	return settings_state(s, FRESH);
}

int
changed_absorb(const struct settings *s, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own_free char *path = changed_file(s);
	struct value *state, *fresh;

	if (!file_exists(AT_FDCWD, path))
		return 0;
	fresh = doc_load(d, AT_FDCWD, path, e);
	if (fresh == NULL)
		unlink(path); /* told once: it must not fail the next run */
	state = fresh == NULL ? NULL : load(d, s, e);
	if (state == NULL)
		return -1;
	list_merge(d, list_of(d, state, "files"), value_get(fresh, "files"));
	absorb_names(d, state, value_get(fresh, "names"));
	absorb_names(d, state, value_get(fresh, "on_change"));
	if (save(s, state, e) == -1)
		return -1;
	if (unlink(path) == -1)
		return error_errno(e, "%s", path);
	return 0;
}

static void
set_list(struct strlist *env, const char *variable, const struct value *list,
    const char *separator)
{
	own(strlist_clear) struct strlist words = { 0 };
	own_free char *text = NULL;

	for (uint32_t i = 0;
	     list != NULL && list->kind == VALUE_LIST && i < list->len; i++)
		if (list->items[i]->kind == VALUE_STRING)
			strlist_add(&words, list->items[i]->text);
	text = strlist_join(&words, separator);
	if (strlen(text) <= VARIABLE_BYTES)
		strlist_env_set(env, variable, text);
	else
		strlist_env_unset(env, variable);
}

void
changed_export(const struct settings *s, struct strlist *env)
{
	ownp(doc_free) struct doc *d = doc_new();
	own_free char *fresh = changed_file(s);
	struct error e;
	const struct value *state = load(d, s, &e);

	if (state == NULL)
		log_warn("%s", e.text);
	if (faccessat(AT_FDCWD, s->state, W_OK, AT_EACCESS) == 0) {
		strlist_env_set(env, "INGOT_CHANGED_FILE", fresh);
		strlist_env_set(env, "APPLY_CONFIG_CHANGED_FILE", fresh);
	}
	set_list(env, "INGOT_CHANGED_FILES", value_get(state, "files"), "\n");
	set_list(env, "INGOT_CHANGED_NAMES", value_get(state, "names"), " ");
}

struct value *
changed_names(struct doc *d, const struct settings *s)
{
	struct value *names = value_list(d);
	struct error unread;

	list_merge(d, names, value_get(load(d, s, &unread), "names"));
	return names;
}

void
changed_clear(const struct settings *s)
{
	own_free char *path = settings_state(s, STATE);

	if (unlink(path) == -1 && errno != ENOENT)
		log_warn("%s: %s", path, strerror(errno));
}

/* Run it as if we had been it. */
static int
run_inherited(char *const *argv, struct error *e)
{
	const struct proc p = {
		.argv = argv, .inherit_input = true, .data = proc_pass_on
	};
	struct proc_status status;

	if (proc_run(&p, &status, e) == -1)
		return -1;
	return proc_check(&status, e) == -1 ? error_prefix(e, "%s", argv[0])
					    : 0;
}

int
changed_run(const struct settings *s, const char *name, char *const *argv,
    struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strlist_clear) struct strlist words = { 0 };
	own_free char *job = NULL;
	struct value *state;

	if (changed_absorb(s, e) == -1 || (state = load(d, s, e)) == NULL)
		return -1;
	strlist_add(&words, name);
	for (size_t i = 0; argv[i] != NULL; i++)
		strlist_add(&words, argv[i]);
	job = strlist_join(&words, " ");
	if (!list_has(value_get(state, "names"), name) ||
	    list_has(value_get(state, "done"), job))
		return 0;
	if (run_inherited(argv, e) == -1 || (state = load(d, s, e)) == NULL)
		return -1;
	value_add(d, list_of(d, state, "done"), value_string(d, job));
	return save(s, state, e);
}
