/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inputs of a step, each as a digest under its name, so that a change can
 * be told by name.
 *
 *	parent, phase, step, script or native, names, env		the slot
 *	reads, folders, mentioned, network, mounts, writes		observed
 */
#include "image-build/snapshot-inputs.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/snapshot.h"
#include "image-build/watch.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define LARGE MIB(64) /* beyond, a file is known by its times */

/*
 * Variables that describe the whole command: an element added at the end
 * changes them for every step, so they count only where a step mentions them.
 */
static const char *const described[] = { "DIB_ARGS", "DIB_ENV", "IMAGE_NAME",
	"IMAGE_TYPE", "IMAGE_ELEMENT", "IMAGE_ELEMENT_YAML", "DIB_IMAGE_SIZE",
	"DIB_CHECKSUM", "DIB_MOUNTPOINTS", "DIB_ROOT_LABEL", "DIB_ROOT_FSTYPE",
	"DIB_BOOT_LABEL", "DIB_BLOCK_DEVICE_PARAMS_YAML", "DIB_IMAGE_CACHE",
	"DIB_LOCKFILES", "DIB_MIN_TMPFS", "DIB_NO_TMPFS", "DIB_OFFLINE",
	"BASH_FUNC_get_image_element_array%%", NULL };

/* Variables that differ from one shell or CI job to the next. */
static const char *const volatiles[] = { "PWD", "OLDPWD", "SHLVL", "_", "TERM",
	"COLUMNS", "LINES", "SSH_*", "DISPLAY", "WAYLAND_*", "XDG_*", "DBUS_*",
	"WINDOWID", "LS_COLORS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS",
	"MAKE_TERM*", "PS1", "HIST*", "INVOCATION_ID", "JOURNAL_STREAM",
	"SYSTEMD_*", "MAIL", "GPG_*", "TMUX*", "STY", "EDITOR", "PAGER",
	"LESS*", "DIB_DEBUG_TRACE", "break", "break_*", "DIB_CACHE_*",
	"GITHUB_*", "GITLAB_*", "CI_*", "BUILD_*", "RUNNER_*", "ZUUL_*",
	"JENKINS_*", NULL };

/* ---- digests ------------------------------------------------------------------------- */

static struct value *
digest_value(struct doc *d, const void *data, size_t n)
{
	char text[DIGEST_TEXT];

	digest_text(data, n, text);
	return value_string(d, text);
}

