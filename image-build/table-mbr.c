/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old partition table, laid out as diskimage-builder does: partitions
 * flagged primary first; the others are logical, each with its own table one
 * alignment unit before its data.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/layout.h"
#include "lib/bytes.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/mbr.h"
#include "lib/mem.h"
#include "lib/own.h"

/* "0x83" or "83". */
static int
parse_type(const struct partition *p, uint8_t *type, struct error *e)
{
	char *end;
	unsigned long n = strtoul(p->type, &end, 16);

	if (end == p->type || *end != '\0' || n == 0 || n > 0xff)
		return error_set(e, EINVAL,
		    "partition %s: type: %s is no number of two hexadecimal "
		    "digits, in quotes (\"0x83\")",
		    p->name, p->type);
	*type = (uint8_t)n;
	return 0;
}

static int
check(struct disk *disk, struct error *e)
{
	unsigned primaries = 0, logicals = 0;
	uint8_t type;

	if (disk->sector != 512)
		return error_set(e, EINVAL,
		    "%s: label mbr wants sectors of 512 bytes", disk->name);
	for (size_t i = 0; i < disk->npartitions; i++) {
		struct partition *p = &disk->partitions[i];

		if (parse_type(p, &type, e) == -1)
			return -1;
		if (p->primary && logicals > 0)
			return error_set(e, EINVAL,
			    "partition %s: All primary partitions must be "
			    "given first",
			    p->name);
		p->number = p->primary ? ++primaries : MBR_LOGICAL + logicals++;
	}
	if (primaries + (logicals > 0) > 4)
		return error_set(e, E2BIG,
		    "%s: the table has four entries, for at most %s",
		    disk->name,
		    logicals > 0 ? "three primary partitions and the logical "
				   "ones"
				 : "four primary partitions");
	if (disk->npartitions > MBR_PARTITIONS)
		return error_set(e, E2BIG, "%s: more than %d partitions",
		    disk->name, MBR_PARTITIONS);
	return 0;
}

static uint64_t
first(const struct disk *disk)
{
	return disk->align;
}

static uint64_t
lead(const struct disk *disk, size_t i)
{
	return disk->partitions[i].primary ? 0 : disk->align;
}

static uint64_t
tail(const struct disk *disk, size_t i)
{
	return disk->partitions[i].primary ? disk->align : 0;
}

static int
write_table(const struct disk *disk, int fd, const char *seed, struct error *e)
{
	own_free struct mbr *m = mem_alloc(sizeof(*m));
	uint8_t uuid[16];

	m->sectors = disk->bytes / 512;
	digest_uuid(seed, disk->name, uuid);
	m->id = get_le32(uuid);
	for (size_t i = 0; i < disk->npartitions; i++) {
		const struct partition *p = &disk->partitions[i];
		struct mbr_partition *to = &m->partitions[m->len++];

		if (p->start + p->bytes > MBR_SECTORS * 512)
			return error_set(e, EFBIG,
			    "partition %s: ends beyond the 2 TiB that label "
			    "mbr can tell",
			    p->name);
		(void)parse_type(p, &to->type, e);
		to->number = p->number;
		to->boot = p->boot;
		to->first = p->start / 512;
		to->sectors = p->bytes / 512;
		if (!p->primary)
			to->table = (p->start - disk->align) / 512;
	}
	return mbr_write(m, fd, e);
}

const struct table_kind table_mbr = {
	.name = "mbr",
	.summary = "the old table, with primary and logical partitions",
	.type = "0x83",
	.grain = 512,
	.check = check,
	.first = first,
	.lead = lead,
	.tail = tail,
	.write = write_table,
};
