/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FAT12, FAT16 and FAT32 with long names (Microsoft's FAT specification 1.03),
 * read only.  Every chain of clusters is followed a bounded number of steps,
 * so a circle ends.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "collect-config/disc.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define ENTRY 32
#define FOLDER_BYTES MIB(2)
#define ATTR_LABEL 0x08
#define ATTR_DIR 0x10
#define ATTR_LONG 0x0f

struct fat {
	int fd;
	unsigned bits; /* 12, 16 or 32 */
	uint64_t table; /* where the first table begins, bytes */
	uint64_t root; /* where FAT12's and FAT16's root begins */
	uint32_t root_bytes;
	uint32_t root_cluster; /* FAT32's */
	uint64_t data; /* where cluster 2 begins */
	uint32_t cluster_bytes;
	uint32_t clusters;
	char label[12];
};

struct file {
	uint32_t cluster, size;
	bool is_dir;
};

static bool
is_power(uint32_t n, uint32_t most)
{
	return n != 0 && (n & (n - 1)) == 0 && n <= most;
}

/* The label in the boot sector; the root folder's, if any, comes first. */
static void
boot_label(struct fat *f, const uint8_t *boot)
{
	const uint8_t *s = boot + (f->bits == 32 ? 71 : 43);
	size_t n = 11;

	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == 0))
		n--;
	memcpy(f->label, s, n);
	f->label[n] = '\0';
}

static bool
fat_open(struct fat *f, int fd)
{
	uint8_t boot[512];
	uint32_t sector, per, reserved, tables, table, entries, total, meta;

	*f = (struct fat){ .fd = fd };
	if (!disc_pread(fd, boot, sizeof(boot), 0) || boot[510] != 0x55 ||
	    boot[511] != 0xaa || (boot[0] != 0xeb && boot[0] != 0xe9))
		return false;
	sector = get_le16(boot + 11);
	per = boot[13];
	reserved = get_le16(boot + 14);
	tables = boot[16];
	entries = get_le16(boot + 17);
	total = get_le16(boot + 19) ? get_le16(boot + 19) : get_le32(boot + 32);
	table = get_le16(boot + 22) ? get_le16(boot + 22) : get_le32(boot + 36);
	if (!is_power(sector, 4096) || sector < 512 || !is_power(per, 128) ||
	    reserved == 0 || tables == 0 || tables > 4 || table == 0)
		return false;
	f->cluster_bytes = sector * per;
	f->table = (uint64_t)reserved * sector;
	f->root = f->table + (uint64_t)tables * table * sector;
	f->root_bytes = (uint32_t)round_up(entries * ENTRY, sector);
	f->data = f->root + f->root_bytes;
	meta = (uint32_t)(f->data / sector);
	if (total <= meta)
		return false;
	f->clusters = (total - meta) / per;
	f->bits = f->clusters < 4085 ? 12 : f->clusters < 65525 ? 16 : 32;
	if (f->bits == 32)
		f->root_cluster = get_le32(boot + 44);
	boot_label(f, boot);
	return true;
}

/* The cluster after this one; 0 at the end of the chain and on damage. */
static uint32_t
next_cluster(const struct fat *f, uint32_t cluster)
{
	uint8_t b[4] = { 0 };
	uint64_t at = f->table + (uint64_t)cluster * f->bits / 8;
	uint32_t next;

	if (!disc_pread(f->fd, b, f->bits == 32 ? 4 : 2, at))
		return 0;
	next = f->bits == 32 ? get_le32(b) & 0x0fffffff : get_le16(b);
	if (f->bits == 12)
		next = cluster % 2 ? next >> 4 : next & 0xfff;
	return next >= 2 && next < f->clusters + 2 ? next : 0;
}

/* Add up to max bytes of a chain to b. */
static int
read_chain(const struct fat *f, uint32_t cluster, size_t max, struct strbuf *b,
    struct error *e)
{
	size_t left = max;

	while (left > 0 && cluster >= 2 && cluster < f->clusters + 2) {
		size_t n = left < f->cluster_bytes ? left : f->cluster_bytes;
		char *to = strbuf_reserve(b, n + 1);

		if (!disc_pread(f->fd, to, n,
			f->data + (uint64_t)(cluster - 2) * f->cluster_bytes))
			return error_set(e, EIO, "cut short");
		b->len += n;
		b->s[b->len] = '\0';
		left -= n;
		cluster = next_cluster(f, cluster);
	}
	return 0;
}

/* All of a folder; the root (cluster 0) of FAT12 and FAT16 is no chain. */
static int
read_folder(
    const struct fat *f, uint32_t cluster, struct strbuf *b, struct error *e)
{
	char *to;

	if (cluster == 0 && f->bits == 32)
		cluster = f->root_cluster;
	if (cluster != 0)
		return read_chain(f, cluster, FOLDER_BYTES, b, e);
	to = strbuf_reserve(b, f->root_bytes + 1);
	if (!disc_pread(f->fd, to, f->root_bytes, f->root))
		return error_set(e, EIO, "cut short");
	b->len = f->root_bytes;
	return 0;
}

/* ---- names -------------------------------------------------------------- */

/* "NAME    EXT" as "NAME.EXT". */
static void
short_name(const uint8_t *entry, char to[13])
{
	size_t at = 0;

	for (size_t i = 0; i < 8 && entry[i] != ' '; i++)
		to[at++] = (char)entry[i];
	for (size_t i = 8; i < 11 && entry[i] != ' '; i++) {
		if (i == 8)
			to[at++] = '.';
		to[at++] = (char)entry[i];
	}
	to[at] = '\0';
}

