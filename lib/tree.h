/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole folders: walk, copy, remove, measure.  Everything is relative to
 * descriptors, follows no symlink and works in byte order of names.
 */
#ifndef LIB_TREE_H
#define LIB_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct error;

struct tree_entry {
	const char *path; /* from the start of the walk; "" is the start */
	const char *name; /* last part of path */
	int dir; /* descriptor of the folder that name stands in */
	unsigned depth;
	const struct stat *st;
};

/*
 * Called for each entry, a folder before what is in it.  Returns 0 to go on,
 * 1 to go on without entering this folder, -1 (with the error) to stop.
 */
typedef int
tree_visit(void *ctx, const struct tree_entry *entry, struct error *e);

/* Walk below dir/path, the start itself included. */
int tree_walk(
    int dir, const char *path, tree_visit *visit, void *ctx, struct error *e);

/*
 * Remove dir/path and all below it.  What is not there is no error.  Another
 * filesystem mounted below is never entered: that is an error.
 */
int tree_remove(int dir, const char *path, struct error *e);

/* Remove all that is in a folder.  Its times stay.  No folder: no error. */
int tree_empty(int dir, const char *path, struct error *e);

/*
 * Copy an entry and all below it with owner, mode, times, symlinks, devices
 * and extended attributes (so ACLs and file capabilities).  Folders that
 * exist are merged into; files that exist are replaced; a symlink where a
 * folder is to go is an error.
 */
int tree_copy(int from_dir, const char *from, int to_dir, const char *to,
    struct error *e);

/*
 * The same for a whole system: hard links are kept, and of what is mounted
 * below only the empty folder is copied.  Device nodes are left out unless
 * they are wanted.
 */
int tree_clone(int from_dir, const char *from, int to_dir, const char *to,
    bool devices, struct error *e);

#endif
