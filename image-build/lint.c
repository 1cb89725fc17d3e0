/* SPDX-License-Identifier: Apache-2.0 */
/* image-build lint ELEMENT...: the checks, and how they are carried out. */
#include "image-build/lint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

const struct lint_check lint_checks[] = {
	{ "readme", "there is a README", lint_readme, true },
	{ "names", "no name is nearly one that is read", lint_names, true },
	{ "deps", "what reads the element's files is depended on, and exists",
	    lint_deps, true },
	{ "skipped", "what is in a phase's folder is run", lint_scripts_run,
	    false },
	{ "unused", "no file is without use", lint_unused, false },
	{ "sorted", "element-deps is sorted", lint_sorted, false },
	{ "sources", "source-repository files have whole lines", lint_sources,
	    false },
	{ "data", "YAML and JSON can be read", lint_data, false },
	{ "executable", "scripts are executable", lint_executable, false },
	{ "shebang", "bash is /bin/bash", lint_shebang, false },
	{ "sete", "scripts end when a command fails", lint_sete, false },
	{ "setu", "scripts end at an unset variable", lint_setu, false },
	{ "setpipefail", "scripts see what fails in a pipe", lint_setpipefail,
	    false },
	{ "dibdebugtrace", "scripts can be traced", lint_debugtrace, false },
	{ "environment", "environment.d is to be sourced", lint_environment,
	    false },
	{ "export", "no export hides a failure", lint_export, false },
	{ "safe_sudo", "sudo on the host is for the image", lint_sudo, false },
	{ "which", "which is not needed", lint_which, false },
	{ "hosts", "no host's name is in a script", lint_hosts, false },
	{ "indent", "four blanks a level", lint_indent, false },
	{ "tabindent", "no tabs at the start of lines", lint_tabs, false },
	{ "newline", "the last line has an end", lint_newline, false },
	{ NULL, NULL, NULL, false },
};

void
lint_say(struct lint *l, const struct lint_file *f, size_t line,
    const char *fmt, ...)
{
	own_free char *text = NULL;
	va_list ap;

	if (strlist_has(&l->ignored, l->check) ||
	    (f != NULL && strlist_has(&f->disabled, l->check)))
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		text = NULL;
	va_end(ap);
	l->found++;
	printf("%s%s%s:", l->el->path, f != NULL ? "/" : "",
	    f != NULL ? f->path : "");
	if (line > 0)
		printf("%zu:", line);
	printf(" %s [%s]\n", text != NULL ? text : fmt, l->check);
}

/* ---- the files -------------------------------------------------------------- */

struct files {
	struct lint_file *items;
	size_t len, cap;
	int dir;
};

static void
files_clear(struct files *f)
{
	for (size_t i = 0; i < f->len; i++)
		lint_file_clear(&f->items[i]);
	free(f->items);
}

static int
add_file(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct files *f = ctx;
	struct lint_file new = { 0 };

	if (S_ISDIR(t->st->st_mode))
		return t->depth > 0 &&
			(*t->name == '.' || strcmp(t->name, "__pycache__") == 0)
		    ? 1
		    : 0;
	if (!S_ISREG(t->st->st_mode) || *t->name == '.')
		return 0;
	if (f->len >= LIMIT_PARTS)
		return error_set(e, E2BIG, "more than %d files", LIMIT_PARTS);
	if (lint_file_read(&new, f->dir, t->path, e) == -1)
		return -1;
	f->items = mem_grow(f->items, &f->cap, f->len + 1, sizeof(*f->items));
	f->items[f->len++] = new;
	return 0;
}

