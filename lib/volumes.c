/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions of a disk that others made, and what is in each. */
#include "lib/volumes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bytes.h"
#include "lib/disk.h"
#include "lib/error.h"
#include "lib/gpt.h"
#include "lib/limits.h"
#include "lib/mbr.h"
#include "lib/mem.h"
#include "lib/own.h"

#define HEAD KIB(72) /* of a volume: all superblocks lie in it */

/* ---- what a volume holds --------------------------------------------------- */

static const char *const kind_names[] = {
	[VOLUME_UNKNOWN] = "unknown",
	[VOLUME_EXT] = "ext4",
	[VOLUME_XFS] = "xfs",
	[VOLUME_BTRFS] = "btrfs",
	[VOLUME_SQUASHFS] = "squashfs",
	[VOLUME_EROFS] = "erofs",
	[VOLUME_VFAT] = "vfat",
	[VOLUME_SWAP] = "swap",
	[VOLUME_LVM] = "LVM",
	[VOLUME_LUKS] = "LUKS",
};

const char *
volume_kind_name(enum volume_kind kind)
{
	return kind_names[kind];
}

static void
uuid_text(const uint8_t u[16], char text[37])
{
	char *s = text;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*s++ = '-';
		s += snprintf(s, 3, "%02x", u[i]);
	}
}

/* Each kind by its magic number, and where its label and UUID stand. */
static const struct {
	enum volume_kind kind;
	size_t at;
	const char *magic;
	size_t len, label, label_len, uuid;
} marks[] = {
	{ VOLUME_EXT, 1080, "\x53\xef", 2, 1144, 16, 1128 },
	{ VOLUME_XFS, 0, "XFSB", 4, 108, 12, 32 },
	{ VOLUME_BTRFS, 65600, "_BHRfS_M", 8, 65835, 256, 65568 },
	{ VOLUME_SQUASHFS, 0, "hsqs", 4, 0, 0, 0 },
	{ VOLUME_EROFS, 1024, "\xe2\xe1\xf5\xe0", 4, 1088, 16, 1072 },
	{ VOLUME_SWAP, 4086, "SWAPSPACE2", 10, 1052, 16, 1036 },
	{ VOLUME_LUKS, 0, "LUKS\xba\xbe", 6, 0, 0, 0 },
	{ VOLUME_LVM, 512, "LABELONE", 8, 0, 0, 0 },
	{ VOLUME_VFAT, 82, "FAT32", 5, 71, 11, 0 },
	{ VOLUME_VFAT, 54, "FAT1", 4, 43, 11, 0 },
};

static void
set_label(char *to, const char *from, size_t n)
{
	size_t len = strnlen(from, n);

	memcpy(to, from, len);
	while (len > 0 && to[len - 1] == ' ')
		len--;
	to[len] = '\0';
}

static void
probe(const struct disk_source *d, struct disk_volume *v)
{
	own_free char *head = mem_alloc(HEAD);
	size_t n = v->bytes < HEAD ? (size_t)v->bytes : HEAD;

	if (disk_read(d, head, n, v->offset) == -1)
		return;
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		if (memcmp(head + marks[i].at, marks[i].magic, marks[i].len) !=
		    0)
			continue;
		v->kind = marks[i].kind;
		set_label(v->label, head + marks[i].label, marks[i].label_len);
		if (marks[i].uuid != 0)
			uuid_text((uint8_t *)head + marks[i].uuid, v->uuid);
		if (v->kind == VOLUME_VFAT) {
			uint32_t id = get_le32(head + marks[i].label - 4);

			snprintf(v->uuid, sizeof(v->uuid), "%04X-%04X",
			    id >> 16, id & 0xffff);
		}
		return;
	}
}

/* ---- partitions -------------------------------------------------------------- */

static struct disk_volume *
add(struct volumes *v, unsigned number, uint64_t offset, uint64_t bytes)
{
	struct disk_volume *new;

	v->items = mem_grow(v->items, &v->cap, v->len + 1, sizeof(*v->items));
	new = &v->items[v->len++];
	*new = (struct disk_volume){
		.number = number, .offset = offset, .bytes = bytes
	};
	return new;
}

/* Whether a partition's type says that it is the root of an architecture. */
static bool
is_root_type(const uint8_t type[16], const char *arch)
{
	static const char *const types[][2] = { { "amd64", "root-x86-64" },
		{ "i386", "root-x86" }, { "arm64", "root-arm64" },
		{ "armhf", "root-arm" },
		{ "riscv64", "72ec70a6-cf74-40e6-bd49-4bda08e8f224" },
		{ "ppc64el", "c31c45e6-3f39-412e-80fb-4809c4980599" },
		{ "s390x", "5eead9a9-fe09-4a1e-a1d7-520d00531306" } };
	uint8_t root[16];

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (arch != NULL && strcmp(types[i][0], arch) != 0)
			continue;
		gpt_type(types[i][1], root);
		if (memcmp(type, root, 16) == 0)
			return true;
	}
	return false;
}

