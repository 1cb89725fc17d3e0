/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in front of a file in an archive in pax format (POSIX.1-2001). */
#ifndef LIB_TAR_HEADER_H
#define LIB_TAR_HEADER_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lib/strbuf.h"

#define TAR_BLOCK 512

enum tar_type {
	TAR_FILE = '0',
	TAR_LINK = '1', /* one more name of a file before it */
	TAR_SYMLINK = '2',
	TAR_CHARACTER = '3',
	TAR_DEVICE = '4',
	TAR_FOLDER = '5',
	TAR_FIFO = '6',
};

struct tar_member {
	const char *name; /* any bytes; of a folder with "/" at its end */
	const char *link; /* a link's target, or NULL */
	enum tar_type type;
	unsigned mode; /* permissions only */
	uint32_t uid, gid, major, minor;
	uint64_t size; /* of the data that follows */
	struct timespec time;
	struct strbuf records; /* more of tar_record() */
};

/* Add a record of the extended header. */
void tar_record(
    struct strbuf *records, const char *key, const void *value, size_t n);

/*
 * Add a member's header, whole blocks: of what the old format has no room
 * for, and of m->records, the extended one in front.
 */
void tar_header(const struct tar_member *m, struct strbuf *out);

/* Add zeros up to a whole block. */
void tar_pad(struct strbuf *out);

#endif
