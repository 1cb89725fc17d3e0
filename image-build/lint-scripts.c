/* SPDX-License-Identifier: Apache-2.0 */
/* image-build lint: checks of scripts and fragments, line by line. */
#include <ctype.h>
#include <string.h>

#include "image-build/lint.h"
#include "lib/mem.h"
#include "lib/own.h"

/* Lines that a shell runs. */
#define EACH_COMMAND(f, i) \
	for (size_t i = 0; i < (f)->nlines; i++) \
		if (!(f)->lines[i].heredoc && !(f)->lines[i].comment)

void
lint_executable(struct lint *l, const struct lint_file *f)
{
	if (f->script && !f->python && (f->mode & 0111) == 0 && !f->fragment)
		lint_say(l, f, 0, "begins with #! but is not executable");
}

void
lint_shebang(struct lint *l, const struct lint_file *f)
{
	if (f->script && f->bash &&
	    strcmp(f->lines[0].text, "#!/bin/bash") != 0)
		lint_say(l, f, 1, "begins with %s, not #!/bin/bash",
		    f->lines[0].text);
}

/* ---- set ---------------------------------------------------------------------- */

/* Whether a script says "set -...LETTER..." or "set -o NAME". */
static bool
is_set(const struct lint_file *f, char letter, const char *name)
{
	EACH_COMMAND(f, i)
	{
		const char *s =
		    f->lines[i].text + strspn(f->lines[i].text, " \t");

		if (strncmp(s, "set -", 5) != 0)
			continue;
		if (strstr(s, name) != NULL)
			return true;
		for (s += 5; letter != 0 && isalpha((unsigned char)*s); s++)
			if (*s == letter)
				return true;
	}
	return false;
}

static bool
is_run(const struct lint_file *f)
{
	return f->script && f->shell && !f->fragment;
}

void
lint_sete(struct lint *l, const struct lint_file *f)
{
	if (is_run(f) && !is_set(f, 'e', "errexit"))
		lint_say(l, f, 0,
		    "goes on after a command that failed: "
		    "wants set -e");
}

void
lint_setu(struct lint *l, const struct lint_file *f)
{
	if (is_run(f) && !is_set(f, 'u', "nounset"))
		lint_say(l, f, 0,
		    "takes a misspelt variable as empty: wants set -u");
}

void
lint_setpipefail(struct lint *l, const struct lint_file *f)
{
	if (is_run(f) && f->bash && !is_set(f, 0, "pipefail"))
		lint_say(l, f, 0,
		    "does not see what fails in a pipe: wants "
		    "set -o pipefail");
}

void
lint_debugtrace(struct lint *l, const struct lint_file *f)
{
	if (is_run(f) && f->bash && strstr(f->text, "DIB_DEBUG_TRACE") == NULL)
		lint_say(l, f, 0,
		    "cannot be traced: wants set -x if "
		    "DIB_DEBUG_TRACE is over 0");
}

/* ---- fragments ------------------------------------------------------------------ */

void
lint_environment(struct lint *l, const struct lint_file *f)
{
	if (!f->fragment)
		return;
	if ((f->mode & 0111) != 0)
		lint_say(l, f, 0, "is sourced, and need not be executable");
	EACH_COMMAND(f, i)
	if (strstr(f->lines[i].text, "set -x") != NULL)
		lint_say(l, f, i + 1, "set -x would hold for all scripts");
}

void
lint_export(struct lint *l, const struct lint_file *f)
{
	if (!f->shell)
		return;
	EACH_COMMAND(f, i)
	{
		const char *s =
		    f->lines[i].text + strspn(f->lines[i].text, " \t");
		size_t n;

		if (strncmp(s, "export ", 7) != 0)
			continue;
		s += 7;
		for (n = 0; isalnum((unsigned char)s[n]) || s[n] == '_'; n++)
			continue;
		if (s[n] != '=')
			continue;
		s += n + 1;
		s += *s == '"';
		if (strncmp(s, "$(", 2) == 0 || *s == '`')
			lint_say(l, f, i + 1,
			    "export hides that the command failed: assign "
			    "first, export then");
	}
}

/* ---- words -------------------------------------------------------------------------- */

/* Where a command of that name begins in a line, or NULL. */
static const char *
command_in(const char *line, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = line; (s = strstr(s, name)) != NULL; s += n)
		if ((s == line || strchr(" \t;|&(`!", s[-1]) != NULL) &&
		    (s[n] == ' ' || s[n] == '\t'))
			return s;
	return NULL;
}