static bool
add_gpt(const struct disk_source *d, unsigned sector, const char *arch,
    struct volumes *v)
{
	own_free struct gpt *g = mem_alloc(sizeof(*g));
	uint8_t guid[16];
	struct error none;

	*g = (struct gpt){ .sector = sector, .sectors = d->bytes / sector };
	if (gpt_read(g, d, &none) == -1)
		return false;
	for (unsigned i = 0; i < GPT_ENTRIES; i++) {
		const struct gpt_partition *p = &g->partitions[i];
		static const uint8_t unused[16];
		struct disk_volume *new;

		if (memcmp(p->type, unused, 16) == 0 || p->last < p->first ||
		    p->last >= g->sectors)
			continue;
		new = add(v, i + 1, p->first * sector,
		    (p->last - p->first + 1) * sector);
		new->is_root = is_root_type(p->type, arch);
		snprintf(
		    new->part_label, sizeof(new->part_label), "%s", p->name);
		gpt_guid(p->guid, guid); /* swapping is its own inverse */
		uuid_text(guid, new->part_uuid);
	}
	return true;
}

static bool
add_mbr(const struct disk_source *d, struct volumes *v)
{
	own_free struct mbr *m = mem_alloc(sizeof(*m));
	struct error none;

	m->sectors = d->bytes / 512;
	if (mbr_read(m, d, &none) == -1)
		return false;
	for (size_t i = 0; i < m->len; i++) {
		const struct mbr_partition *p = &m->partitions[i];
		struct disk_volume *new;

		if (p->type == 0xee)
			continue;
		new = add(v, p->number, p->first * 512, p->sectors * 512);
		snprintf(new->part_uuid, sizeof(new->part_uuid), "%08x-%02x",
		    m->id, p->number);
	}
	return v->len > 0;
}

int
volumes_read(const struct disk_source *d, const char *arch, struct volumes *v,
    struct error *e)
{
	struct disk_volume whole = { .bytes = d->bytes };

	probe(d, &whole);
	if (whole.kind != VOLUME_UNKNOWN && whole.kind != VOLUME_VFAT) {
		*add(v, 0, 0, whole.bytes) = whole;
		return 0;
	}
	if (!add_gpt(d, 512, arch, v) && !add_gpt(d, 4096, arch, v) &&
	    !add_mbr(d, v))
		return error_set(e, EINVAL,
		    "is no disk image: no partition table and no file system "
		    "is known");
	for (size_t i = 0; i < v->len; i++)
		probe(d, &v->items[i]);
	return 0;
}

void
volumes_clear(struct volumes *v)
{
	free(v->items);
	*v = (struct volumes){ 0 };
}

/* ---- which is which ------------------------------------------------------------ */

static bool
can_be_root(const struct disk_volume *v)
{
	return v->kind >= VOLUME_EXT && v->kind <= VOLUME_EROFS;
}

static bool
is_called_root(const struct disk_volume *v)
{
	static const char *const names[] = { "root", "rootfs",
		"cloudimg-rootfs", "img-rootfs", "fedora", "mkfs_root" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcasecmp(v->label, names[i]) == 0 ||
		    strcasecmp(v->part_label, names[i]) == 0)
			return true;
	return false;
}

struct disk_volume *
volumes_root(const struct volumes *v)
{
	struct disk_volume *named = NULL, *only = NULL;
	size_t n = 0;

	for (size_t i = 0; i < v->len; i++) {
		if (!can_be_root(&v->items[i]))
			continue;
		if (v->items[i].is_root)
			return &v->items[i];
		if (named == NULL && is_called_root(&v->items[i]))
			named = &v->items[i];
		only = &v->items[i];
		n++;
	}
	return named != NULL ? named : n == 1 ? only : NULL;
}

/* /dev/vda1, /dev/nvme0n1p1: the number at the end. */
static unsigned
device_number(const char *name)
{
	size_t n = strlen(name), from = n;

	while (from > 0 && isdigit((unsigned char)name[from - 1]))
		from--;
	return (unsigned)strtoul(name + from, NULL, 10);
}

static bool
is_named(const struct disk_volume *v, const char *name)
{
	if (strncmp(name, "UUID=", 5) == 0)
		return strcasecmp(v->uuid, name + 5) == 0;
	if (strncmp(name, "LABEL=", 6) == 0)
		return strcmp(v->label, name + 6) == 0;
	if (strncmp(name, "PARTUUID=", 9) == 0)
		return strcasecmp(v->part_uuid, name + 9) == 0;
	if (strncmp(name, "PARTLABEL=", 10) == 0)
		return strcmp(v->part_label, name + 10) == 0;
	return strncmp(name, "/dev/", 5) == 0 && v->number > 0 &&
	    device_number(name) == v->number;
}

struct disk_volume *
volumes_named(const struct volumes *v, const char *name)
{
	for (size_t i = 0; i < v->len; i++)
		if (is_named(&v->items[i], name))
			return &v->items[i];
	return NULL;
}
