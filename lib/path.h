/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text: join, test, compare.  Nothing here looks at a disk. */
#ifndef LIB_PATH_H
#define LIB_PATH_H

#include <stdbool.h>

/* dir and name with exactly one slash between; the caller's. */
char *path_join(const char *dir, const char *name);

/* What follows the last slash, borrowed; "" for a path that ends in one. */
const char *path_base(const char *path);

/* Everything before the last slash ("." if none, "/" for "/x"). */
char *path_dir(const char *path);

/* Whether two paths are alike up to the last slash. */
bool path_same_dir(const char *a, const char *b);

/*
 * Whether name can be one directory entry made from foreign text: not empty,
 * not "." or "..", no slash, no control byte, at most 255 bytes.
 */
bool path_is_name(const char *name);

/* Whether path is relative, not empty, and has no ".." or empty part. */
bool path_is_inside(const char *path);

/* Leading slashes taken off, borrowed; "." for the root itself. */
const char *path_relative(const char *path);

#endif
