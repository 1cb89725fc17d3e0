/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partition tables of the old kind: four entries in the disk's first sector,
 * and a chain of further tables for logical partitions.  Sectors have 512
 * bytes.
 */
#ifndef LIB_MBR_H
#define LIB_MBR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk_source;
struct error;

#define MBR_PARTITIONS 64 /* logical ones included */
#define MBR_LOGICAL 5 /* number of the first logical partition */
#define MBR_SECTORS ((uint64_t)1 << 32) /* no address is higher */

struct mbr_partition {
	unsigned number; /* 1 to 4, or from MBR_LOGICAL on */
	uint8_t type;
	bool boot;
	uint64_t first, sectors;
	uint64_t table; /* of a logical one: the sector of its own table */
};

struct mbr {
	uint64_t sectors; /* of the whole disk */
	uint32_t id;
	struct mbr_partition partitions[MBR_PARTITIONS];
	size_t len;
};

/*
 * Write the table to fd.  Logical partitions follow the others; they get an
 * extended partition from the first one's table to the end of the disk, in
 * the next free entry.  The boot code of sector 0 is left as it is.
 */
int mbr_write(const struct mbr *m, int fd, struct error *e);

/*
 * Read and check the table; sectors must be set.  Extended partitions are
 * followed, not listed.
 */
int mbr_read(struct mbr *m, const struct disk_source *d, struct error *e);

#endif
