/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target's tree as the host reads and writes it.
 *
 * A base and scripts may leave any symlink in it: every path here is found as
 * the target's own programs would find it, so that no link and no ".." leads
 * to the host's files.  tree is the target's root; a path may begin with "/".
 */
#ifndef IMAGE_BUILD_TARGET_H
#define IMAGE_BUILD_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;
struct strbuf;
struct strlist;

/* flags are open(2)'s.  Returns a descriptor, or -1; error.code: errno. */
int target_open(const char *tree, const char *path, int flags, struct error *e);

/* A folder, made with those above it; the folder that path stands in. */
int
target_folder(const char *tree, const char *path, mode_t mode, struct error *e);
int target_parent(const char *tree, const char *path, struct error *e);

/* What path leads to, as a path of the host without links; the caller's. */
char *target_path(const char *tree, const char *path, struct error *e);

bool target_exists(const char *tree, const char *path);

/* As the functions of lib/file.h; only regular files are read. */
int target_read(const char *tree, const char *path, size_t max,
    struct strbuf *b, struct error *e);
int target_put(const char *tree, const char *path, mode_t mode,
    const struct strbuf *text, struct error *e);
int target_append(const char *tree, const char *path, mode_t mode,
    const char *text, struct error *e);
int target_names(
    const char *tree, const char *path, struct strlist *names, struct error *e);

/* Remove a file that may be missing. */
int target_unlink(const char *tree, const char *path, struct error *e);

/* As tree_copy does, from a path of the host to one of the target. */
int target_copy(
    const char *from, const char *tree, const char *path, struct error *e);

#endif
