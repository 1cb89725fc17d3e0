/* SPDX-License-Identifier: Apache-2.0 */
/* Selection, order and environment of a folder of programs. */
#include "lib/parts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

/* The digits that a name begins with, as sort -n takes them. */
struct number {
	const char *whole; /* without leading zeros */
	const char *fraction; /* without trailing zeros */
	size_t nwhole, nfraction;
	bool negative;
};

static size_t
digits(const char *s)
{
	return strspn(s, "0123456789");
}

static struct number
number_of(const char *s)
{
	struct number n = { .fraction = "" };

	s += strspn(s, " \t");
	n.negative = *s == '-';
	if (n.negative)
		s++;
	s += strspn(s, "0");
	n.whole = s;
	n.nwhole = digits(s);
	if (s[n.nwhole] == '.') {
		n.fraction = s + n.nwhole + 1;
		n.nfraction = digits(n.fraction);
		while (n.nfraction > 0 && n.fraction[n.nfraction - 1] == '0')
			n.nfraction--;
	}
	if (n.nwhole == 0 && n.nfraction == 0)
		n.negative = false;
	return n;
}

/* Of the sizes alone. */
static int
size_compare(struct number a, struct number b)
{
	size_t shorter = a.nfraction < b.nfraction ? a.nfraction : b.nfraction;
	int r;

	if (a.nwhole != b.nwhole)
		return a.nwhole < b.nwhole ? -1 : 1;
	r = memcmp(a.whole, b.whole, a.nwhole);
	if (r == 0)
		r = memcmp(a.fraction, b.fraction, shorter);
	if (r == 0 && a.nfraction != b.nfraction)
		r = a.nfraction < b.nfraction ? -1 : 1;
	return r;
}

static int
number_compare(struct number a, struct number b)
{
	if (a.negative != b.negative)
		return a.negative ? -1 : 1;
	return a.negative ? -size_compare(a, b) : size_compare(a, b);
}

int
parts_compare(const char *a, const char *b)
{
	int r = number_compare(number_of(a), number_of(b));

	return r != 0 ? r : strcmp(a, b);
}

static int
compare_items(const void *a, const void *b)
{
	return parts_compare(*(char *const *)a, *(char *const *)b);
}

static void
own_regex(regex_t *r)
{
	regfree(r);
}

static bool
runnable(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
	    faccessat(dir, name, X_OK, AT_EACCESS) == 0;
}

int
parts_list(const char *dir, const char *pattern, struct strlist *names,
    struct strlist *ignored, struct error *e)
{
	own(own_regex) regex_t regex = { 0 };
	own_dir DIR *d = opendir(dir);
	struct dirent *entry;

	if (d == NULL)
		return errno == ENOENT ? 0 : error_errno(e, "%s", dir);
	if (pattern == NULL)
		pattern = PARTS_PATTERN;
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return error_set(
		    e, EINVAL, "%s: not a regular expression", pattern);
	for (errno = 0; (entry = readdir(d)) != NULL; errno = 0) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (names->len >= LIMIT_PARTS)
			return error_set(e, E2BIG, "%s: too many files", dir);
		if (regexec(&regex, name, 0, NULL, 0) == 0 &&
		    runnable(dirfd(d), name))
			strlist_add(names, name);
		else if (ignored != NULL)
			strlist_add(ignored, name);
	}
	if (errno != 0)
		return error_errno(e, "%s", dir);
	if (names->len > 1)
		qsort(names->items, names->len, sizeof(char *), compare_items);
	if (ignored != NULL)
		strlist_sort(ignored);
	return 0;
}

/* ---- environment.d ----------------------------------------------------- */

/*
 * The answer goes to descriptor 3, what fragments print to 1 and 2.  env is
 * named in full: a fragment may have changed PATH.  Not every failure is one
 * that bash says something of, so the fragment is named at the end.
 */
#define NAME_FAILED \
	"trap '_s=$?; [ $_s = 0 ] || " \
	"echo \"$_ingot_fragment ended with status $_s\" >&2' EXIT\n"
static const char source_plain[] =
    "set -eu -o pipefail\n" NAME_FAILED "for _ingot_fragment; do\n"
    "  source \"$_ingot_fragment\"\n"
    "done\n"
    "exec /usr/bin/env -0 >&3\n";
static const char source_traced[] =
    "set -eu -o pipefail\n" NAME_FAILED "for _ingot_fragment; do\n"
    "  set -o xtrace\n"
    "  source \"$_ingot_fragment\"\n"
    "  set +o xtrace\n"
    "done\n"
    "exec /usr/bin/env -0 >&3\n";
