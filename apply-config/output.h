/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output root and the folders below it.  Folders are opened as in a
 * chroot (openat2, RESOLVE_IN_ROOT): whatever symlinks and ".." are on the
 * way, the result lies below the root.
 */
#ifndef APPLY_CONFIG_OUTPUT_H
#define APPLY_CONFIG_OUTPUT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "lib/own.h"

struct error;
struct output;
struct settings;

/* A root that does not exist is an empty one until output_mkdirs(). */
struct output *output_open(const struct settings *s, struct error *e);
void output_close(struct output *o); /* NULL is fine */

static inline void
output_closep(struct output **o)
{
	output_close(*o);
}

/*
 * The folder that path stands in, as a descriptor that is good until the
 * next call; -1 with error.code ENOENT when it does not exist.
 */
int output_dir(struct output *o, const char *path, struct error *e);

/* The same; folders that are missing are made, mode 0777 less the umask. */
int output_mkdirs(struct output *o, const char *path, struct error *e);

/* Make one folder, in one that exists; whatever is in its place goes. */
int output_mkdir(struct output *o, const char *path, struct error *e);

/* Remove whatever path is, and all that is in it; it may be gone. */
int output_remove(struct output *o, const char *path, struct error *e);

/* Remove an empty folder; others and those that are gone are let be. */
void output_rmdir(struct output *o, const char *path);

/* See to the disk the folders that these paths stand in. */
int
output_sync(struct output *o, char *const *paths, size_t n, struct error *e);

/*
 * The same, and all else on their filesystems and that of also, a descriptor
 * or -1; for many files this is faster.
 */
int output_sync_all(
    struct output *o, char *const *paths, size_t n, int also, struct error *e);

/* stat(2) of path, symlinks followed within the root.  0, or -1 with errno. */
int output_stat(struct output *o, const char *path, struct stat *st);

/* The path as people know it; the caller's. */
char *output_name(const struct output *o, const char *path);

/* Fill e with that name and the meaning of errno; returns -1. */
int output_failed(const struct output *o, const char *path, struct error *e);

#endif
