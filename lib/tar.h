/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives, walked as they come, unpacked, and made.  What lies behind this
 * header is the only user of libarchive.
 */
#ifndef LIB_TAR_H
#define LIB_TAR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct tar_entry;

/*
 * Called for each regular file with its path from the archive's root ("a/b",
 * no leading slash, no "..").  Returns 0 to go on, 1 to stop, -1 to fail.
 */
typedef int tar_visit(
    void *ctx, const char *path, struct tar_entry *entry, struct error *e);

/* The next bytes of an archive: how many, 0 at its end, -1 on error. */
typedef ssize_t tar_source(void *ctx, void *to, size_t n, struct error *e);

/* What may come out of an archive. */
struct tar_bounds {
	uint64_t entries, bytes;
};

/*
 * Visit the files of an archive (tar, any compression libarchive knows) that
 * is read once from start to end.  Names of links are not visited.
 */
int tar_walk(tar_source *read, void *read_ctx, const struct tar_bounds *bounds,
    tar_visit *visit, void *ctx, struct error *e);

/* Within visit: the file's next bytes, holes filled; 0 at its end, or -1. */
ssize_t tar_next(struct tar_entry *entry, void *to, size_t n, struct error *e);

enum tar_flags {
	TAR_OWNERS = 1, /* owners, devices, attributes: for a whole system */
	TAR_LAYER = 2, /* over what is there, with whiteouts, as OCI has it */
	TAR_NO_DEVICES = 4, /* leave device nodes out */
};

/*
 * Unpack an archive (tar, cpio, zip; any compression libarchive knows) into
 * the folder to.  A leading slash is dropped, symlinks on the way are
 * followed as in a chroot to the folder.  Names with ".." are an error; so are
 * more entries than LIMIT_TAR_ENTRIES, and more bytes than LIMIT_TREE_BYTES or
 * than an archive of its size can be thought to hold.
 */
int tar_extract(int dir, const char *path, int to, int flags, struct error *e);

/* The same with other bounds. */
int tar_extract_within(int dir, const char *path, int to, int flags,
    const struct tar_bounds *bounds, struct error *e);

/* Write what one compressed file holds to a descriptor, within bounds. */
int tar_expand(int dir, const char *path, int to, struct error *e);

enum tar_filter {
	TAR_PLAIN,
	TAR_GZIP,
	TAR_ZSTD,
};

struct tar_output {
	int fd; /* written to */
	enum tar_filter filter;
	const char *prefix; /* in front of names; NULL: "." */
	int64_t epoch; /* times are clamped to it, or -1 */
};

/*
 * Write dir/path and all below it as an archive in pax format (POSIX.1-2001,
 * with SCHILY.xattr for attributes, GNU.sparse for holes): sorted, so the same tree gives the same
 * bytes.  Sockets are left out, since the format has none.
 */
int tar_create(
    int dir, const char *path, const struct tar_output *out, struct error *e);

#endif
