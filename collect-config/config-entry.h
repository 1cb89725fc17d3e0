/* SPDX-License-Identifier: Apache-2.0 */
/* What config.c and config-load.c share: one entry per setting. */
#ifndef COLLECT_CONFIG_CONFIG_ENTRY_H
#define COLLECT_CONFIG_CONFIG_ENTRY_H

#include "collect-config/config.h"
#include "lib/options.h"

struct entry {
	struct option_setter setter; /* first: the options table points here */
	struct config *config;
	const char *group;
	const struct setting *setting;
	char *name; /* with _ */
	char *option; /* --option */
	char *no_option; /* --nooption of a flag, or NULL */
	struct strlist raw; /* as written; the last counts, except of a list */
	struct strlist values; /* checked and expanded */
	bool given;
	bool from_cli;
};

/* What the command line said, to be carried out in its order. */
struct assignment {
	struct entry *entry;
	char *value;
};

struct negation { /* --nooption */
	struct option_setter setter;
	struct entry *entry;
};

struct config {
	struct entry *entries;
	size_t n;
	struct negation *negations;
	struct assignment *said;
	size_t n_said, cap_said;
	struct strlist files;
	int root;
};

struct entry *
entry_find(const struct config *c, const char *group, const char *name);
void entry_assign(struct entry *n, const char *value);

#endif
