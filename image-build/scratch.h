/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders that a build works in and removes at its end.  Each is locked while
 * it is used: one that nobody has locked was left by a build that was killed.
 */
#ifndef IMAGE_BUILD_SCRATCH_H
#define IMAGE_BUILD_SCRATCH_H

#include <stdbool.h>
#include <sys/stat.h>

struct error;

/* A new folder PARENT/PREFIXxxxxxx; *path is the caller's, as the lock is. */
int scratch_make(
    const char *parent, const char *prefix, char **path, struct error *e);

/* Take away those of this user that builds left behind, and say so. */
void scratch_sweep(const char *parent, const char *prefix);

/*
 * flock(2) a folder.  Returns the descriptor, or -1: it could not be locked,
 * or was taken away before it was.
 */
int scratch_lock(const char *path, int how);

/* Whether path is a folder of this user's own. */
bool scratch_is_ours(const char *path);

#endif
