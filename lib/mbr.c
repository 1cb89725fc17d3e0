/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of 16 bytes; logical partitions are a linked list of tables. */
#include "lib/mbr.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/disk.h"
#include "lib/error.h"

#define SECTOR 512
#define ID 440
#define ENTRIES 446
#define SIGNATURE 510

#define EXTENDED_CHS 0x05 /* in the chain */
#define EXTENDED_LBA 0x0f /* in the first sector */
#define EXTENDED_LINUX 0x85
#define PROTECTIVE 0xee /* the disk has a GPT */

#define HEADS 255u
#define TRACK 63u /* sectors of one */

/* ---- writing ----------------------------------------------------------- */

/* Cylinder, head and sector; what does not fit is the highest there is. */
static void
put_chs(uint64_t lba, uint8_t to[3])
{
	uint64_t cylinder = lba / (HEADS * TRACK);
	unsigned head = (unsigned)(lba / TRACK % HEADS);
	unsigned sector = (unsigned)(lba % TRACK) + 1;

	if (cylinder > 1023) {
		memcpy(to, "\xfe\xff\xff", 3);
		return;
	}
	to[0] = (uint8_t)head;
	to[1] = (uint8_t)(sector | (cylinder >> 8) << 6);
	to[2] = (uint8_t)cylinder;
}

/* first is where the entry counts from, base where that is on the disk. */
static void
put_entry(uint8_t *sector, size_t n, const struct mbr_partition *p,
    uint64_t first, uint64_t base)
{
	uint8_t *to = sector + ENTRIES + 16 * n;

	to[0] = p->boot ? 0x80 : 0;
	put_chs(base + first, to + 1);
	to[4] = p->type;
	put_chs(base + first + p->sectors - 1, to + 5);
	put_le32(to + 8, (uint32_t)first);
	put_le32(to + 12, (uint32_t)p->sectors);
}

static int
read_sector(const struct disk_source *d, uint64_t at, uint8_t to[SECTOR],
    struct error *e)
{
	if (disk_read(d, to, SECTOR, at * SECTOR) == 0)
		return 0;
	return error_errno(
	    e, "partition table at sector %llu", (unsigned long long)at);
}

static int
write_sector(int fd, uint64_t at, uint8_t from[SECTOR], struct error *e)
{
	put_le16(from + SIGNATURE, 0xaa55);
	if (pwrite(fd, from, SECTOR, (off_t)(at * SECTOR)) != SECTOR)
		return error_errno(e, "partition table at sector %llu",
		    (unsigned long long)at);
	return 0;
}

/* The table of a logical partition: itself, and the way to the next. */
static int
write_logical(
    const struct mbr *m, size_t i, uint64_t extended, int fd, struct error *e)
{
	const struct mbr_partition *p = &m->partitions[i];
	uint8_t sector[SECTOR] = { 0 };

	put_entry(sector, 0, p, p->first - p->table, p->table);
	if (i + 1 < m->len) {
		const struct mbr_partition *q = &m->partitions[i + 1];
		const struct mbr_partition next = { .type = EXTENDED_CHS,
			.sectors = q->first + q->sectors - q->table };

		put_entry(sector, 1, &next, q->table - extended, extended);
	}
	return write_sector(fd, p->table, sector, e);
}

int
mbr_write(const struct mbr *m, int fd, struct error *e)
{
	const struct disk_source disk = { .fd = fd };
	uint8_t sector[SECTOR];
	size_t n = 0;

	if (read_sector(&disk, 0, sector, e) == -1)
		return -1;
	memset(sector + ENTRIES, 0, 64);
	put_le32(sector + ID, m->id);
	put_le16(sector + ID + 4, 0);
	for (; n < m->len && m->partitions[n].number < MBR_LOGICAL; n++)
		put_entry(sector, m->partitions[n].number - 1,
		    &m->partitions[n], m->partitions[n].first, 0);
	if (n < m->len) {
		uint64_t first = m->partitions[n].table;
		const struct mbr_partition extended = { .type = EXTENDED_LBA,
			.sectors = m->sectors - first };

		put_entry(sector, n, &extended, first, 0);
		for (size_t i = n; i < m->len; i++)
			if (write_logical(m, i, first, fd, e) == -1)
				return -1;
	}
	return write_sector(fd, 0, sector, e);
}

