/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file as it is, was or is to be, and how it gets to the disk: written
 * under another name beside its place, later renamed.
 */
#ifndef APPLY_CONFIG_VERSION_H
#define APPLY_CONFIG_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct doc;
struct error;
struct output;

struct version {
	mode_t mode; /* with its type; 0: there is no such file */
	uid_t uid; /* (uid_t)-1: as created */
	gid_t gid;
	const char *text; /* of a regular file, or where a symlink leads */
	size_t len;
	const char *xattrs; /* encoded pairs of name and value */
	size_t xattrs_len;
};

/*
 * What path is now; the texts go into arena.  Only regular files and
 * symlinks can be kept, so anything else is an error.
 */
int version_read(struct output *o, const char *path, struct doc *arena,
    struct version *v, struct error *e);

/* The name in the same folder that it is first written under; the caller's. */
char *version_temp(const char *path);

struct staged {
	int fd; /* to see it to the disk by; the caller's; -1 of a symlink */
	struct stat st; /* of a regular file */
};

/*
 * Write it there, in a folder that exists.  What an earlier run left there is
 * replaced.
 */
int version_stage(struct output *o, const char *path, const struct version *v,
    struct staged *to, struct error *e);

/* Whether something is staged. */
bool version_is_staged(struct output *o, const char *path);

/* Rename what was staged to its place: 1, 0 if nothing was staged, -1. */
int version_publish(struct output *o, const char *path, struct error *e);

/* Remove what was staged, if it was. */
int version_discard(struct output *o, const char *path, struct error *e);

/* Remove the file itself, if it is there. */
int version_remove(struct output *o, const char *path, struct error *e);

#endif
