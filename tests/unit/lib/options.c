/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines by table. */
#include "lib/options.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strlist.h"
#include "tests/unit/check.h"

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

static bool flag;
static unsigned count, number;
static const char *string;
static struct strlist list, values;
static char called[32];

static int
call(const char *value, struct error *e)
{
	if (strcmp(value, "bad") == 0)
		return error_set(e, 0, "bad indeed");
	snprintf(called, sizeof(called), "%s", value);
	return 0;
}

struct twice {
	struct option_setter setter;
	char text[32];
};

static int
set(struct option_setter *self, const char *value, struct error *e)
{
	struct twice *t = (struct twice *)self;

	(void)e;
	snprintf(t->text, sizeof(t->text), "%s%s", value, value);
	return 0;
}

static struct twice twice = { .setter = { .set = set } };

static const struct option_def defs[] = {
	{ 'f', "flag", NULL, OPTION_FLAG, &flag, NULL, "a flag" },
	{ 'c', "count", NULL, OPTION_COUNT, &count, NULL, "counted" },
	{ 'n', "number", "N", OPTION_NUMBER, &number, NULL, "a number" },
	{ 's', "string", "TEXT", OPTION_STRING, &string, NULL, "a text" },
	{ 0, "list", "ITEM", OPTION_LIST, &list, NULL, "one more" },
	{ 'V', "values", "A B...", OPTION_VALUES, &values, NULL, "many" },
	{ 0, "call", "X", OPTION_CALL, NULL, call, "calls" },
	{ 0, "twice", "X", OPTION_SET, &twice.setter, NULL, "sets" },
	{ 0, "hidden", NULL, OPTION_FLAG, &flag, NULL, NULL },
	{ 0 },
};

static struct options options = {
	.program = "prog",
	.operands = "FILE...",
	.summary = "What it does.",
	.defs = defs,
	.more = "More to say.\n",
};

/* Parse words; what came of it as one text. */
static char *
parse(const char *line)
{
	own(strlist_clear) struct strlist words = { 0 };
	own_free char **argv = NULL;
	own_free char *items = NULL, *many = NULL;
	struct strlist left = { 0 };
	struct error e = { 0 };
	char *rest, *text;
	int first;

	flag = false;
	count = number = 0;
	string = NULL;
	called[0] = twice.text[0] = '\0';
	strlist_clear(&list);
	strlist_clear(&values);
	strlist_add(&words, "prog");
	strlist_split(&words, line, " ");
	/* Parsing moves the words about; the list still owns them. */
	argv = mem_alloc((words.len + 1) * sizeof(*argv));
	memcpy(argv, words.items, words.len * sizeof(*argv));
	first = options_parse(&options, (int)words.len, argv, &e);
	if (first == -1)
		return mem_printf("error: %s", e.text);
	for (size_t i = (size_t)first; i < words.len; i++)
		strlist_add(&left, argv[i]);
	items = strlist_join(&list, ",");
	many = strlist_join(&values, ",");
	rest = strlist_join(&left, " ");
	text = mem_printf("%s%u %u %s [%s] [%s] %s%s: %s", flag ? "f" : "-",
	    count, number, string ? string : "-", items, many, called,
	    twice.text, rest);
	free(rest);
	strlist_clear(&left);
	return text;
}

