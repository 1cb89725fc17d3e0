/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Project files: YAML lists of images, as diskimage-builder's program of that
 * name takes them.
 */
#ifndef IMAGE_BUILD_PROJECT_H
#define IMAGE_BUILD_PROJECT_H

#include <stdbool.h>

#include "lib/strlist.h"

struct doc;
struct error;
struct value;

enum project_kind {
	PROJECT_TEXT,
	PROJECT_CHOICE, /* one of the words */
	PROJECT_CHOICES, /* a list of such */
	PROJECT_TEXTS, /* a list */
	PROJECT_MAP, /* of text to text */
	PROJECT_FLAG,
	PROJECT_LEVEL, /* 0, 1 or 2 times the option */
	PROJECT_NUMBER, /* from 1 on */
};

struct project_key {
	const char *name;
	enum project_kind kind;
	const char *words; /* of a choice, blanks between */
	const char *option; /* "-a", "--image-size"; NULL: no option */
};

extern const struct project_key project_keys[]; /* ends at name NULL */

/*
 * Check a file's tree, and merge its images into the list: entries of one
 * name are one image, lists are appended, maps updated, others replaced.  An
 * entry without a name belongs to the image before it.  source is for
 * messages.
 */
int project_add(struct doc *d, struct value *images, const struct value *file,
    const char *source, struct error *e);

/* What an image is made with, from its entry. */
struct project_command {
	const char *program;
	bool clear; /* start with an empty environment */
	struct strlist env, args; /* args without the program */
};

/* compat: name the program as diskimage-builder does. */
void project_command(
    const struct value *image, bool compat, struct project_command *c);
void project_command_clear(struct project_command *c);

/* As a line for a shell; the caller's. */
char *project_command_line(const struct project_command *c);

#endif
