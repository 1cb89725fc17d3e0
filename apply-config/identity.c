/* SPDX-License-Identifier: Apache-2.0 */
/* What stat(2) tells of a file, less what changes by itself. */
#include "apply-config/identity.h"

#include <sys/stat.h>

#include "lib/clock.h"

struct identity
identity_of(const struct stat *st)
{
	if (st->st_mode == 0)
		return (struct identity){ 0 };
	return (struct identity){ .inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.modified = clock_ns(&st->st_mtim),
		.changed = clock_ns(&st->st_ctim),
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid };
}
