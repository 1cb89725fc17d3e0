/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LVM2 on disk without the device mapper: on each physical volume a label in
 * the second sector, at 4 KiB a metadata area, and in it the text that
 * describes the whole group.  Data begin at LVM_DATA.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "lib/bytes.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define SECTOR 512
#define AREA ((uint64_t)4096) /* where the metadata area begins */
#define AREA_BYTES (LVM_DATA - AREA)
#define CRC_START 0xf597a6cfu
#define ID_LEN 32

static uint32_t
checksum(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t crc = CRC_START;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return crc;
}

/* ---- identifiers ------------------------------------------------------------ */

/* 32 letters and digits, which hexadecimal is. */
static void
make_id(
    const char *seed, const char *kind, const char *name, char id[ID_LEN + 1])
{
	own_free char *what = mem_printf("%s %s", kind, name);
	uint8_t uuid[16];

	digest_uuid(seed, what, uuid);
	for (int i = 0; i < 16; i++)
		snprintf(id + 2 * i, 3, "%02x", uuid[i]);
}

static void
add_id(struct strbuf *b, const char *seed, const char *kind, const char *name)
{
	static const int parts[] = { 6, 4, 4, 4, 4, 4, 6 };
	char id[ID_LEN + 1];
	const char *p = id;

	make_id(seed, kind, name, id);
	strbuf_puts(b, "id = \"");
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		strbuf_printf(b, "%s%.*s", i > 0 ? "-" : "", parts[i], p);
		p += parts[i];
	}
	strbuf_puts(b, "\"\n");
}

/* ---- the text ------------------------------------------------------------------ */

static uint64_t
pv_bytes(const struct layout *l, const struct physical_volume *pv)
{
	const struct disk *disk = &l->disks[pv->at.disk];

	return pv->at.partition == -1
	    ? disk->bytes
	    : disk->partitions[pv->at.partition].bytes;
}

static bool
in_group(const struct volume_group *g, const struct physical_volume *pv)
{
	return strlist_has(&g->pvs, pv->name);
}

static void
add_pvs(const struct layout *l, const struct volume_group *g, const char *seed,
    struct strbuf *b)
{
	strbuf_puts(b, "physical_volumes {\n");
	for (size_t i = 0; i < l->npvs; i++) {
		uint64_t bytes = pv_bytes(l, &l->pvs[i]);

		if (!in_group(g, &l->pvs[i]))
			continue;
		strbuf_printf(b, "pv%zu {\n", i);
		add_id(b, seed, "pv", l->pvs[i].name);
		strbuf_printf(b,
		    "device = \"/dev/disk\"\nstatus = [\"ALLOCATABLE\"]\n"
		    "flags = []\ndev_size = %llu\npe_start = %llu\n"
		    "pe_count = %llu\n}\n",
		    (unsigned long long)(bytes / SECTOR),
		    (unsigned long long)(LVM_DATA / SECTOR),
		    (unsigned long long)((bytes - LVM_DATA) / LVM_EXTENT));
	}
	strbuf_puts(b, "}\n");
}

static void
add_volumes(const struct layout *l, const struct volume_group *g,
    const char *seed, int64_t now, struct strbuf *b)
{
	strbuf_puts(b, "logical_volumes {\n");
	for (size_t i = 0; i < l->nvolumes; i++) {
		const struct volume *v = &l->volumes[i];

		if (strcmp(v->group, g->name) != 0)
			continue;
		strbuf_printf(b, "%s {\n", v->name);
		add_id(b, seed, "lv", v->name);
		strbuf_printf(b,
		    "status = [\"READ\", \"WRITE\", \"VISIBLE\"]\n"
		    "flags = []\ncreation_time = %lld\n"
		    "creation_host = \"ingot\"\nsegment_count = 1\n"
		    "segment1 {\nstart_extent = 0\nextent_count = %llu\n"
		    "type = \"striped\"\nstripe_count = 1\n"
		    "stripes = [\n\"pv%zu\", %llu\n]\n}\n}\n",
		    (long long)now, (unsigned long long)v->extents, v->pv,
		    (unsigned long long)v->first);
	}
	strbuf_puts(b, "}\n");
}