/* A file's bytes, whether it can be run, where it leads; "missing". */
static void
file_digest(const char *path, char text[65])
{
	own(strbuf_clear) struct strbuf body = { 0 };
	struct stat st;
	struct error e;

	if (stat(path, &st) == -1) {
		snprintf(text, 65, "missing");
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(text, 65, "mode %o", (unsigned)st.st_mode);
		return;
	}
	strbuf_printf(&body, "%c", st.st_mode & 0111 ? 'x' : '-');
	if ((uint64_t)st.st_size > LARGE ||
	    file_read(AT_FDCWD, path, LARGE, &body, &e) == -1)
		strbuf_printf(&body, "%lld %lld.%09ld", (long long)st.st_size,
		    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	digest_text(body.s, body.len, text);
}

static void
folder_digest(const char *path, char text[65])
{
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *all = NULL;
	struct error e;

	if (file_names(AT_FDCWD, path, &names, &e) == -1) {
		snprintf(text, 65, "missing");
		return;
	}
	all = strlist_join(&names, "\n");
	digest_text(all, strlen(all), text);
}

/* A name from watching: below the hooks tree, or of the host. */
static char *
full_path(const char *hooks, const char *name)
{
	return *name == '/' ? mem_dup(name) : path_join(hooks, name);
}

/* ---- the slot --------------------------------------------------------------------------- */

static bool
matches(const char *name, size_t n, const char *const *patterns)
{
	own_free char *copy = mem_dupn(name, n);

	for (; *patterns != NULL; patterns++)
		if (fnmatch(*patterns, copy, 0) == 0)
			return true;
	return false;
}

/* What the user says does not matter: DIB_CACHE_IGNORE, names or patterns. */
static bool
is_ignored(const char *name, size_t n)
{
	const char *text = getenv("DIB_CACHE_IGNORE");
	own(strlist_clear) struct strlist patterns = { 0 };

	if (text == NULL)
		return false;
	strlist_split(&patterns, text, " \t\n,");
	return patterns.len > 0 &&
	    matches(name, n, (const char *const *)patterns.items);
}

static struct value *
env_value(struct doc *d, const struct strlist *env)
{
	own(strlist_clear) struct strlist sorted = { 0 };
	struct value *map = value_map(d);

	strlist_add_all(&sorted, env);
	strlist_sort(&sorted);
	for (size_t i = 0; i < sorted.len; i++) {
		const char *item = sorted.items[i];
		size_t n = strcspn(item, "=");

		if (matches(item, n, described) ||
		    matches(item, n, volatiles) || is_ignored(item, n))
			continue;
		value_setn(d, map, item, n,
		    digest_value(d, item + n, strlen(item + n)));
	}
	return map;
}

/* Whether an entry of the hooks tree is a script of a phase. */
static bool
is_script(const struct tree_entry *t)
{
	size_t n = strcspn(t->path, "/");

	if (t->depth != 2 || S_ISDIR(t->st->st_mode))
		return false;
	for (const struct phase *p = phases; p->name != NULL; p++) {
		size_t m = strlen(p->name);

		if (n == m + 2 && strncmp(t->path, p->name, m) == 0 &&
		    strncmp(t->path + m, ".d", 2) == 0)
			return true;
	}
	return false;
}

static int
add_name(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct strbuf *all = ctx;

	(void)e;
	if (!is_script(t))
		strbuf_printf(all, "%s\n", t->path);
	return 0;
}

/* The names in the hooks tree, the scripts of phases left out. */
static struct value *
names_value(const struct build *b, struct doc *d, struct error *e)
{
	own(strbuf_clear) struct strbuf all = { 0 };

	if (tree_walk(AT_FDCWD, b->hooks, add_name, &all, e) == -1)
		return NULL;
	return digest_value(d, strbuf_text(&all), all.len);
}

struct value *
inputs_of(const struct build *b, struct doc *d, const struct phase *p,
    const struct step *s, const char *native, struct error *e)
{
	struct value *v = value_map(d), *names;

	value_set(d, v, "parent", value_string(d, snapshot_key(b)));
	value_set(d, v, "phase", value_string(d, p->name));
	value_set(d, v, "step", value_string(d, s->name));
	value_set(d, v, "element", value_string(d, s->element));
	value_set(d, v, "env", env_value(d, &b->phase_env));
	if (native != NULL) {
		value_set(
		    d, v, "native", digest_value(d, native, strlen(native)));
		return v;
	}
	{
		own_free char *path =
		    mem_printf("%s/%s.d/%s", b->hooks, p->name, s->name);
		char text[DIGEST_TEXT];

		file_digest(path, text);
		value_set(d, v, "script", value_string(d, text));
	}
	names = names_value(b, d, e);
	if (names == NULL)
		return NULL;
	value_set(d, v, "names", names);
	return v;
}

void
inputs_digest(const struct value *inputs, char text[65])
{
	own(strbuf_clear) struct strbuf b = { 0 };

	value_print(inputs, STYLE_PYTHON, &b);
	digest_text(strbuf_text(&b), b.len, text);
}

/* ---- what was observed --------------------------------------------------------------------- */

static int
add_content(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct strlist *all = ctx;

	(void)e;
	if ((S_ISREG(t->st->st_mode) || S_ISLNK(t->st->st_mode)) &&
	    !is_script(t))
		strlist_add(all, t->path);
	return 0;
}

/* Unwatched, a step may have read whatever is no other script. */
static int
everything(const char *hooks, struct strlist *reads, struct error *e)
{
	return tree_walk(AT_FDCWD, hooks, add_content, reads, e);
}

static struct value *
files_value(const char *hooks, struct doc *d, const struct strlist *names,
    void (*digest)(const char *, char[65]))
{
	struct value *map = value_map(d);

	for (size_t i = 0; i < names->len; i++) {
		own_free char *path = full_path(hooks, names->items[i]);
		char text[DIGEST_TEXT];

		digest(path, text);
		value_set(d, map, names->items[i], value_string(d, text));
	}
	return map;
}

/* A variable's name as a script would write it. */
static const char *
spoken(const char *name)
{
	return strncmp(name, "BASH_FUNC_", 10) == 0 ? "get_image_element_array"
						    : name;
}

/* Which of the describing variables the files mention, with their values. */
static struct value *
mentioned_value(const struct build *b, const char *hooks, struct doc *d,
    const struct strlist *reads)
{
	struct value *map = value_map(d);

	for (size_t i = 0; i < reads->len; i++) {
		own_free char *path = full_path(hooks, reads->items[i]);
		own(strbuf_clear) struct strbuf text = { 0 };
		struct error e;

		if (file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, &text, &e) ==
		    -1)
			continue;
		for (const char *const *v = described; *v != NULL; v++) {
			const char *name = spoken(*v);
			const char *value = strlist_env_get(&b->phase_env, *v);

			if (value != NULL && text.len > 0 &&
			    memmem(text.s, text.len, name, strlen(name)) !=
				NULL)
				value_set(d, map, *v,
				    digest_value(d, value, strlen(value)));
		}
	}
	return map;
}

int
inputs_add_observed(const struct build *b, struct doc *d, struct value *inputs,
    const struct watch *w, const char *hooks, struct error *e)
{
	own(strlist_clear) struct strlist reads = { 0 }, none = { 0 };
	const char *phase = value_text(inputs, "phase", "");
	const char *step = value_text(inputs, "step", "");

	if (w->blind && everything(hooks, &reads, e) == -1)
		return -1;
	if (!w->blind)
		strlist_add_all(&reads, &w->reads);
	strlist_printf(&reads, "%s.d/%s", phase, step);
	value_set(
	    d, inputs, "reads", files_value(hooks, d, &reads, file_digest));
	value_set(d, inputs, "folders",
	    files_value(
		hooks, d, w->blind ? &none : &w->folders, folder_digest));
	value_set(d, inputs, "mentioned", mentioned_value(b, hooks, d, &reads));
	value_set(d, inputs, "writes", value_strings(d, &w->writes));
	return 0;
}

