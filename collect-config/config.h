/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: where they come from and what they are.
 *
 * A setting has a group and a name.  Its value comes, in falling precedence,
 * from the command line (--GROUP-NAME), the environment (OS_GROUP__NAME), the
 * ini files and the table of settings.  The rules are oslo.config's.
 */
#ifndef COLLECT_CONFIG_CONFIG_H
#define COLLECT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/own.h"
#include "lib/strlist.h"

struct error;

enum setting_kind {
	SETTING_TEXT,
	SETTING_URL, /* scheme://host... */
	SETTING_NUMBER, /* seconds and the like, with a fraction */
	SETTING_FLAG, /* true false, yes no, on off, 1 0 */
	SETTING_LIST, /* one item each time that it is assigned */
};

struct setting {
	char letter; /* on the command line, or 0 */
	const char *name; /* on the command line; files have _ for - */
	const char *key; /* in files, if it is another name there */
	enum setting_kind kind;
	const char *value; /* default; a list's items with blanks between */
	const char *help; /* NULL: accepted, but not shown */
	bool cli_only;
};

struct setting_group {
	const char *name; /* "DEFAULT" */
	const struct setting *settings; /* ends at name NULL */
};

struct config;

/* The settings of all groups (ends at name NULL; borrowed), as by default. */
struct config *config_new(const struct setting_group *groups);
void config_free(struct config *c);
OWN_POINTER(config)

struct config_args {
	const char *program;
	const char *operands, *summary, *more; /* for --help */
	int argc;
	char **argv; /* permuted: operands last */
};

/*
 * Parse the command line, then read the files that it or the defaults name,
 * below the folder root of the command line.  Returns the index of the first
 * operand, OPTIONS_SHOWN, or -1; error.code is EINVAL for misuse.
 */
int
config_load(struct config *c, const struct config_args *args, struct error *e);

/* Check and expand ($name, ${group.name}) the values of a group; before that
 * it has none. */
int config_resolve(struct config *c, const char *group, struct error *e);

/* Where paths are looked up: the descriptor of --root, or AT_FDCWD. */
int config_root(const struct config *c);

/* path as it must be given to openat(2) with that descriptor; borrowed. */
const char *config_at(const struct config *c, const char *path);

/* The files that were read, in order. */
const struct strlist *config_files(const struct config *c);

/* Values.  The names are those of files; an unknown one is a mistake. */
const char *
config_text(const struct config *c, const char *group, const char *name);
double
config_number(const struct config *c, const char *group, const char *name);
bool config_flag(const struct config *c, const char *group, const char *name);
const struct strlist *
config_list(const struct config *c, const char *group, const char *name);

/* Whether a value was given anywhere. */
bool config_given(const struct config *c, const char *group, const char *name);

/* Items of the command line that replace those of the files, if any. */
void config_operands(
    struct config *c, const char *name, char *const *items, size_t n);

/* Another default; a list's items with blanks between. */
void config_default(
    struct config *c, const char *group, const char *name, const char *value);

#endif
