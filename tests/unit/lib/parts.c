/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of programs: which names count, their order, their environment. */
#include "lib/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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
#include "lib/tree.h"
#include "tests/unit/check.h"

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

static char dir[] = "/tmp/parts-XXXXXX";

static void
put(const char *folder, const char *name, const char *text, mode_t mode)
{
	own_free char *in = path_join(dir, folder);
	own_free char *path = path_join(in, name);
	struct error e;

	CHECK(file_mkdirs(AT_FDCWD, in, 0755, &e) == 0);
	CHECK(file_replace(AT_FDCWD, path, mode, text, strlen(text), &e) == 0);
}

/* ---- order -------------------------------------------------------------- */

/* Numbers with signs, zeros and fractions, and names without. */
static const char *const odd[] = { "-10", "-9.5", "-9-a", "-2", "-0", "-a",
	".5x", "0", "00", "0x10", "a", "b", "zzz", "0.05", "0.5", "0.50",
	"0.51", "1", "1-a", "01.x", "1.5", "2-b", "9", "10", "010-z",
	"99999999999999999998", "99999999999999999999",
	"100000000000000000000000" };

static int
sign(int n)
{
	return (n > 0) - (n < 0);
}

static int
compare(const void *a, const void *b)
{
	return parts_compare(*(char *const *)a, *(char *const *)b);
}

/* The order of sort -n, asked of sort itself. */
static void
sort_agrees(const struct strlist *names)
{
	own_free char *text = strlist_join(names, "\n");
	own(strbuf_clear) struct strbuf out = { 0 };
	own(strlist_clear) struct strlist argv = { 0 }, env = { 0 },
					  theirs = { 0 }, ours = { 0 };
	struct proc p = { .input = text, .input_len = strlen(text) };
	struct proc_status s;
	struct error e = { 0 };
	size_t wrong = 0;

	strlist_split(&argv, "sort -n", " ");
	strlist_split(&env, "LC_ALL=C PATH=/usr/bin:/bin", " ");
	p.argv = strlist_argv(&argv);
	p.envp = strlist_argv(&env);
	p.out = &out;
	CHECK(proc_run(&p, &s, &e) == 0 && proc_check(&s, &e) == 0);
	strlist_split(&theirs, strbuf_text(&out), "\n");
	strlist_add_all(&ours, names);
	qsort(ours.items, ours.len, sizeof(char *), compare);
	CHECK(ours.len == theirs.len);
	for (size_t i = 0; i < ours.len && i < theirs.len; i++)
		if (strcmp(ours.items[i], theirs.items[i]) != 0 && !wrong++)
			printf("%s, sort -n: %s\n", ours.items[i],
			    theirs.items[i]);
	CHECK(wrong == 0);
}

static void
names_are_ordered_as_sort_does(void)
{
	static const char pool[] = "000111259-_.abZ";
	own(strlist_clear) struct strlist names = { 0 };
	uint32_t seed = 1;

	for (size_t i = 0; i < COUNT(odd); i++)
		strlist_add(&names, odd[i]);
	for (int i = 0; i < 20000; i++) {
		char name[9];
		size_t n = 0;

		do {
			seed = seed * 1664525 + 1013904223;
			name[n++] = pool[(seed >> 16) % (sizeof(pool) - 1)];
		} while (n < 8 && (seed >> 8) % 6 != 0);
		name[n] = '\0';
		strlist_add(&names, name);
	}
	sort_agrees(&names);
}

static void
order_is_total(void)
{
	for (size_t i = 0; i < COUNT(odd); i++)
		for (size_t k = 0; k < COUNT(odd); k++)
			CHECK(sign(parts_compare(odd[i], odd[k])) ==
			    -sign(parts_compare(odd[k], odd[i])));
}

/* ---- selection ---------------------------------------------------------- */

static char *
list(const char *folder, const char *pattern, struct strlist *ignored)
{
	own_free char *in = path_join(dir, folder);
	own(strlist_clear) struct strlist names = { 0 };
	struct error e = { 0 };

	if (parts_list(in, pattern, &names, ignored, &e) == -1)
		return mem_printf("error: %s", e.text);
	return strlist_join(&names, " ");
}