static const char source_announced[] =
    "set -eu -o pipefail\n"
    "for _ingot_fragment; do\n"
    "  printf '%s %s Sourcing environment file %s\\n' "
    "\"$0\" \"$(date)\" \"$_ingot_fragment\" >&2\n"
    "  set -o xtrace\n"
    "  source \"$_ingot_fragment\"\n"
    "  set +o xtrace\n"
    "done\n"
    "exec /usr/bin/env -0 >&3\n";

static bool
is_fragment(int dir, const char *name)
{
	struct stat st;

	for (const char *s = name; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr("_.-", *s) == NULL)
			return false;
	return fstatat(dir, name, &st, 0) == 0 && S_ISREG(st.st_mode);
}

static int
fragments(const char *dir, struct strlist *names, struct error *e)
{
	own_dir DIR *d = opendir(dir);
	struct dirent *entry;

	if (d == NULL)
		return errno == ENOENT ? 0 : error_errno(e, "%s", dir);
	for (errno = 0; (entry = readdir(d)) != NULL; errno = 0)
		if (is_fragment(dirfd(d), entry->d_name))
			strlist_add(names, entry->d_name);
	if (errno != 0)
		return error_errno(e, "%s", dir);
	strlist_sort(names);
	return 0;
}

/* Split the answer of env -0.  Variables of the shell itself stay out. */
static void
take_answer(const struct strbuf *answer, struct strlist *env)
{
	const char *s = answer->s, *end = s + answer->len;

	for (; s < end; s += strlen(s) + 1)
		if (strncmp(s, "_=", 2) != 0 && strchr(s, '=') != NULL)
			strlist_add(env, s);
}

int
parts_environment(
    const struct parts_environment *p, struct strlist *env, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 }, argv = { 0 };
	own(strbuf_clear) struct strbuf answer = { 0 };
	struct proc run = { .envp = p->env,
		.prepare = p->prepare,
		.cgroup = p->cgroup,
		.line = p->line,
		.ctx = p->ctx,
		.data = p->data,
		.stop = p->stop,
		.answer = &answer };
	struct proc_status status;

	if (fragments(p->dir, &names, e) == -1)
		return -1;
	if (names.len == 0) {
		for (char *const *v = p->env; *v != NULL; v++)
			strlist_add(env, *v);
		return 0;
	}
	strlist_add(&argv, "bash");
	strlist_add(&argv, "-c");
	strlist_add(&argv,
	    p->announce	   ? source_announced
		: p->trace ? source_traced
			   : source_plain);
	strlist_add(&argv, p->announce ? p->announce : "environment.d");
	for (size_t i = 0; i < names.len; i++)
		strlist_take(&argv, path_join(p->seen, names.items[i]));
	run.argv = strlist_argv(&argv);
	if (proc_run(&run, &status, e) == -1)
		return error_prefix(e, "%s", p->dir);
	if (proc_check(&status, e) == -1) {
		e->code = -status.code;
		return error_prefix(e, "%s", p->dir);
	}
	if (answer.len == 0)
		return 1;
	if (answer.len > LIMIT_ENV_BYTES)
		return error_set(e, E2BIG, "%s: exports more than %zu bytes",
		    p->dir, LIMIT_ENV_BYTES);
	take_answer(&answer, env);
	return 0;
}

void
parts_tail(struct strbuf *tail, const char *line, size_t len)
{
	if (len > LIMIT_TAIL_BYTES) {
		line += len - LIMIT_TAIL_BYTES;
		len = LIMIT_TAIL_BYTES;
	}
	strbuf_add(tail, line, len);
	strbuf_putc(tail, '\n');
	if (tail->len > 2 * LIMIT_TAIL_BYTES) {
		size_t drop = tail->len - LIMIT_TAIL_BYTES;

		memmove(tail->s, tail->s + drop, LIMIT_TAIL_BYTES);
		strbuf_cut(tail, LIMIT_TAIL_BYTES);
	}
}

const char *
parts_last(struct strbuf *tail, size_t most)
{
	const char *end, *line;

	if (tail->len > 0 && tail->s[tail->len - 1] == '\n')
		strbuf_cut(tail, tail->len - 1);
	end = strbuf_text(tail) + tail->len;
	if (tail->len <= most)
		return strbuf_text(tail);
	line = memchr(end - most - 1, '\n', most + 1);
	return line != NULL ? line + 1 : end - most;
}
