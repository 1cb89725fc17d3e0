/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for a run: option, environment, file, default, in this order. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/metadata.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/yaml.h"
#include "refresh-config/refresh.h"

#define BASE "/usr/libexec/os-refresh-config"
#define BASE_OLD "/opt/stack/os-config-refresh"
#define STATE "/var/lib/refresh-config"
#define LOCK "/var/run/os-refresh-config.lock"
#define SEND_SECONDS 20
#define HISTORY 30

static const char *const standard_phases[] = { "pre-configure", "configure",
	"post-configure", "migration", NULL };

static char *
below(const char *root, const char *path)
{
	return mem_printf("%s%s", root, path);
}

static const char *
first_of(const char *wish, const char *variable)
{
	return wish != NULL ? wish : getenv(variable);
}

static char *
find_base(const char *root)
{
	own_free char *base = below(root, BASE), *old = below(root, BASE_OLD);

	if (file_is_dir(AT_FDCWD, base) || !file_is_dir(AT_FDCWD, old))
		return take(base);
	log_warn("Base directory %s is deprecated. The recommended base "
		 "directory is %s",
	    old, base);
	return take(old);
}

/* ---- the file ---------------------------------------------------------- */

static int
read_seconds(const struct value *v, unsigned *seconds, struct error *e)
{
	if ((v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) &&
	    duration_parse(v->text, v->len, seconds) == 0)
		return 0;
	return error_set(e, EINVAL, "not a time such as 90, 30s, 5m, 2h");
}

static int
read_history(const struct value *v, struct settings *s, struct error *e)
{
	long long n;

	if (!value_to_int(v, &n) || n < 1 || n > 10000)
		return error_set(e, EINVAL, "not a number from 1 to 10000");
	s->history = (unsigned)n;
	return 0;
}

static int
read_phases(const struct value *v, struct settings *s, struct error *e)
{
	if (v->kind != VALUE_LIST)
		return error_set(e, EINVAL, "not a list of names");
	for (uint32_t i = 0; i < v->len; i++) {
		if (v->items[i]->kind != VALUE_STRING)
			return error_set(e, EINVAL, "not a list of names");
		strlist_add(&s->phases, v->items[i]->text);
	}
	return 0;
}

static int
read_limits(const struct value *v, struct settings *s, struct error *e)
{
	if (v->kind != VALUE_MAP)
		return error_set(
		    e, EINVAL, "not a map of phases and hooks to times");
	for (uint32_t i = 0; i < v->len; i++) {
		const struct member m = value_member(v, i);
		struct limit *l;
		size_t cap = s->limits_len;

		s->limits = mem_grow(
		    s->limits, &cap, s->limits_len + 1, sizeof(*s->limits));
		l = &s->limits[s->limits_len++];
		*l = (struct limit){ .name = mem_dup(m.name) };
		if (read_seconds(m.value, &l->seconds, e) == -1)
			return error_prefix(e, "%s", m.name);
	}
	return 0;
}

static int
read_member(struct settings *s, struct member m, struct error *e)
{
	if (strcmp(m.name, "phases") == 0)
		return read_phases(m.value, s, e);
	if (strcmp(m.name, "timeout") == 0)
		return read_seconds(m.value, &s->script_seconds, e);
	if (strcmp(m.name, "timeouts") == 0)
		return read_limits(m.value, s, e);
	if (strcmp(m.name, "send_time") == 0)
		return read_seconds(m.value, &s->send_seconds, e);
	if (strcmp(m.name, "history") == 0)
		return read_history(m.value, s, e);
	if (strcmp(m.name, "ca_file") == 0) {
		if (m.value->kind != VALUE_STRING)
			return error_set(e, EINVAL, "not a path");
		s->ca_file = mem_dup(m.value->text);
		return 0;
	}
	return error_set(e, EINVAL, "no such setting");
}

/* A file that was not named need not be there. */
static int
read_file(struct settings *s, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const char *path = s->file;
	const struct value *v;

	if (!s->named && !file_exists(AT_FDCWD, path))
		return 0;
	v = yaml_load(d, AT_FDCWD, path, e);
	if (v == NULL)
		return -1;
	if (v->kind == VALUE_NULL)
		return 0;
	if (v->kind != VALUE_MAP)
		return error_set(e, EINVAL, "%s: not a map", path);
	for (uint32_t i = 0; i < v->len; i++) {
		const struct member m = value_member(v, i);

		if (read_member(s, m, e) == -1)
			return error_prefix(e, "%s: %s", path, m.name);
	}
	return 0;
}

