/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-build lint: what is wrong with an element before it is built.
 *
 * A check is a row of the table in lint.c, about a file or (file NULL) about
 * the element as a whole.  Its name is how it is switched off: by a line
 * "# dib-lint: disable=NAME..." in the file, or for all of an element's files
 * by "ignore = NAME..." below [dib-lint] in ./tox.ini.
 */
#ifndef IMAGE_BUILD_LINT_H
#define IMAGE_BUILD_LINT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/strlist.h"

struct elements;
struct element;

struct lint_line {
	const char *text; /* NUL-terminated */
	bool heredoc; /* is data within a script */
	bool comment; /* has nothing but a comment */
};

struct lint_file {
	char *path; /* from the element's folder: "install.d/50-x" */
	char *phase; /* "install" of a file directly in a phase's folder */
	char *text;
	size_t len;
	mode_t mode;
	bool text_file; /* has no NUL */
	bool script; /* begins with #! */
	bool shell, bash, python; /* whose */
	bool fragment; /* in environment.d */
	struct lint_line *lines;
	size_t nlines;
	struct strlist disabled;
};

struct lint {
	const struct elements *all;
	const struct element *el;
	const struct lint_file *files;
	size_t nfiles;
	const char *check; /* the one at work */
	struct strlist ignored;
	unsigned found;
};

struct lint_check {
	const char *name, *summary;
	void (*look)(struct lint *l, const struct lint_file *f);
	bool element; /* about the whole: f is NULL */
};

extern const struct lint_check lint_checks[]; /* ends at name NULL */

/*
 * "PATH:LINE: text [check]" on standard output, unless it is switched off.
 * f NULL: about the element; line 0: about the file.
 */
void lint_say(struct lint *l, const struct lint_file *f, size_t line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* ---- lint-scripts.c --------------------------------------------------------- */

void lint_executable(struct lint *l, const struct lint_file *f);
void lint_shebang(struct lint *l, const struct lint_file *f);
void lint_sete(struct lint *l, const struct lint_file *f);
void lint_setu(struct lint *l, const struct lint_file *f);
void lint_setpipefail(struct lint *l, const struct lint_file *f);
void lint_debugtrace(struct lint *l, const struct lint_file *f);
void lint_environment(struct lint *l, const struct lint_file *f);
void lint_export(struct lint *l, const struct lint_file *f);
void lint_sudo(struct lint *l, const struct lint_file *f);
void lint_which(struct lint *l, const struct lint_file *f);
void lint_indent(struct lint *l, const struct lint_file *f);
void lint_tabs(struct lint *l, const struct lint_file *f);
void lint_newline(struct lint *l, const struct lint_file *f);
void lint_hosts(struct lint *l, const struct lint_file *f);

/* ---- lint-element.c ----------------------------------------------------------- */

void lint_readme(struct lint *l, const struct lint_file *f);
void lint_names(struct lint *l, const struct lint_file *f);
void lint_scripts_run(struct lint *l, const struct lint_file *f);
void lint_sorted(struct lint *l, const struct lint_file *f);
void lint_deps(struct lint *l, const struct lint_file *f);
void lint_unused(struct lint *l, const struct lint_file *f);
void lint_data(struct lint *l, const struct lint_file *f);
void lint_sources(struct lint *l, const struct lint_file *f);

/* ---- lint-file.c ---------------------------------------------------------------- */

/* Read a file into f; path is from the folder dir. */
struct error;
int
lint_file_read(struct lint_file *f, int dir, const char *path, struct error *e);
void lint_file_clear(struct lint_file *f);

#endif
