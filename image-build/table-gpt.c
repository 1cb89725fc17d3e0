/* SPDX-License-Identifier: Apache-2.0 */
/* GUID partition tables, with identifiers made from the build's seed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image-build/layout.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/gpt.h"
#include "lib/mem.h"
#include "lib/own.h"

#define MARGIN ((uint64_t)1 << 20)

static int
check_name(const char *name, struct error *e)
{
	if (strlen(name) >= sizeof(((struct gpt_partition *)0)->name))
		return error_set(e, EINVAL,
		    "partition %s: the name is longer than 36 characters",
		    name);
	for (const char *s = name; *s != '\0'; s++)
		if (*s < ' ' || *s == 0x7f)
			return error_set(e, EINVAL,
			    "partition %s: the name is not ASCII", name);
	return 0;
}

static int
check(struct disk *disk, struct error *e)
{
	uint8_t type[16];

	if (disk->npartitions > GPT_ENTRIES)
		return error_set(e, E2BIG, "%s: more than %d partitions",
		    disk->name, GPT_ENTRIES);
	for (size_t i = 0; i < disk->npartitions; i++) {
		struct partition *p = &disk->partitions[i];

		if (p->primary)
			return error_set(e, EINVAL,
			    "partition %s: primary means nothing with gpt",
			    p->name);
		if (!gpt_type(p->type, type))
			return error_set(e, EINVAL,
			    "partition %s: no such type: %s", p->name, p->type);
		if (check_name(p->name, e) == -1)
			return -1;
		p->number = (unsigned)i + 1;
	}
	return 0;
}

static uint64_t
first(const struct disk *disk)
{
	(void)disk;
	return MARGIN;
}

static uint64_t
lead(const struct disk *disk, size_t i)
{
	(void)disk;
	(void)i;
	return 0;
}

static uint64_t
tail(const struct disk *disk, size_t i)
{
	(void)disk;
	(void)i;
	return MARGIN;
}

static int
write_table(const struct disk *disk, int fd, const char *seed, struct error *e)
{
	own_free struct gpt *g = mem_alloc(sizeof(*g));
	uint8_t uuid[16];

	g->sector = disk->sector;
	g->sectors = disk->bytes / disk->sector;
	digest_uuid(seed, disk->name, uuid);
	gpt_guid(uuid, g->guid);
	for (size_t i = 0; i < disk->npartitions; i++) {
		const struct partition *p = &disk->partitions[i];
		struct gpt_partition *to = &g->partitions[i];

		(void)gpt_type(p->type, to->type);
		gpt_guid(p->uuid, to->guid);
		to->first = p->start / disk->sector;
		to->last = (p->start + p->bytes) / disk->sector - 1;
		snprintf(to->name, sizeof(to->name), "%s", p->name);
	}
	return gpt_write(g, fd, e);
}

const struct table_kind table_gpt = {
	.name = "gpt",
	.summary = "GUID partition table",
	.type = "8300",
	.grain = MARGIN,
	.check = check,
	.first = first,
	.lead = lead,
	.tail = tail,
	.write = write_table,
};
