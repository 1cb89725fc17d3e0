/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions of a disk that others made, and what is in each. */
#include "image-build/base.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bytes.h"
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
probe(int fd, struct base_volume *v)
{
	own_free char *head = mem_alloc(HEAD);
	size_t n = v->bytes < HEAD ? (size_t)v->bytes : HEAD;
	ssize_t got = pread(fd, head, n, (off_t)v->offset);

	(void)got; /* what could not be read is zero */
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

static struct base_volume *
add(struct base_volumes *v, unsigned number, uint64_t offset, uint64_t bytes)
{
	struct base_volume *new;

	v->items = mem_grow(v->items, &v->cap, v->len + 1, sizeof(*v->items));
	new = &v->items[v->len++];
	*new = (struct base_volume){
		.number = number, .offset = offset, .bytes = bytes
	};
	return new;
}

static const char *
root_type(const char *arch)
{
	static const char *const types[][2] = { { "amd64", "root-x86-64" },
		{ "i386", "root-x86" }, { "arm64", "root-arm64" },
		{ "armhf", "root-arm" },
		{ "riscv64", "72ec70a6-cf74-40e6-bd49-4bda08e8f224" },
		{ "ppc64el", "c31c45e6-3f39-412e-80fb-4809c4980599" },
		{ "s390x", "5eead9a9-fe09-4a1e-a1d7-520d00531306" } };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i][0], arch) == 0)
			return types[i][1];
	return "root-x86-64";
}

static bool
add_gpt(int fd, uint64_t size, unsigned sector, const char *arch,
    struct base_volumes *v)
{
	own_free struct gpt *g = mem_alloc(sizeof(*g));
	uint8_t type[16], guid[16];
	struct error none;

	*g = (struct gpt){ .sector = sector, .sectors = size / sector };
	if (gpt_read(g, fd, &none) == -1)
		return false;
	gpt_type(root_type(arch), type);
	for (unsigned i = 0; i < GPT_ENTRIES; i++) {
		const struct gpt_partition *p = &g->partitions[i];
		static const uint8_t unused[16];
		struct base_volume *new;

		if (memcmp(p->type, unused, 16) == 0 || p->last < p->first ||
		    p->last >= g->sectors)
			continue;
		new = add(v, i + 1, p->first * sector,
		    (p->last - p->first + 1) * sector);
		new->is_root = memcmp(p->type, type, 16) == 0;
		snprintf(
		    new->part_label, sizeof(new->part_label), "%s", p->name);
		gpt_guid(p->guid, guid); /* swapping is its own inverse */
		uuid_text(guid, new->part_uuid);
	}
	return true;
}

static bool
add_mbr(int fd, uint64_t size, struct base_volumes *v)
{
	own_free struct mbr *m = mem_alloc(sizeof(*m));
	struct error none;

	m->sectors = size / 512;
	if (mbr_read(m, fd, &none) == -1)
		return false;
	for (size_t i = 0; i < m->len; i++) {
		const struct mbr_partition *p = &m->partitions[i];
		struct base_volume *new;

		if (p->type == 0xee)
			continue;
		new = add(v, p->number, p->first * 512, p->sectors * 512);
		snprintf(new->part_uuid, sizeof(new->part_uuid), "%08x-%02x",
		    m->id, p->number);
	}
	return v->len > 0;
}

int
volumes_read(int fd, const char *arch, struct base_volumes *v, struct error *e)
{
	off_t size = lseek(fd, 0, SEEK_END);
	struct base_volume whole = { 0 };

	if (size == -1)
		return error_errno(e, "size");
	whole.bytes = (uint64_t)size;
	probe(fd, &whole);
	if (whole.kind != VOLUME_UNKNOWN && whole.kind != VOLUME_VFAT) {
		*add(v, 0, 0, whole.bytes) = whole;
		return 0;
	}
	if (!add_gpt(fd, whole.bytes, 512, arch, v) &&
	    !add_gpt(fd, whole.bytes, 4096, arch, v) &&
	    !add_mbr(fd, whole.bytes, v))
		return error_set(e, EINVAL,
		    "is no disk image: no partition table and no file system "
		    "is known");
	for (size_t i = 0; i < v->len; i++)
		probe(fd, &v->items[i]);
	return 0;
}

void
volumes_clear(struct base_volumes *v)
{
	free(v->items);
	*v = (struct base_volumes){ 0 };
}

/* ---- which is which ------------------------------------------------------------ */

static bool
can_be_root(const struct base_volume *v)
{
	return v->kind >= VOLUME_EXT && v->kind <= VOLUME_EROFS;
}

static bool
is_called_root(const struct base_volume *v)
{
	static const char *const names[] = { "root", "rootfs",
		"cloudimg-rootfs", "img-rootfs", "fedora", "mkfs_root" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcasecmp(v->label, names[i]) == 0 ||
		    strcasecmp(v->part_label, names[i]) == 0)
			return true;
	return false;
}

struct base_volume *
volumes_root(const struct base_volumes *v)
{
	struct base_volume *named = NULL, *only = NULL;
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
is_named(const struct base_volume *v, const char *name)
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

struct base_volume *
volumes_named(const struct base_volumes *v, const char *name)
{
	for (size_t i = 0; i < v->len; i++)
		if (is_named(&v->items[i], name))
			return &v->items[i];
	return NULL;
}