static void
describe(const struct layout *l, const struct volume_group *g, const char *seed,
    int64_t now, struct strbuf *b)
{
	strbuf_printf(b, "%s {\n", g->name);
	add_id(b, seed, "vg", g->name);
	strbuf_printf(b,
	    "seqno = 1\nformat = \"lvm2\"\n"
	    "status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []\n"
	    "extent_size = %llu\nmax_lv = 0\nmax_pv = 0\n"
	    "metadata_copies = 0\n\n",
	    (unsigned long long)(LVM_EXTENT / SECTOR));
	add_pvs(l, g, seed, b);
	add_volumes(l, g, seed, now, b);
	strbuf_printf(b,
	    "}\ncontents = \"Text Format Volume Group\"\nversion = 1\n\n"
	    "description = \"\"\n\ncreation_host = \"ingot\"\n"
	    "creation_time = %lld\n\n",
	    (long long)now);
}

/* ---- on disk ----------------------------------------------------------------- */

static int
put(int fd, const void *data, size_t n, uint64_t at, struct error *e)
{
	if (pwrite(fd, data, n, (off_t)at) != (ssize_t)n)
		return error_errno(e, "write");
	return 0;
}

/* Two lists of areas, data and metadata, each ended by an empty one. */
static int
write_label(const char *seed, const struct physical_volume *pv, uint64_t bytes,
    int fd, uint64_t at, struct error *e)
{
	uint8_t s[SECTOR] = "LABELONE";
	char id[ID_LEN + 1];

	make_id(seed, "pv", pv->name, id);
	put_le64(s + 8, 1); /* this sector's number */
	put_le32(s + 20, 32); /* where the header begins */
	memcpy(s + 24, "LVM2 001", 8);
	memcpy(s + 32, id, ID_LEN);
	put_le64(s + 64, bytes);
	put_le64(s + 72, LVM_DATA); /* data, to the end */
	put_le64(s + 104, AREA);
	put_le64(s + 112, AREA_BYTES);
	put_le32(s + 136, 2); /* version of the extension */
	put_le32(s + 140, 1); /* in use */
	put_le32(s + 16, checksum(s + 20, SECTOR - 20));
	return put(fd, s, SECTOR, at + SECTOR, e);
}

static int
write_area(const struct strbuf *text, int fd, uint64_t at, struct error *e)
{
	uint8_t s[SECTOR] = { 0 };

	memcpy(s + 4, " LVM2 x[5A%r0N*>", 16);
	put_le32(s + 20, 1);
	put_le64(s + 24, AREA);
	put_le64(s + 32, AREA_BYTES);
	if (text->len > 0) {
		put_le64(s + 40, SECTOR); /* where the text begins */
		put_le64(s + 48, text->len + 1);
		put_le32(s + 56, checksum(text->s, text->len + 1));
	}
	put_le32(s, checksum(s + 4, SECTOR - 4));
	if (put(fd, s, SECTOR, at + AREA, e) == -1)
		return -1;
	return text->len == 0
	    ? 0
	    : put(fd, text->s, text->len + 1, at + AREA + SECTOR, e);
}

static int
write_pv(const struct layout *l, const struct physical_volume *pv, int fd,
    const char *seed, int64_t now, struct error *e)
{
	const struct disk *disk = &l->disks[pv->at.disk];
	uint64_t at = pv->at.partition == -1
	    ? 0
	    : disk->partitions[pv->at.partition].start;
	own(strbuf_clear) struct strbuf text = { 0 };

	for (size_t i = 0; i < l->ngroups; i++)
		if (in_group(&l->groups[i], pv))
			describe(l, &l->groups[i], seed, now, &text);
	if (text.len + SECTOR >= AREA_BYTES / 2)
		return error_set(e, E2BIG, "too many volumes");
	if (write_label(seed, pv, pv_bytes(l, pv), fd, at, e) == -1)
		return -1;
	return write_area(&text, fd, at, e);
}

int
lvm_write(const struct layout *l, size_t d, int fd, const char *seed,
    int64_t now, struct error *e)
{
	for (size_t i = 0; i < l->npvs; i++)
		if (l->pvs[i].at.disk == d &&
		    write_pv(l, &l->pvs[i], fd, seed, now, e) == -1)
			return error_prefix(
			    e, "physical volume %s", l->pvs[i].name);
	return 0;
}
