/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A number for each file met on a walk, found by device and inode: how hard
 * links are recognised.
 */
#ifndef LIB_INODES_H
#define LIB_INODES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inodes {
	struct inodes_slot *slots;
	size_t len, cap; /* cap is a power of two */
};

/*
 * The number kept for a file, 0 when it is met first.  The pointer is good
 * until the next call; a number that stays 0 is not kept.
 */
uint64_t *inodes_at(struct inodes *all, dev_t dev, ino_t ino);

void inodes_clear(struct inodes *all);

#endif