/*
 * On the host, sudo may touch the image only: one slip and it is the
 * builder's own system.
 */
void
lint_sudo(struct lint *l, const struct lint_file *f)
{
	static const char *const places[] = { "TARGET_ROOT",
		"IMAGE_BLOCK_DEVICE", "TMP_MOUNT_PATH", "TMP_IMAGE_PATH",
		"TMP_BUILD_DIR", "install-packages", "dib-lint: safe_sudo",
		NULL };
	static const char chrooted[] = " pre-install install post-install "
				       "finalise ";
	own_free char *phase = NULL;

	if (f->phase == NULL || !f->shell)
		return;
	phase = mem_printf(" %s ", f->phase);
	if (strstr(chrooted, phase) != NULL &&
	    strcmp(f->phase, "finalise") != 0)
		return;
	EACH_COMMAND(f, i)
	{
		const char *const *p = places;

		if (command_in(f->lines[i].text, "sudo") == NULL)
			continue;
		while (*p != NULL && strstr(f->lines[i].text, *p) == NULL)
			p++;
		if (*p == NULL)
			lint_say(l, f, i + 1,
			    "sudo on the host, and not below TARGET_ROOT");
	}
}

void
lint_which(struct lint *l, const struct lint_file *f)
{
	if (!f->shell)
		return;
	EACH_COMMAND(f, i)
	if (command_in(f->lines[i].text, "which") != NULL &&
	    strstr(f->lines[i].text, "dib-lint: which") == NULL)
		lint_say(l, f, i + 1,
		    "which is a program that may be missing: type -p");
}

/* A name and not an address of this machine, a variable or an example. */
static bool
is_host(const char *s)
{
	static const char *const fine[] = { "localhost", "127.", "169.254.",
		"example.", "0.0.0.0", "[", NULL };
	size_t n = strcspn(s, "/:\"' \t)}");

	for (const char *const *p = fine; *p != NULL; p++)
		if (strncmp(s, *p, strlen(*p)) == 0)
			return false;
	if (n > 8 && (memmem(s, n, "example", 7) != NULL))
		return false;
	return n > 0 && memchr(s, '$', n) == NULL && memchr(s, '.', n) != NULL;
}

/*
 * A host written into a script cannot be replaced where there is a mirror, a
 * proxy or no network: only as the default of a variable it can.
 */
void
lint_hosts(struct lint *l, const struct lint_file *f)
{
	if (!f->shell)
		return;
	for (size_t i = 0; i < f->nlines; i++) {
		const char *text = f->lines[i].text, *s = text;

		if (f->lines[i].comment)
			continue;
		for (; (s = strstr(s, "://")) != NULL; s += 3) {
			own_free char *before =
			    mem_dupn(text, (size_t)(s - text));

			if (!is_host(s + 3) || strstr(before, ":-") != NULL ||
			    strstr(before, ":=") != NULL)
				continue;
			lint_say(l, f, i + 1,
			    "a host's name in a script: make it the default "
			    "of a variable");
			break;
		}
	}
}

/* ---- form ------------------------------------------------------------------------------ */

void
lint_indent(struct lint *l, const struct lint_file *f)
{
	if (!f->script || f->python)
		return;
	for (size_t i = 1; i < f->nlines; i++) {
		const char *last = f->lines[i - 1].text;
		size_t n = strspn(f->lines[i].text, " "), m = strlen(last);

		/* What goes on from the line before is laid out freely. */
		if (f->lines[i].heredoc || f->lines[i].comment ||
		    (m > 0 && strchr("\\|&", last[m - 1]) != NULL))
			continue;
		if (n % 4 != 0 && f->lines[i].text[n] != '\0')
			lint_say(l, f, i + 1,
			    "is indented by %zu, no multiple of 4", n);
	}
}

void
lint_tabs(struct lint *l, const struct lint_file *f)
{
	if (!f->shell)
		return;
	for (size_t i = 0; i < f->nlines; i++)
		if (f->lines[i].text[0] == '\t' && !f->lines[i].heredoc)
			lint_say(l, f, i + 1, "is indented by tabs");
}

static bool
has_end(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return n > m && strcmp(path + n - m, end) == 0;
}

void
lint_newline(struct lint *l, const struct lint_file *f)
{
	bool matters = f->script || f->fragment || has_end(f->path, ".rst") ||
	    has_end(f->path, ".md") ||
	    strncmp(f->path, "source-repository-", 18) == 0;

	if (matters && f->len > 0 && f->text[f->len - 1] != '\n')
		lint_say(l, f, f->nlines, "the last line has no end");
}
