/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file as it is, was or is to be, and how it gets to the disk: written
 * under another name, later renamed.
 */
#ifndef APPLY_CONFIG_VERSION_H
#define APPLY_CONFIG_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

/* Whether they are the same in all of that, or neither is there. */
bool version_same(const struct version *a, const struct version *b);

/* What a version is known by once it is on the disk. */
struct seal {
	mode_t mode; /* with its type; 0: no version was sealed */
	uid_t uid; /* (uid_t)-1: any */
	gid_t gid;
	uint64_t digest; /* of the text */
	const char *xattrs; /* that it has at least; borrowed */
	size_t xattrs_len;
};

struct seal version_seal(const struct version *v);

/* Whether path is the version that was sealed, whole. */
bool
version_is_sealed(struct output *o, const char *path, const struct seal *seal);

/*
 * What stands for path, a file or a folder, until it is published: another
 * name in the same folder; the caller's.
 */
char *version_temp(const char *path);

struct staged {
	int fd; /* to see it to the disk by; the caller's; -1 of a symlink */
	struct stat st; /* of a regular file */
};

/*
 * Write it as staged, a path in a folder that exists, where an earlier run
 * may have left something; path is what it is to become.
 */
int version_stage(struct output *o, const char *path, const char *staged,
    const struct version *v, struct staged *to, struct error *e);

/* Whether there is such a file. */
bool version_exists(struct output *o, const char *path);

/*
 * Rename what stands for path to it.  1, 0 if nothing does (it may have been
 * done before), or -1; error.code is EEXIST when a folder is there.
 */
int version_publish(struct output *o, const char *path, struct error *e);
int version_publish_folder(struct output *o, const char *path, struct error *e);

/* Rename a file to another folder, which is made if it is missing. */
int version_move(
    struct output *o, const char *from, const char *to, struct error *e);

/* Remove a file, if it is there. */
int version_remove(struct output *o, const char *path, struct error *e);

#endif