static int
check_element(struct lint *l, struct error *e)
{
	own(files_clear) struct files files = { 0 };
	own_fd int dir = open(l->el->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	files.dir = dir;
	if (dir == -1)
		return error_errno(e, "%s", l->el->path);
	if (tree_walk(dir, ".", add_file, &files, e) == -1)
		return error_prefix(e, "%s", l->el->path);
	l->files = files.items;
	l->nfiles = files.len;
	for (const struct lint_check *c = lint_checks; c->name != NULL; c++) {
		l->check = c->name;
		if (c->element)
			c->look(l, NULL);
		for (size_t i = 0; i < files.len && !c->element; i++)
			c->look(l, &files.items[i]);
	}
	return 0;
}

/* ---- the command --------------------------------------------------------------- */

static bool list;

static const struct option_def defs[] = {
	{ 0, "list", NULL, OPTION_FLAG, &list, NULL, "show the checks" },
	{ 0, NULL, NULL, OPTION_FLAG, NULL, NULL, NULL },
};

static const char more[] =
    "An element is a folder, or the name of one below ELEMENTS_PATH.\n"
    "A line \"# dib-lint: disable=CHECK...\" switches checks off for a file.\n";

static const struct options command = {
	.program = "image-build lint",
	.operands = "ELEMENT...",
	.summary = "Say what is wrong with elements.",
	.defs = defs,
	.more = more,
};

/* "ignore = a b" below [dib-lint] of ./tox.ini, as dib-lint reads it. */
static void
read_tox(struct strlist *ignored)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist lines = { 0 };
	struct error none;
	bool ours = false;

	if (file_read(AT_FDCWD, "tox.ini", LIMIT_TEXT_BYTES, &text, &none) ==
	    -1)
		return;
	strlist_split(&lines, strbuf_text(&text), "\n");
	for (size_t i = 0; i < lines.len; i++) {
		const char *s = lines.items[i];

		if (*s == '[')
			ours = strncmp(s, "[dib-lint]", 10) == 0;
		else if (ours && strncmp(s, "ignore", 6) == 0 &&
		    strchr(s, '=') != NULL)
			strlist_split(ignored, strchr(s, '=') + 1, " \t,");
	}
}

/* The folders that the operands stand in are searched before all others. */
static int
index_all(struct settings *s, char *const *names, struct elements *all,
    struct error *e)
{
	own(strlist_clear) struct strlist dirs = { 0 };
	own_free char *path = NULL;

	for (; *names != NULL; names++) {
		own_free char *real =
		    strchr(*names, '/') != NULL ? realpath(*names, NULL) : NULL;
		own_free char *dir = real != NULL ? path_dir(real) : NULL;

		if (strchr(*names, '/') != NULL && real == NULL)
			return error_errno(e, "%s", *names);
		if (dir != NULL && !strlist_has(&dirs, dir))
			strlist_add(&dirs, dir);
	}
	strlist_add(&dirs, s->elements_path);
	path = strlist_join(&dirs, ":");
	return elements_index(all, path, s->data, e);
}

/* The element that an operand means. */
static const struct element *
find_named(const struct elements *all, const char *name, struct error *e)
{
	bool is_path = strchr(name, '/') != NULL;
	own_free char *real = is_path ? realpath(name, NULL) : NULL;
	const struct element *el =
	    elements_find(all, real != NULL ? path_base(real) : name);

	if (el == NULL || el->path == NULL) {
		error_set(e, ENOENT, "Element '%s' not found", name);
		return NULL;
	}
	if (is_path && (real == NULL || strcmp(real, el->path) != 0)) {
		error_set(e, EEXIST, "%s: %s, of the same name, is before it",
		    name, el->path);
		return NULL;
	}
	return el;
}

static int
check_all(struct lint *l, char *const *names, struct error *e)
{
	for (; *names != NULL; names++) {
		l->el = find_named(l->all, *names, e);
		if (l->el == NULL || check_element(l, e) == -1)
			return -1;
	}
	return 0;
}

int
lint_verb(int argc, char **argv, struct error *e)
{
	own(settings_clear) struct settings s = { 0 };
	own(elements_clear) struct elements all = { 0 };
	struct lint l = { .all = &all };
	int first = options_parse(&command, argc, argv, e), r = -1;

	if (first < 0)
		return first == OPTIONS_SHOWN ? 0 : 2;
	for (const struct lint_check *c = lint_checks; list && c->name; c++)
		printf("%-16s %s\n", c->name, c->summary);
	if (list)
		return 0;
	if (first == argc) {
		error_set(e, EINVAL, "no elements are named");
		return 2;
	}
	strlist_add(&s.elements, argv[first]);
	read_tox(&l.ignored);
	if (settings_complete(&s, e) == 0 &&
	    index_all(&s, argv + first, &all, e) == 0)
		r = check_all(&l, argv + first, e);
	strlist_clear(&l.ignored);
	return r == -1 || l.found > 0 ? 1 : 0;
}
