/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table describes a command line: it is parsed from the table and --help
 * is printed from the table.  -h, --help and --version are added to each.
 */
#ifndef LIB_OPTIONS_H
#define LIB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct strlist;

enum option_kind {
	OPTION_FLAG, /* bool *: becomes true */
	OPTION_COUNT, /* unsigned *: one more each time */
	OPTION_STRING, /* const char **: borrowed from argv */
	OPTION_NUMBER, /* unsigned * */
	OPTION_LIST, /* struct strlist *: adds each value given */
	OPTION_VALUES, /* struct strlist *: becomes the operands that follow */
	OPTION_CALL, /* call(value, error) */
	OPTION_SET, /* to is a struct option_setter * */
};

/*
 * For tables made at run time: set(self, value, error) is called; self is
 * the first member of something larger.  A flag's value is NULL.
 */
struct option_setter {
	int (*set)(struct option_setter *self, const char *, struct error *);
};

struct option_def {
	char letter; /* 0 if there is none */
	const char *name; /* long name, without the dashes */
	const char *arg; /* what to call the argument in help, or NULL */
	enum option_kind kind;
	void *to; /* where the value goes */
	int (*call)(const char *, struct error *);
	const char *help; /* NULL: accepted, but not shown */
};

struct options {
	const char *program;
	const char *operands; /* for the usage line, or NULL */
	const char *summary; /* one sentence */
	const struct option_def *defs; /* ends at name NULL */
	const char *more; /* text below the table, or NULL */
	bool argparse; /* read arguments of options as Python's argparse does */
};

#define OPTIONS_SHOWN (-2)

/*
 * Parse.  Operands may stand between options; argv is permuted so that they
 * come last.  An OPTION_VALUES takes all operands up to the next option, or
 * only the text attached to it (--name=text), and forgets what it held: given
 * twice, the last one counts; given without operands, it is empty.  To
 * argparse what looks like an option is not another's argument unless it is
 * attached (--name=-x), and -x=text is -x text.  Returns the index of the
 * first operand; -1 with the error filled; OPTIONS_SHOWN when help or version
 * was asked for and printed.
 */
int
options_parse(const struct options *, int argc, char **argv, struct error *);

/* Print what --help prints, on standard output. */
void options_help(const struct options *);

/*
 * The number that the option was given, 0 or more; NULL leaves *n as it is.
 * Returns 0, or -1 with an error that names the option.
 */
int options_number(
    const char *option, const char *text, int64_t *n, struct error *e);

#endif
