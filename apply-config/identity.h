/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file it is, as far as the system tells.  Plain bytes: two of the same
 * file are the same.  All zero: there is none.
 */
#ifndef APPLY_CONFIG_IDENTITY_H
#define APPLY_CONFIG_IDENTITY_H

#include <stdint.h>

struct stat;

struct identity {
	uint64_t inode, size;
	int64_t modified, changed; /* nanoseconds */
	uint32_t mode, uid, gid, unused;
};

/* st_mode 0 gives the identity of no file. */
struct identity identity_of(const struct stat *st);

#endif
