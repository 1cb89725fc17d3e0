/* SPDX-License-Identifier: Apache-2.0 */
/* Command line, files and environment; assignments carried out in order. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "collect-config/config-entry.h"
#include "collect-config/config.h"
#include "collect-config/ini.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/path.h"
#include "lib/strbuf.h"

/* ---- files -------------------------------------------------------------- */

static int
on_assign(void *ctx, const char *section, const char *key, const char *value,
    struct error *e)
{
	struct entry *n = entry_find(ctx, section, key);

	(void)e;
	if (n != NULL && !n->setting->cli_only) /* others are let be */
		entry_assign(n, value);
	return 0;
}

static int
read_file(struct config *c, const char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	if (file_read(
		c->root, config_at(c, path), LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	strlist_add(&c->files, path);
	return ini_parse(strbuf_text(&text), text.len, path, on_assign, c, e);
}

/* Every *.conf in a folder, in byte order. */
static int
read_folder(struct config *c, const char *path, struct error *e)
{
	own_fd int fd = openat(
	    c->root, config_at(c, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_dir DIR *d = fd == -1 ? NULL : fdopendir(fd);
	own(strlist_clear) struct strlist names = { 0 };
	const struct dirent *entry;

	if (d == NULL)
		return error_errno(e, "%s", path);
	take_fd(&fd);
	while ((entry = readdir(d)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len > 5 && entry->d_name[0] != '.' &&
		    strcmp(entry->d_name + len - 5, ".conf") == 0)
			strlist_add(&names, entry->d_name);
	}
	strlist_sort(&names);
	for (size_t i = 0; i < names.len; i++) {
		own_free char *file = path_join(path, names.items[i]);

		if (read_file(c, file, e) == -1)
			return -1;
	}
	return 0;
}

static bool
was_said(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_said; i++)
		if (strcmp(c->said[i].entry->name, name) == 0)
			return true;
	return false;
}

/* The first of the two places that is there, "file" or "folder". */
static char *
default_place(const struct config *c, const char *name)
{
	const char *home = getenv("HOME");
	own_free char *own =
	    home != NULL && *home == '/' ? path_join(home, name) : NULL;
	own_free char *system = path_join("/etc", name);

	if (own != NULL && file_exists(c->root, config_at(c, own)))
		return take(own);
	return file_exists(c->root, config_at(c, system)) ? take(system) : NULL;
}

static int
read_defaults(struct config *c, struct error *e)
{
	own_free char *file = was_said(c, "config_file")
	    ? NULL
	    : default_place(c, "os-collect-config.conf");
	own_free char *folder = was_said(c, "config_dir")
	    ? NULL
	    : default_place(c, "os-collect-config.conf.d");

	if (file != NULL && read_file(c, file, e) == -1)
		return -1;
	return folder != NULL ? read_folder(c, folder, e) : 0;
}

/* ---- the command line ---------------------------------------------------------- */

static const char *const arg_names[] = {
	[SETTING_TEXT] = "TEXT",
	[SETTING_URL] = "URL",
	[SETTING_NUMBER] = "NUMBER",
	[SETTING_LIST] = "ITEM",
};

static int
on_option(struct option_setter *self, const char *value, struct error *e)
{
	struct entry *entry = (struct entry *)self;
	struct config *c = entry->config;

	(void)e;
	c->said =
	    mem_grow(c->said, &c->cap_said, c->n_said + 1, sizeof(*c->said));
	c->said[c->n_said++] = (struct assignment){ .entry = entry,
		.value = mem_dup(value ? value : "true") };
	return 0;
}

static int
on_negation(struct option_setter *self, const char *value, struct error *e)
{
	(void)value;
	return on_option(&((struct negation *)self)->entry->setter, "false", e);
}

/* Fill a table for lib/options; returns it, the caller's. */
static struct option_def *
option_table(struct config *c)
{
	struct option_def *defs = mem_alloc((2 * c->n + 1) * sizeof(*defs)),
			  *d = defs;

	for (size_t i = 0; i < c->n; i++) {
		struct entry *n = &c->entries[i];

		n->setter.set = on_option;
		*d++ = (struct option_def){ .letter = n->setting->letter,
			.name = n->option,
			.arg = arg_names[n->setting->kind],
			.kind = OPTION_SET,
			.to = &n->setter,
			.help = n->setting->help };
		if (n->no_option == NULL)
			continue;
		c->negations[i] =
		    (struct negation){ .setter.set = on_negation, .entry = n };
		*d++ = (struct option_def){ .name = n->no_option,
			.kind = OPTION_SET,
			.to = &c->negations[i].setter };
	}
	return defs;
}

/* --root, --config-file and --config-dir act, all others assign. */
static int
carry_out(struct config *c, const struct assignment *a, struct error *e)
{
	const char *name = a->entry->name;

	if (strcmp(name, "config_file") == 0)
		return read_file(c, a->value, e);
	if (strcmp(name, "config_dir") == 0)
		return read_folder(c, a->value, e);
	entry_assign(a->entry, a->value);
	a->entry->from_cli = true;
	return 0;
}

static int
open_root(struct config *c, struct error *e)
{
	for (size_t i = 0; i < c->n_said; i++) {
		const struct assignment *a = &c->said[i];

		if (strcmp(a->entry->name, "root") != 0)
			continue;
		if (c->root != AT_FDCWD)
			close(c->root);
		c->root = open(a->value, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (c->root == -1) {
			c->root = AT_FDCWD;
			return error_errno(e, "--root %s", a->value);
		}
	}
	return 0;
}

/* OS_GROUP__NAME, which beats files and loses to the command line. */
static void
read_environment(struct config *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct entry *n = &c->entries[i];
		own_free char *name =
		    mem_printf("OS_%s__%s", n->group, n->name);
		const char *value;

		for (char *p = name; *p != '\0'; p++)
			*p = (char)toupper((unsigned char)*p);
		value = getenv(name);
		if (value == NULL || n->from_cli || n->setting->cli_only)
			continue;
		n->given = false;
		entry_assign(n, value);
	}
}

int
config_load(struct config *c, const struct config_args *args, struct error *e)
{
	own_free struct option_def *defs = option_table(c);
	const struct options options = { .program = args->program,
		.operands = args->operands,
		.summary = args->summary,
		.defs = defs,
		.more = args->more };
	int first = options_parse(&options, args->argc, args->argv, e);

	if (first < 0) {
		e->code = EINVAL;
		return first;
	}
	if (open_root(c, e) == -1 || read_defaults(c, e) == -1)
		return -1;
	for (size_t i = 0; i < c->n_said; i++)
		if (carry_out(c, &c->said[i], e) == -1)
			return -1;
	read_environment(c);
	return first;
}
