/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of source-repository-* files. */
#ifndef IMAGE_BUILD_SOURCES_H
#define IMAGE_BUILD_SOURCES_H

#include <stddef.h>

struct error;
struct strlist;

struct source_line {
	const char *name, *type;
	const char *dest, *location; /* not NULL but with the type package */
	const char *ref; /* or NULL */
};

/*
 * Read the n words of a line, "NAME TYPE DEST LOCATION [REF]", which the
 * variables DIB_REPOTYPE_NAME, DIB_REPOLOCATION_NAME and DIB_REPOREF_NAME
 * replace.  The name is one that a file can have, DEST is absolute and below
 * the root.  All is borrowed.
 */
int source_line_read(struct source_line *line, char *const *words, size_t n,
    const struct strlist *env, struct error *e);

/*
 * The variable PREFIX<name, other than letters and digits as _>; NULL: it is
 * empty or not set.
 */
const char *source_override(
    const struct strlist *env, const char *prefix, const char *name);

/*
 * Where a git repository is taken from: its scheme and host are replaced by
 * what DIB_GITREPOBASE has, unless a variable names its location.  The
 * caller's.
 */
char *source_rebased(const struct source_line *line, const struct strlist *env);

#endif
