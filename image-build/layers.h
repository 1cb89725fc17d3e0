/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work tree as layers (overlayfs): what each step changed is a folder of
 * its own, and the tree is all of them seen together.
 *
 * The work folder is at the same path in every build, so that paths in the
 * environment are the same too; it exists only in the build's namespace.
 */
#ifndef IMAGE_BUILD_LAYERS_H
#define IMAGE_BUILD_LAYERS_H

#include <stdbool.h>

#include "lib/strlist.h"

struct error;

struct layers {
	char *work; /* where the tree is mounted */
	char *scratch; /* a folder of this build, on the store's file system */
	struct strlist stack; /* the layers' folders, lowest first */
	unsigned count; /* uppers made so far */
	char *upper; /* the folder that takes what changes now */
	size_t linked; /* how many of the stack have a short name */
	size_t shown; /* how many of the stack are mounted */
	size_t merged; /* how many of the lowest are mounted as one */
	bool mounted;
};

/* Whether overlays can be mounted with their layers in this folder. */
bool layers_possible(const char *folder);

/* Mount what the stack holds, below a new empty upper; mounts inside stay. */
int layers_show(struct layers *l, struct error *e);

/*
 * Mount, read-only at "before" in the scratch folder, what the stack holds
 * without the upper: the tree as it was when the upper was empty.
 */
int layers_show_before(struct layers *l, struct error *e);
void layers_hide_before(const struct layers *l);

/* Mount points below dir, in the order in which they were made. */
int layers_mounts(const char *dir, struct strlist *points, struct error *e);

/* Whether the upper holds anything. */
int layers_changed(const struct layers *l, bool *changed, struct error *e);

/*
 * Put the upper on the stack by the name that it was moved to (NULL: forget
 * it, it is empty).  The tree must be shown again before it is used.
 */
void layers_push(struct layers *l, const char *folder);

/* Unmount and forget all of it. */
void layers_clear(struct layers *l);

#endif
