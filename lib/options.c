/* SPDX-License-Identifier: Apache-2.0 */
/* getopt_long driven by a table; help printed from the same table. */
#include "lib/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/strlist.h"

#define OPTIONS_MAX 256

static int
store_number(const struct option_def *o, const char *value, struct error *e)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno != 0 || *value < '0' || *value > '9' || *end != '\0' ||
	    n > 0xffffffffUL)
		return error_set(
		    e, EINVAL, "--%s: not a number: %s", o->name, value);
	*(unsigned *)o->to = (unsigned)n;
	return 0;
}

static int
store_set(const struct option_def *o, const char *value, struct error *e)
{
	struct option_setter *setter = o->to;

	if (setter->set(setter, value, e) == -1)
		return error_prefix(e, "--%s", o->name);
	return 0;
}

static int
store(const struct option_def *o, const char *value, struct error *e)
{
	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)o->to = true;
		return 0;
	case OPTION_COUNT:
		++*(unsigned *)o->to;
		return 0;
	case OPTION_STRING:
		*(const char **)o->to = value;
		return 0;
	case OPTION_NUMBER:
		return store_number(o, value, e);
	case OPTION_VALUES:
		strlist_clear(o->to);
		if (value != NULL)
			strlist_add(o->to, value);
		return 0;
	case OPTION_LIST:
		strlist_add(o->to, value);
		return 0;
	case OPTION_CALL:
		if (o->call(value, e) == -1)
			return error_prefix(e, "--%s", o->name);
		return 0;
	case OPTION_SET:
		return store_set(o, value, e);
	}
	return 0;
}

/* What getopt calls it: no, one or (for an attached value) maybe an argument. */
static int
wanted(const struct option_def *o)
{
	if (o->kind == OPTION_VALUES)
		return optional_argument;
	return o->arg != NULL ? required_argument : no_argument;
}

/*
 * Fill getopt's tables; the value 256 + i stands for defs[i].  The dash makes
 * getopt hand over the operands too, in order, as an option of code 1.
 */
static void
tables(const struct option_def *defs, struct option *longs, char *shorts)
{
	int n = 0;

	*shorts++ = '-';
	*shorts++ = ':';
	*shorts++ = 'h';
	for (; n < OPTIONS_MAX && defs[n].name != NULL; n++) {
		int has_arg = wanted(&defs[n]);

		longs[n] = (struct option){
			.name = defs[n].name, .has_arg = has_arg, .val = 256 + n
		};
		if (defs[n].letter != 0) {
			*shorts++ = defs[n].letter;
			for (int i = 0; i < has_arg; i++)
				*shorts++ = ':';
		}
	}
	longs[n++] = (struct option){ .name = "help", .val = 'h' };
	longs[n++] = (struct option){ .name = "version", .val = 255 };
	longs[n] = (struct option){ .name = NULL };
	*shorts = '\0';
}

/* Whether argparse takes a word for an option: no number, no sentence. */
static bool
looks_like_option(const char *s)
{
	char *end;

	if (s[0] != '-' || s[1] == '\0' || strchr(s, ' ') != NULL)
		return false;
	if (strspn(s + 1, "0123456789.") != strlen(s + 1))
		return true;
	(void)strtod(s, &end);
	return *end != '\0';
}

/* The same of the word that getopt took for an option's argument. */
static int
argparse_argument(char *const *argv, struct error *e)
{
	const char *word = argv[optind - 1];

	if (optarg == word && looks_like_option(word))
		return error_set(
		    e, EINVAL, "%s: argument missing", argv[optind - 2]);
	if (*optarg == '=' && word[1] != '-' && optarg == word + 2)
		optarg++;
	return 0;
}

/* Name, for a message, the option that getopt refused with c. */
static int
refuse(char **argv, int c, struct error *e)
{
	const char *last = argv[optind - 1];
	bool is_long = strncmp(last, "--", 2) == 0;
	const char *why = c == ':'   ? "argument missing"
	    : is_long && optopt != 0 ? "takes no argument"
				     : "no such option";

	if (optopt != 0 && optopt < 255 && !is_long)
		return error_set(e, EINVAL, "-%c: %s", optopt, why);
	return error_set(e, EINVAL, "%s: %s", last, why);
}

/* The row of the table that getopt's answer stands for; NULL: help. */
static const struct option_def *
find(const struct option_def *defs, int c)
{
	if (c >= 256)
		defs += c - 256;
	else
		while (defs->name != NULL && defs->letter != c)
			defs++;
	return defs->name != NULL ? defs : NULL;
}

/*
 * An operand belongs to the option before it when that one takes many; else
 * it is moved to where the operands gather, at the front of argv.
 */
static void
operand(const struct option_def *last, char *text, char **argv, int *operands)
{
	if (last != NULL && last->kind == OPTION_VALUES)
		strlist_add(last->to, text);
	else
		argv[++*operands] = text;
}

/* Put the operands that were gathered in front of those after "--". */
static int
gather(char **argv, int operands)
{
	int first = optind - operands;

	memmove(&argv[first], &argv[1], (size_t)operands * sizeof(*argv));
	return first;
}

int
options_parse(const struct options *o, int argc, char **argv, struct error *e)
{
	struct option longs[OPTIONS_MAX + 3];
	char shorts[3 * OPTIONS_MAX + 5];
	const struct option_def *last = NULL;
	int c, operands = 0;

	tables(o->defs, longs, shorts);
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == ':' || c == '?')
			return refuse(argv, c, e);
		if (c == 255) {
			printf("%s %s\n", o->program, VERSION);
			return OPTIONS_SHOWN;
		}
		if (c == 1) {
			operand(last, optarg, argv, &operands);
			continue;
		}
		last = find(o->defs, c);
		if (last == NULL) {
			options_help(o);
			return OPTIONS_SHOWN;
		}
		if (o->argparse && wanted(last) == required_argument &&
		    argparse_argument(argv, e) == -1)
			return -1;
		if (store(last, optarg, e) == -1)
			return -1;
		if (last->kind == OPTION_VALUES && optarg != NULL)
			last = NULL;
	}
	return gather(argv, operands);
}

static void
help_line(char letter, const char *name, const char *arg, const char *text)
{
	char left[48];

	snprintf(left, sizeof(left), "%c%c%c --%s%s%s", letter ? '-' : ' ',
	    letter ? letter : ' ', letter ? ',' : ' ', name, arg ? " " : "",
	    arg ? arg : "");
	if (strlen(left) > 28)
		printf("  %s\n  %-28s %s\n", left, "", text);
	else
		printf("  %-28s %s\n", left, text);
}

void
options_help(const struct options *o)
{
	printf("usage: %s [options]%s%s\n\n%s\n\n", o->program,
	    o->operands ? " " : "", o->operands ? o->operands : "", o->summary);
	for (const struct option_def *d = o->defs; d->name != NULL; d++)
		if (d->help != NULL)
			help_line(d->letter, d->name, d->arg, d->help);
	help_line('h', "help", NULL, "show this text");
	help_line(0, "version", NULL, "show the version");
	if (o->more != NULL)
		printf("\n%s", o->more);
}

int
options_number(
    const char *option, const char *text, int64_t *n, struct error *e)
{
	char *end;

	if (text == NULL)
		return 0;
	errno = 0;
	*n = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || *text < '0' || *text > '9')
		return error_set(
		    e, EINVAL, "%s: %s is no number", option, text);
	return 0;
}