void
inputs_key(const char *slot, const struct value *inputs, char text[65])
{
	static const char *const parts[] = { "reads", "folders", "mentioned",
		"network", NULL };
	own(strbuf_clear) struct strbuf b = { 0 };

	strbuf_puts(&b, slot);
	for (const char *const *p = parts; *p != NULL; p++)
		if (value_get(inputs, *p) != NULL)
			value_print(value_get(inputs, *p), STYLE_PYTHON, &b);
	digest_text(strbuf_text(&b), b.len, text);
}

/* ---- does it still hold ---------------------------------------------------------------------- */

static bool
files_hold(const struct build *b, const struct value *map, const char *what,
    void (*digest)(const char *, char[65]), char **why)
{
	for (uint32_t i = 0;
	     map != NULL && map->kind == VALUE_MAP && i < map->len; i++) {
		const struct member m = value_member(map, i);
		own_free char *path = full_path(b->hooks, m.name);
		char text[DIGEST_TEXT];

		digest(path, text);
		if (m.value->kind == VALUE_STRING &&
		    strcmp(text, m.value->text) == 0)
			continue;
		*why = mem_printf("%s %s changed", what, m.name);
		return false;
	}
	return true;
}

static bool
variables_hold(const struct build *b, const struct value *map, char **why)
{
	for (uint32_t i = 0;
	     map != NULL && map->kind == VALUE_MAP && i < map->len; i++) {
		const struct member m = value_member(map, i);
		const char *value = strlist_env_get(&b->phase_env, m.name);
		char text[DIGEST_TEXT];

		value = value != NULL ? value : "";
		digest_text(value, strlen(value), text);
		if (m.value->kind == VALUE_STRING &&
		    strcmp(text, m.value->text) == 0)
			continue;
		*why = mem_printf("the variable %s changed", spoken(m.name));
		return false;
	}
	return true;
}

bool
inputs_still_hold(const struct build *b, const struct value *meta, char **why)
{
	const struct value *writes = value_get(meta, "writes");

	if (writes != NULL && writes->kind == VALUE_LIST && writes->len > 0) {
		*why = mem_printf("it writes to %s, outside the image",
		    writes->items[0]->kind == VALUE_STRING
			? writes->items[0]->text
			: "?");
		return false;
	}
	return files_hold(
		   b, value_get(meta, "reads"), "the file", file_digest, why) &&
	    files_hold(b, value_get(meta, "folders"), "the folder",
		folder_digest, why) &&
	    variables_hold(b, value_get(meta, "mentioned"), why);
}

/* ---- explanations ----------------------------------------------------------------------------- */

char *
inputs_path(const char *store, const struct step *s)
{
	return mem_printf(
	    "%s/last/%s.%s.%s.json", store, s->phase, s->name, s->element);
}

/* The first variable that is new, gone or different. */
static char *
env_difference(const struct value *old, const struct value *new)
{
	for (uint32_t i = 0; new != NULL &&i < new->len; i++) {
		const struct member m = value_member(new, i);
		const struct value *was = value_getn(old, m.name, m.len);

		if (was == NULL)
			return mem_printf("the variable %s is new", m.name);
		if (!value_equal(was, m.value))
			return mem_printf("the variable %s changed", m.name);
	}
	for (uint32_t i = 0;
	     old != NULL && old->kind == VALUE_MAP && i < old->len; i++) {
		const struct member m = value_member(old, i);

		if (value_getn(new, m.name, m.len) == NULL)
			return mem_printf("the variable %s is gone", m.name);
	}
	return NULL;
}

static bool
same(const struct value *old, const struct value *new, const char *name)
{
	const struct value *a = value_get(old, name), *b = value_get(new, name);

	return a == b || (a != NULL && b != NULL && value_equal(a, b));
}

char *
inputs_difference(const struct value *old, const struct value *new,
    const char *before, bool before_ran)
{
	char *text;

	if (!same(old, new, "script"))
		return mem_dup("its script changed");
	if (!same(old, new, "native"))
		return mem_dup("what it is given changed");
	if (!same(old, new, "names"))
		return mem_dup("files came or went in the elements");
	text = env_difference(value_get(old, "env"), value_get(new, "env"));
	if (text != NULL)
		return text;
	if (!same(old, new, "parent") && strcmp(before, "the start") == 0)
		return mem_dup("another image-build made its snapshot");
	if (!same(old, new, "parent"))
		return before_ran
		    ? mem_printf("%s before it ran", before)
		    : mem_printf(
			  "what comes before it is another (%s)", before);
	return mem_dup("its snapshot is no longer there");
}
