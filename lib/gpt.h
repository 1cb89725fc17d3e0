/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GUID partition tables (UEFI specification 2.10, chapter 5), written to a
 * file or read from one.
 */
#ifndef LIB_GPT_H
#define LIB_GPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk_source;
struct error;

#define GPT_ENTRIES 128

struct gpt_partition {
	uint8_t type[16]; /* as on disk (mixed-endian); all zero: unused */
	uint8_t guid[16];
	uint64_t first, last; /* sectors, both included */
	uint64_t attributes;
	char name[37]; /* ASCII, NUL-terminated */
};

struct gpt {
	unsigned sector; /* bytes, 512 or 4096 */
	uint64_t sectors; /* of the whole disk */
	uint8_t guid[16];
	struct gpt_partition partitions[GPT_ENTRIES];
};

/* The last sector that partitions may use. */
uint64_t gpt_last_usable(const struct gpt *g);

/*
 * A partition's type from sgdisk's code ("8300", "EF02"), one of systemd's
 * names ("root-x86-64") or a GUID in text.  False if it is none of these.
 */
bool gpt_type(const char *text, uint8_t type[16]);

/* A UUID in network byte order to the mixed-endian form of the table. */
void gpt_guid(const uint8_t uuid[16], uint8_t guid[16]);

/*
 * Write the protective MBR, both headers and both arrays to fd, whose size
 * must be sectors * sector.  The boot code of sector 0 is left as it is.
 */
int gpt_write(const struct gpt *g, int fd, struct error *e);

/*
 * Read and check the primary table, or the backup if that is damaged.
 * sector and sectors must be set.
 */
int gpt_read(struct gpt *g, const struct disk_source *d, struct error *e);

#endif
