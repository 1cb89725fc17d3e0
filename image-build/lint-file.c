/* SPDX-License-Identifier: Apache-2.0 */
/* image-build lint: a file taken apart for the checks. */
#include <ctype.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image-build/image-build.h"
#include "image-build/lint.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

/* Whether name is that of a phase, "install". */
static bool
lint_is_phase(const char *name)
{
	for (const struct phase *p = phases; p->name != NULL; p++)
		if (strcmp(p->name, name) == 0)
			return true;
	return false;
}

/* "install" of "install.d/50-x"; NULL of anything deeper or elsewhere. */
static char *
phase_of(const char *path)
{
	const char *slash = strchr(path, '/');
	own_free char *name = NULL;

	if (slash == NULL || slash - path < 3 ||
	    strchr(slash + 1, '/') != NULL || strncmp(slash - 2, ".d", 2) != 0)
		return NULL;
	name = mem_dupn(path, (size_t)(slash - path) - 2);
	return lint_is_phase(name) ? take(name) : NULL;
}

/* The word that ends a here-document which a line begins, or NULL. */
static char *
heredoc_end(const char *line)
{
	const char *s = strstr(line, "<<");
	size_t n;

	if (s == NULL || s[2] == '<' || (s > line && s[-1] == '<'))
		return NULL;
	s += 2 + (s[2] == '-');
	s += strspn(s, " \t'\"\\");
	for (n = 0; isalnum((unsigned char)s[n]) || s[n] == '_'; n++)
		continue;
	return n > 0 && !isdigit((unsigned char)*s) ? mem_dupn(s, n) : NULL;
}

static void
add_line(struct lint_file *f, size_t *cap, char *text, char **end)
{
	const char *s = text + strspn(text, " \t");
	struct lint_line line = { .text = text, .comment = *s == '#' };

	line.heredoc = *end != NULL;
	if (*end != NULL && strcmp(s, *end) == 0) {
		free(*end);
		*end = NULL;
	} else if (*end == NULL && f->shell && !line.comment) {
		*end = heredoc_end(text);
	}
	f->lines = mem_grow(f->lines, cap, f->nlines + 1, sizeof(*f->lines));
	f->lines[f->nlines++] = line;
}

/* The text stays whole for those who want it: lines are of a copy. */
static void
split(struct lint_file *f)
{
	own_free char *end = NULL;
	size_t cap = 0;
	char *s = mem_dup(f->text);

	/* lines[0].text owns the copy; an empty file has none. */
	if (*s == '\0') {
		free(s);
		return;
	}
	while (s != NULL && *s != '\0') {
		char *next = strchr(s, '\n');

		if (next != NULL)
			*next++ = '\0';
		add_line(f, &cap, s, &end);
		s = next;
	}
}

static void
read_switches(struct lint_file *f)
{
	static const char mark[] = "# dib-lint: disable=";

	for (size_t i = 0; i < f->nlines; i++)
		if (strncmp(f->lines[i].text, mark, sizeof(mark) - 1) == 0)
			strlist_split(&f->disabled,
			    f->lines[i].text + sizeof(mark) - 1, " \t,");
}

int
lint_file_read(struct lint_file *f, int dir, const char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	const char *first;
	struct stat st;

	if (fstatat(dir, path, &st, 0) == -1)
		return error_errno(e, "%s", path);
	if (file_read(dir, path, LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	f->path = mem_dup(path);
	f->phase = phase_of(path);
	f->fragment = strncmp(path, "environment.d/", 14) == 0;
	f->mode = st.st_mode;
	f->len = text.len;
	f->text = strbuf_take(&text);
	f->text_file = strlen(f->text) == f->len;
	first = f->text;
	f->script = f->text_file && strncmp(first, "#!", 2) == 0;
	if (f->script) {
		own_free char *line = mem_dupn(first, strcspn(first, "\n"));

		f->python = strstr(line, "python") != NULL;
		f->bash = strstr(line, "bash") != NULL;
		f->shell = f->bash || strstr(line, "/sh") != NULL ||
		    strstr(line, "/dash") != NULL;
	}
	f->shell |= f->fragment;
	if (f->text_file)
		split(f);
	read_switches(f);
	return 0;
}

void
lint_file_clear(struct lint_file *f)
{
	if (f->nlines > 0)
		free((char *)(uintptr_t)f->lines[0].text);
	free(f->lines);
	free(f->path);
	free(f->phase);
	free(f->text);
	strlist_clear(&f->disabled);
}