/* A long name comes in pieces of 13, the last piece first. */
struct long_name {
	uint16_t units[20 * 13 + 1];
	unsigned expected; /* number of the piece that must come next */
};

static void
long_piece(struct long_name *l, const uint8_t *entry)
{
	static const uint8_t places[] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24,
		28, 30 };
	unsigned number = entry[0] & 0x3f;

	if ((entry[0] & 0x40) != 0 && number >= 1 && number <= 20) {
		memset(l->units, 0, sizeof(l->units));
		l->expected = number;
	}
	if (number == 0 || number != l->expected)
		return;
	for (size_t i = 0; i < 13; i++)
		l->units[(number - 1) * 13 + i] = get_le16(entry + places[i]);
	l->expected--;
}

/* The long name as UTF-8, "" if there is none that is whole. */
static void
long_text(const struct long_name *l, char *to)
{
	size_t at = 0;

	if (l->expected == 0)
		for (size_t i = 0; l->units[i] != 0 && l->units[i] != 0xffff;
		     i++)
			at += utf8_encode(l->units[i], to + at);
	to[at] = '\0';
}

static bool
is_called(
    const struct long_name *l, const uint8_t *entry, const char *name, size_t n)
{
	char text[20 * 13 * 3 + 1];

	long_text(l, text);
	if (strlen(text) == n && strncasecmp(text, name, n) == 0)
		return true;
	short_name(entry, text);
	return strlen(text) == n && strncasecmp(text, name, n) == 0;
}

/* Find a name (n bytes) in a folder's entries. */
static bool
entry_find(
    const struct strbuf *folder, const char *name, size_t n, struct file *file)
{
	struct long_name l = { .expected = 1 };

	for (size_t at = 0; at + ENTRY <= folder->len; at += ENTRY) {
		const uint8_t *p = (const uint8_t *)folder->s + at;

		if (p[0] == 0)
			return false;
		if (p[0] != 0xe5 && (p[11] & 0x3f) == ATTR_LONG) {
			long_piece(&l, p);
			continue;
		}
		if (p[0] != 0xe5 && (p[11] & ATTR_LABEL) == 0 &&
		    is_called(&l, p, name, n)) {
			file->cluster =
			    (uint32_t)get_le16(p + 20) << 16 | get_le16(p + 26);
			file->size = get_le32(p + 28);
			file->is_dir = (p[11] & ATTR_DIR) != 0;
			return true;
		}
		l.expected = 1; /* what comes next has no long name yet */
	}
	return false;
}

/* ---- the disc ----------------------------------------------------------- */

/* The root folder's label entry overrides the boot sector's. */
static void
root_label(struct fat *f)
{
	own(strbuf_clear) struct strbuf folder = { 0 };
	struct error e;

	if (read_folder(f, 0, &folder, &e) == -1)
		return;
	for (size_t at = 0; at + ENTRY <= folder.len; at += ENTRY) {
		const uint8_t *p = (const uint8_t *)folder.s + at;
		size_t n = 11;

		if (p[0] == 0)
			return;
		if (p[0] == 0xe5 || (p[11] & 0x3f) == ATTR_LONG ||
		    (p[11] & ATTR_LABEL) == 0)
			continue;
		while (n > 0 && p[n - 1] == ' ')
			n--;
		memcpy(f->label, p, n);
		f->label[n] = '\0';
		return;
	}
}

static bool
fat_probe(int fd, char label[DISC_LABEL])
{
	struct fat f;

	if (!fat_open(&f, fd))
		return false;
	root_label(&f);
	memcpy(label, f.label, sizeof(f.label));
	return true;
}

static int
fat_find(
    const struct fat *f, const char *path, struct file *file, struct error *e)
{
	*file = (struct file){ .is_dir = true };
	for (;;) {
		own(strbuf_clear) struct strbuf folder = { 0 };
		size_t n = strcspn(path, "/");

		if (read_folder(f, file->cluster, &folder, e) == -1)
			return -1;
		if (!entry_find(&folder, path, n, file))
			return error_set(e, ENOENT, "no such file");
		if (path[n] == '\0')
			return 0;
		if (!file->is_dir || file->cluster == 0)
			return error_set(e, ENOENT, "no such file");
		path += n + 1;
	}
}

static int
fat_read(
    int fd, const char *path, size_t max, struct strbuf *b, struct error *e)
{
	size_t start = b->len;
	struct file file;
	struct fat f;

	if (!fat_open(&f, fd))
		return error_set(e, EPROTO, "no FAT");
	if (fat_find(&f, path, &file, e) == -1)
		return error_prefix(e, "%s", path);
	if (file.is_dir)
		return error_set(e, EPROTO, "%s: not a plain file", path);
	if (file.size > max)
		return error_set(
		    e, EFBIG, "%s: longer than %zu bytes", path, max);
	if (read_chain(&f, file.cluster, file.size, b, e) == -1)
		return error_prefix(e, "%s", path);
	if (b->len - start != file.size)
		return error_set(e, EIO, "%s: cut short", path);
	return 0;
}

const struct disc_format disc_fat = {
	.name = "FAT",
	.probe = fat_probe,
	.read = fat_read,
};
