/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files read whole and replaced atomically, relative to a directory
 * descriptor (AT_FDCWD will do).
 *
 * Writing is begin, add, then publish or discard.  The text goes to a
 * temporary file beside the target; publish makes it durable and renames it
 * over the target, so a reader sees the old file or the new one.  The first
 * error is kept and reported by publish: the code between needs no checks.
 */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;
struct strbuf;
struct strlist;

/*
 * Add the whole of a regular file (or a pipe's end) to b.  A file longer
 * than max bytes is an error.  Returns 0 or -1; error.code is the errno.
 */
int file_read(
    int dir, const char *path, size_t max, struct strbuf *b, struct error *e);
int file_read_fd(
    int fd, const char *name, size_t max, struct strbuf *b, struct error *e);

/*
 * The same for a regular file that was just looked at, and of which stat(2)
 * told the size; one that has grown since is read whole nevertheless.
 */
int file_read_sized(int fd, const char *name, size_t size, size_t max,
    struct strbuf *b, struct error *e);

struct file_writer {
	int dir; /* where the target's name is looked up */
	int fd; /* the temporary file, or -1 */
	char *path; /* target */
	char *temp; /* temporary, beside it */
	mode_t mode;
	bool hasty; /* no fsync: a crash of the machine may lose it */
	uid_t uid; /* (uid_t)-1: leave as created */
	gid_t gid;
	int code; /* first errno seen, or 0 */
};

/* Open a temporary beside path; nothing of path changes yet. */
int file_begin(struct file_writer *w, int dir, const char *path, mode_t mode,
    struct error *e);
void file_add(struct file_writer *w, const void *data, size_t n);

/* fsync, owner, mode, rename, fsync of the folder; w is then finished. */
int file_publish(struct file_writer *w, struct error *e);

/* Forget it.  Harmless after publish, and on { 0 }. */
void file_discard(struct file_writer *w);

/*
 * Remove temporaries from the folder path that are left of processes which
 * were killed between begin and publish; those at work keep theirs.
 */
void file_tidy(const char *path);

/* begin, add, publish in one. */
int file_replace(int dir, const char *path, mode_t mode, const void *data,
    size_t n, struct error *e);

/* The same for what can be made anew: nothing is synced. */
int file_put(int dir, const char *path, mode_t mode, const void *data, size_t n,
    struct error *e);

/*
 * Add a line to the end of a file, which is made if it is missing.  What is
 * no regular file is an error.
 */
int file_append(
    int dir, const char *path, mode_t mode, const char *text, struct error *e);

/* Write all n bytes to fd.  Returns 0, or -1 with errno set. */
int file_write_all(int fd, const void *data, size_t n);

/*
 * Begin to write a file's data to the disk without waiting for it.  Done for
 * several files that are to be fsync'ed, these share one wait.  Returns 0, or
 * -1 with errno set; where it cannot be done fsync alone does it all.
 */
int file_write_back(int fd);

/* Copy one regular file's bytes to an open descriptor. */
int file_copy_fd(int from, int to, struct error *e);

/* mkdir -p; folders that are there are left alone. */
int file_mkdirs(int dir, const char *path, mode_t mode, struct error *e);

/* Add the names in a folder, sorted by bytes, without "." and "..". */
int
file_names(int dir, const char *path, struct strlist *names, struct error *e);

/*
 * Open path as in a chroot to the folder dir: symlinks and ".." on the way
 * cannot lead outside.  flags are open(2)'s, O_CLOEXEC is added.  Returns a
 * descriptor, or -1 with errno set.
 */
int file_open_in(int dir, const char *path, int flags);

/* mkdir -p as in a chroot to dir.  Returns the last folder's descriptor. */
int file_mkdirs_in(int dir, const char *path, mode_t mode, struct error *e);

bool file_exists(int dir, const char *path); /* follows symlinks */
bool file_is_dir(int dir, const char *path); /* follows symlinks */

#endif