static void
programs_are_selected(void)
{
	own(strlist_clear) struct strlist ignored = { 0 };
	own_free char *link = mem_printf("%s/a.d/50-link", dir);
	own_free char *gone = mem_printf("%s/a.d/60-gone", dir);
	own_free char *sub = mem_printf("%s/a.d/70-folder", dir);
	own_free char *all = NULL, *few = NULL, *left = NULL, *none = NULL;
	own_free char *bad = NULL;

	put("a.d", "100-last", "", 0755);
	put("a.d", "20-first", "", 0755);
	put("a.d", "plain", "", 0755);
	put("a.d", "30-not-executable", "", 0644);
	put("a.d", "40-with.dot", "", 0755);
	put("a.d", "45-backup~", "", 0755);
	CHECK(symlink("20-first", link) == 0);
	CHECK(symlink("nothing", gone) == 0);
	CHECK(mkdir(sub, 0755) == 0);
	all = list("a.d", NULL, &ignored);
	CHECK_STR(all, "plain 20-first 50-link 100-last");
	left = strlist_join(&ignored, " ");
	CHECK_STR(
	    left, "30-not-executable 40-with.dot 45-backup~ 60-gone 70-folder");
	few = list("a.d", "^[0-9]+-[a-z.]+$", NULL);
	CHECK_STR(few, "20-first 40-with.dot 50-link 100-last");
	none = list("missing.d", NULL, NULL);
	CHECK_STR(none, "");
	bad = list("a.d", "(", NULL);
	CHECK_STR(bad, "error: (: not a regular expression");
}

/* ---- environment.d ------------------------------------------------------ */

static void
on_line(void *ctx, int stream, const char *line, size_t len)
{
	(void)stream;
	strbuf_printf(ctx, "%.*s|", (int)len, line);
}

/* Returns the status; *x is X in the environment that comes of it. */
static int
environment(const char *folder, char **x, struct strbuf *said, struct error *e)
{
	own_free char *in = path_join(dir, folder);
	own(strlist_clear) struct strlist start = { 0 }, env = { 0 };
	struct parts_environment p = {
		.dir = in, .seen = in, .line = on_line, .ctx = said
	};
	const char *value;
	int r;

	strlist_split(&start, "PATH=/usr/bin:/bin X=start", " ");
	p.env = strlist_argv(&start);
	r = parts_environment(&p, &env, e);
	value = strlist_env_get(&env, "X");
	*x = mem_dup(value != NULL ? value : "(none)");
	return r;
}

static int
refuse(void *ctx)
{
	(void)ctx;
	return EXDEV;
}

static void
the_caller_prepares_the_child(void)
{
	char none[] = "PATH=/usr/bin:/bin";
	char *const start[] = { none, NULL };
	own_free char *in = path_join(dir, "order");
	own(strlist_clear) struct strlist env = { 0 };
	struct parts_environment p = {
		.dir = in, .seen = in, .env = start, .prepare = refuse
	};
	struct error e;

	CHECK(parts_environment(&p, &env, &e) == -1 && e.code == EXDEV);
	CHECK(env.len == 0);
}

static const struct {
	const char *folder;
	const char *a, *b; /* two fragments */
	int r;
	const char *x, *said, *error;
} sourced[] = {
	{ "none", NULL, NULL, 0, "start", "", NULL },
	{ "order", "export X=${X}a", "export X=${X}b", 0, "startab", "", NULL },
	{ "local", "X=changed; Y=1", "export Y", 0, "changed", "", NULL },
	{ "says", "echo out; echo err >&2", "", 0, "start", "out|err|", NULL },
	{ "lines", "export X='two\nlines'", "", 0, "two\nlines", "", NULL },
	{ "path", "export PATH=/nowhere", "export X=b", 0, "b", "", NULL },
	{ "fails", "false", "export X=b", -1, "(none)",
	    "/100-a.sh ended with status 1|", "exit status 1" },
	{ "unset", "echo $UNSET_HERE", "", -1, "(none)", "UNSET_HERE: unbound",
	    "exit status" },
	{ "pipe", "false | true", "", -1, "(none)",
	    "/100-a.sh ended with status 1|", "exit status 1" },
	{ "status", "", "exit 7", -1, "(none)", "/20-b ended with status 7|",
	    "exit status 7" },
	{ "leaves", "exit 0", "export X=b", 1, "(none)", "", NULL },
};