static const struct {
	const char *line, *want;
} lines[] = {
	{ "", "-0 0 - [] [] : " },
	{ "-f", "f0 0 - [] [] : " },
	{ "-fccn5 x", "f2 5 - [] [] : x" },
	{ "--number=7 --string text", "-0 7 text [] [] : " },
	{ "--num 7", "-0 7 - [] [] : " },
	{ "a -f b --list x c --list=y", "f0 0 - [x,y] [] : a b c" },
	{ "a -- -f b", "-0 0 - [] [] : a -f b" },
	{ "-- a", "-0 0 - [] [] : a" },
	{ "-s -f", "-0 0 -f [] [] : " },
	{ "--values a b -f c", "f0 0 - [] [a,b] : c" },
	{ "--values=a b", "-0 0 - [] [a] : b" },
	{ "-V -f", "f0 0 - [] [] : " },
	{ "--call ok --twice ab", "-0 0 - [] [] okabab: " },
	{ "--hidden", "f0 0 - [] [] : " },
	{ "- x", "-0 0 - [] [] : - x" },
	{ "-n 4294967295", "-0 4294967295 - [] [] : " },
	{ "-n 4294967296", "error: --number: not a number: 4294967296" },
	{ "-n 1x", "error: --number: not a number: 1x" },
	{ "-n -1", "error: --number: not a number: -1" },
	{ "-n +1", "error: --number: not a number: +1" },
	{ "--call bad", "error: --call: bad indeed" },
	{ "-x", "error: -x: no such option" },
	{ "-fx", "error: -x: no such option" },
	{ "--none", "error: --none: no such option" },
	{ "--none=5 -f", "error: --none=5: no such option" },
	{ "--flag=5", "error: --flag=5: takes no argument" },
	{ "--help=5", "error: --help=5: takes no argument" },
	{ "-s", "error: -s: argument missing" },
	{ "--string", "error: --string: argument missing" },
};

static void
lines_are_parsed(void)
{
	for (size_t i = 0; i < COUNT(lines); i++) {
		own_free char *got = parse(lines[i].line);

		CHECK_STR(got, lines[i].want);
	}
}

/* As Python's argparse reads them. */
static void
arguments_are_no_options(void)
{
	static const struct {
		const char *line, *want;
	} rows[] = {
		{ "-s -f", "error: -s: argument missing" },
		{ "--string --list x", "error: --string: argument missing" },
		{ "--number --", "error: --number: argument missing" },
		{ "-s -", "-0 0 - [] [] : " },
		{ "-s -1", "-0 0 -1 [] [] : " },
		{ "-s -.5 -f", "f0 0 -.5 [] [] : " },
		{ "-s -1x", "error: -s: argument missing" },
		{ "--string=-f -s-c", "-0 0 -c [] [] : " },
		{ "-s=a", "-0 0 a [] [] : " },
		{ "-fs=a", "f0 0 =a [] [] : " },
		{ "--string==a", "-0 0 =a [] [] : " },
		{ "-V a -f b", "f0 0 - [] [a] : b" },
	};

	options.argparse = true;
	for (size_t i = 0; i < COUNT(rows); i++) {
		own_free char *is = parse(rows[i].line);

		CHECK_STR(is, rows[i].want);
	}
	options.argparse = false;
}

/* What --help, or something like it, prints. */
static void
shown(const char *word, char *text, size_t size)
{
	int fds[2], old = dup(STDOUT_FILENO);
	own_free char *got = NULL;
	ssize_t n;

	fflush(stdout);
	CHECK(pipe(fds) == 0);
	dup2(fds[1], STDOUT_FILENO);
	got = parse(word);
	fflush(stdout);
	dup2(old, STDOUT_FILENO);
	close(old);
	close(fds[1]);
	n = read(fds[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fds[0]);
}

static void
help_is_the_table(void)
{
	static const char want[] =
	    "usage: prog [options] FILE...\n\nWhat it does.\n\n"
	    "  -f, --flag                   a flag\n"
	    "  -c, --count                  counted\n"
	    "  -n, --number N               a number\n"
	    "  -s, --string TEXT            a text\n"
	    "      --list ITEM              one more\n"
	    "  -V, --values A B...          many\n"
	    "      --call X                 calls\n"
	    "      --twice X                sets\n"
	    "  -h, --help                   show this text\n"
	    "      --version                show the version\n"
	    "\nMore to say.\n";
	char text[4096];

	shown("--help", text, sizeof(text));
	CHECK_STR(text, want);
	shown("-f -h", text, sizeof(text));
	CHECK_STR(text, want);
	shown("--version", text, sizeof(text));
	CHECK_STR(text, "prog " VERSION "\n");
}

int
main(void)
{
	lines_are_parsed();
	arguments_are_no_options();
	help_is_the_table();
	strlist_clear(&list);
	strlist_clear(&values);
	return check_result();
}