/* ---- reading ------------------------------------------------------------- */

static bool
is_extended(uint8_t type)
{
	return type == EXTENDED_CHS || type == EXTENDED_LBA ||
	    type == EXTENDED_LINUX;
}

/* Add an entry whose addresses count from base. */
static int
add(struct mbr *m, const uint8_t *entry, uint64_t base, uint64_t table,
    unsigned number, struct error *e)
{
	const struct mbr_partition p = { .number = number,
		.type = entry[4],
		.boot = entry[0] == 0x80,
		.first = base + get_le32(entry + 8),
		.sectors = get_le32(entry + 12),
		.table = table };

	if (p.sectors == 0 || p.first == 0 || p.first >= m->sectors ||
	    p.sectors > m->sectors - p.first)
		return error_set(
		    e, EINVAL, "partition %u lies outside the disk", number);
	for (size_t i = 0; i < m->len; i++) {
		const struct mbr_partition *q = &m->partitions[i];

		if (p.first < q->first + q->sectors &&
		    q->first < p.first + p.sectors)
			return error_set(e, EINVAL,
			    "partitions %u and %u overlap", q->number, number);
	}
	if (m->len == MBR_PARTITIONS)
		return error_set(
		    e, E2BIG, "more than %d partitions", MBR_PARTITIONS);
	m->partitions[m->len++] = p;
	return 0;
}

static int
check_signature(const uint8_t sector[SECTOR], struct error *e)
{
	return get_le16(sector + SIGNATURE) == 0xaa55
	    ? 0
	    : error_set(e, EINVAL, "no partition table");
}

/* The chain goes forward only, so it ends. */
static int
read_chain(struct mbr *m, const struct disk_source *d, uint64_t extended,
    struct error *e)
{
	uint64_t at = extended, next;

	for (unsigned number = MBR_LOGICAL; at < m->sectors; number++) {
		uint8_t sector[SECTOR];
		const uint8_t *entry = sector + ENTRIES;

		if (read_sector(d, at, sector, e) == -1 ||
		    check_signature(sector, e) == -1)
			return -1;
		if (entry[4] != 0 && add(m, entry, at, at, number, e) == -1)
			return -1;
		entry += 16;
		if (!is_extended(entry[4]))
			return 0;
		next = extended + get_le32(entry + 8);
		if (next <= at)
			break;
		at = next;
	}
	return error_set(
	    e, EINVAL, "the chain of logical partitions is broken");
}

int
mbr_read(struct mbr *m, const struct disk_source *d, struct error *e)
{
	uint8_t sector[SECTOR];
	uint64_t extended = 0;

	m->len = 0;
	if (read_sector(d, 0, sector, e) == -1 ||
	    check_signature(sector, e) == -1)
		return -1;
	m->id = get_le32(sector + ID);
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *entry = sector + ENTRIES + 16 * i;

		if (entry[0] != 0 && entry[0] != 0x80)
			return error_set(e, EINVAL, "no partition table");
		if (entry[4] == PROTECTIVE)
			return error_set(e, EINVAL, "the disk has a GPT");
		if (is_extended(entry[4])) {
			if (extended != 0)
				return error_set(
				    e, EINVAL, "two extended partitions");
			extended = get_le32(entry + 8);
		} else if (entry[4] != 0 &&
		    add(m, entry, 0, 0, i + 1, e) == -1) {
			return -1;
		}
	}
	return extended == 0 ? 0 : read_chain(m, d, extended, e);
}