static void
fragments_are_sourced(void)
{
	for (size_t i = 0; i < COUNT(sourced); i++) {
		own(strbuf_clear) struct strbuf said = { 0 };
		own_free char *x = NULL;
		struct error e = { 0 };

		if (sourced[i].a != NULL) {
			/* Byte order here: 100 stands before 20. */
			put(sourced[i].folder, "100-a.sh", sourced[i].a, 0644);
			put(sourced[i].folder, "20-b", sourced[i].b, 0644);
			put(sourced[i].folder, "30-no~", "exit 9", 0644);
		}
		CHECK(environment(sourced[i].folder, &x, &said, &e) ==
		    sourced[i].r);
		CHECK_STR(x, sourced[i].x);
		if (sourced[i].r != -1)
			CHECK_STR(strbuf_text(&said), sourced[i].said);
		else
			CHECK(strstr(strbuf_text(&said), sourced[i].said) !=
			    NULL);
		if (sourced[i].error != NULL)
			CHECK(strstr(e.text, sourced[i].error) != NULL);
	}
}

static volatile sig_atomic_t stop_now;

static void
on_alarm(int sig)
{
	(void)sig;
	stop_now = 1;
}

static void
fragments_can_be_stopped(void)
{
	own_free char *in = path_join(dir, "slow");
	own(strlist_clear) struct strlist start = { 0 }, env = { 0 };
	const struct sigaction sa = { .sa_handler = on_alarm };
	struct parts_environment p = {
		.dir = in, .seen = in, .stop = &stop_now
	};
	struct error e = { 0 };

	put("slow", "10-slow", "sleep 60", 0644);
	strlist_split(&start, "PATH=/usr/bin:/bin", " ");
	p.env = strlist_argv(&start);
	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	CHECK(parts_environment(&p, &env, &e) == -1);
	CHECK(strstr(e.text, "stopped after") != NULL);
	CHECK(env.len == 0);
}

/* ---- the tail of output ------------------------------------------------- */

static void
tails_are_bounded(void)
{
	own(strbuf_clear) struct strbuf tail = { 0 };
	own(strbuf_clear) struct strbuf line = { 0 };

	parts_tail(&tail, "one", 3);
	parts_tail(&tail, "two", 3);
	CHECK_STR(tail.s, "one\ntwo\n");
	for (int i = 0; i < 10000; i++) {
		strbuf_cut(&line, 0);
		strbuf_printf(&line, "line %d", i);
		parts_tail(&tail, line.s, line.len);
		if (tail.len > 2 * LIMIT_TAIL_BYTES)
			CHECK(!"the tail is bounded");
	}
	CHECK(strcmp(tail.s + tail.len - 10, "line 9999\n") == 0);
	for (size_t i = 0; i < 3 * LIMIT_TAIL_BYTES; i++)
		strbuf_putc(&line, 'x');
	parts_tail(&tail, line.s, line.len);
	CHECK(tail.len >= LIMIT_TAIL_BYTES && tail.len <= 2 * LIMIT_TAIL_BYTES);
}

int
main(void)
{
	struct error e;

	if (mkdtemp(dir) == NULL)
		return 1;
	names_are_ordered_as_sort_does();
	order_is_total();
	programs_are_selected();
	fragments_are_sourced();
	the_caller_prepares_the_child();
	fragments_can_be_stopped();
	tails_are_bounded();
	tree_remove(AT_FDCWD, dir, &e);
	return check_result();
}
