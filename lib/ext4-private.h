/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of lib/ext4 share. */
#ifndef LIB_EXT4_PRIVATE_H
#define LIB_EXT4_PRIVATE_H

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include "lib/ext4.h"

/* Opens a source by the name that it has. */
extern const io_manager ext4_io;
char *ext4_io_name(const struct ext4_source *from); /* the caller's */

#endif
