/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups (v2) below our own, for programs that are to be known and ended
 * together with all that they start.
 */
#ifndef LIB_CGROUP_H
#define LIB_CGROUP_H

/*
 * Our own cgroup's folder if we may make others in it, else NULL; the
 * caller's.  Those that a killed program of that name made are removed.
 */
char *cgroup_find(const char *name);

/* A new one below it, or NULL: there is none. */
char *cgroup_make(const char *base, const char *name, unsigned number);

/* End what is in it, take it away, and those right below it; NULL is none. */
void cgroup_remove(const char *path);

#endif