/* ---- all of it --------------------------------------------------------- */

static int
check_phases(const struct settings *s, struct error *e)
{
	for (size_t i = 0; i < s->phases.len; i++)
		if (!path_is_name(s->phases.items[i]))
			return error_set(e, EINVAL,
			    "%s: not a name for a phase", s->phases.items[i]);
	return 0;
}

/* Those wished for, else those in the file, else the standard ones. */
static void
choose_phases(struct settings *s, const struct wishes *w)
{
	if (w->phases.len > 0) {
		strlist_clear(&s->phases);
		strlist_add_all(&s->phases, &w->phases);
	}
	for (size_t i = 0; s->phases.len == i && standard_phases[i]; i++)
		strlist_add(&s->phases, standard_phases[i]);
}

int
settings_load(struct settings *s, const struct wishes *w, struct error *e)
{
	const char *base = first_of(w->base, "OS_REFRESH_CONFIG_BASE_DIR");
	const char *state = first_of(w->state, "REFRESH_CONFIG_STATE_DIR");
	const char *root = first_of(w->root, "REFRESH_CONFIG_ROOT");
	const char *config = first_of(w->config, "REFRESH_CONFIG_FILE");

	root = root != NULL ? root : "";
	s->root = root;
	s->named = config != NULL;
	s->file = s->named ? mem_dup(config)
			   : below(root, SYSCONFDIR "/refresh-config.yaml");
	s->base = base != NULL ? mem_dup(base) : find_base(root);
	s->state = state != NULL ? mem_dup(state) : below(root, STATE);
	s->lock = w->lock != NULL ? mem_dup(w->lock) : below(root, LOCK);
	s->run_seconds = w->run_seconds;
	s->script_seconds = LIMIT_SCRIPT_SECONDS;
	s->send_seconds = SEND_SECONDS;
	s->history = HISTORY;
	if (read_file(s, e) == -1)
		return -1;
	choose_phases(s, w);
	return check_phases(s, e);
}

void
settings_clear(struct settings *s)
{
	for (size_t i = 0; i < s->limits_len; i++)
		free(s->limits[i].name);
	free(s->limits);
	free(s->base);
	free(s->state);
	free(s->lock);
	free(s->file);
	free(s->ca_file);
	strlist_clear(&s->phases);
}

char *
settings_state(const struct settings *s, const char *name)
{
	return path_join(s->state, name);
}

void
settings_export(const struct settings *s, struct strlist *env)
{
	if (*s->root != '\0')
		strlist_env_set(env, "REFRESH_CONFIG_ROOT", s->root);
	if (s->named)
		strlist_env_set(env, "REFRESH_CONFIG_FILE", s->file);
	strlist_env_set(env, "REFRESH_CONFIG_STATE_DIR", s->state);
	strlist_env_set(env, "OS_REFRESH_CONFIG_BASE_DIR", s->base);
}

/* Seconds, or 0. */
static unsigned
limit_of(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->limits_len; i++)
		if (strcmp(s->limits[i].name, name) == 0)
			return s->limits[i].seconds;
	return 0;
}

unsigned
settings_limit(const struct settings *s, const char *phase, const char *hook,
    unsigned header)
{
	own_free char *path = path_join(phase, hook);
	unsigned seconds = limit_of(s, path);

	if (seconds == 0)
		seconds = header;
	if (seconds == 0)
		seconds = limit_of(s, phase);
	return seconds != 0 ? seconds : s->script_seconds;
}

struct value *
settings_metadata(const struct settings *s, struct doc *d, struct error *e)
{
	own(strlist_clear) struct strlist files = { 0 };
	own_fd int root = -1;

	/* As every variable that names a file, without the root. */
	if (getenv("OS_CONFIG_FILES") != NULL)
		return metadata_files(AT_FDCWD, NULL, &files, e) == -1
		    ? NULL
		    : metadata_load(d, AT_FDCWD, &files, e);
	root =
	    open(*s->root ? s->root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root == -1)
		error_errno(e, "%s", s->root);
	if (root == -1 || metadata_files(root, NULL, &files, e) == -1)
		return NULL;
	return metadata_load(d, root, &files, e);
}
