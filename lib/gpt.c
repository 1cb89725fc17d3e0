/* SPDX-License-Identifier: Apache-2.0 */
/* Headers and arrays laid out by hand, checked by CRC-32. */
#include "lib/gpt.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/disk.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"

#define ENTRY_BYTES 128
#define ARRAY_BYTES (GPT_ENTRIES * ENTRY_BYTES)
#define HEADER_BYTES 92
#define SIGNATURE "EFI PART"

/* ---- types ------------------------------------------------------------- */

static const struct {
	const char *code, *name, *guid;
} types[] = {
	{ "8300", "linux-generic", "0FC63DAF-8483-4772-8E79-3D69D8477DE4" },
	{ "8200", "swap", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F" },
	{ "8301", "linux-reserved", "8DA63339-0007-60C0-C436-083AC8230908" },
	{ "8302", "home", "933AC7E1-2EB4-4F13-B844-0E14E2AEF915" },
	{ "8303", "root-x86", "44479540-F297-41B2-9AF7-D131D5F0458A" },
	{ "8304", "root-x86-64", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709" },
	{ "8305", "root-arm64", "B921B045-1DF0-41C3-AF44-4C6F280D3FAE" },
	{ "8306", "srv", "3B8F8425-20E0-4F3B-907F-1A25A76F98E8" },
	{ "8307", "root-arm", "69DAD710-2CE4-4E3C-B16C-21A1D49ABED3" },
	{ "8308", "dm-crypt", "7FFEC5C9-2D00-49B7-8941-3EA10A5586B7" },
	{ "8309", "luks", "CA7D7CCB-63ED-4C53-861C-1742536059CC" },
	{ "830b", "root-x86-verity", "D13C5D3B-B5D1-422A-B29F-9454FDC89D76" },
	{ "830c", "root-x86-64-verity",
	    "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5" },
	{ "830d", "root-arm-verity", "7386CDF2-203C-47A9-A498-F2ECCE45A2D6" },
	{ "830e", "root-arm64-verity", "DF3300CE-D69F-4C92-978C-9BFB0F38D820" },
	{ "8310", "var", "4D21B016-B534-45C2-A9FB-5C16E091FD2D" },
	{ "8311", "tmp", "7EC6F557-3BC5-4ACA-B293-16EF5DF639D1" },
	{ "8314", "usr-x86-64", "8484680C-9521-48C6-9C11-B0720656F69E" },
	{ "8316", "usr-arm64", "B0E01050-EE5F-4390-949A-9101B17104E9" },
	{ "8319", "usr-x86-64-verity", "77FF5F63-E7B6-4633-ACF4-1565B864C0E6" },
	{ "831b", "usr-arm64-verity", "6E11A4E7-FBCA-4DED-B9E9-E1A512BB664E" },
	{ "8e00", "lvm", "E6D6D379-F507-44C2-A23C-238F2A3DF928" },
	{ "ea00", "xbootldr", "BC13C2FF-59E6-4262-A352-B275FD6F7172" },
	{ "ef00", "esp", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" },
	{ "ef01", "mbr-scheme", "024DEE41-33E7-11D3-9D69-0008C781F39F" },
	{ "ef02", "bios-boot", "21686148-6449-6E6F-744E-656564454649" },
	{ "4100", "prep", "9E1A2D38-C612-4316-AA26-8B49521E5A8B" },
	{ "0700", "msdata", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7" },
	{ "0c01", "msreserved", "E3C9E316-0B5C-4DB8-817D-F92DF00215AE" },
	{ "fd00", "raid", "A19D880F-05FC-4D3B-A006-743F0F84911E" },
};

/* GUID text to 16 bytes in the order written. */
static bool
guid_parse(const char *s, uint8_t uuid[16])
{
	static const int dash[] = { 8, 13, 18, 23 };
	size_t at = 0, n = 0;

	if (strlen(s) != 36)
		return false;
	while (n < 16) {
		unsigned byte;

		for (size_t i = 0; i < 4; i++)
			if ((int)at == dash[i] && s[at++] != '-')
				return false;
		if (!isxdigit((unsigned char)s[at]) ||
		    !isxdigit((unsigned char)s[at + 1]) ||
		    sscanf(s + at, "%2x", &byte) != 1)
			return false;
		uuid[n++] = (uint8_t)byte;
		at += 2;
	}
	return true;
}

void
gpt_guid(const uint8_t uuid[16], uint8_t guid[16])
{
	static const uint8_t from[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11,
		12, 13, 14, 15 };

	for (int i = 0; i < 16; i++)
		guid[i] = uuid[from[i]];
}

bool
gpt_type(const char *text, uint8_t type[16])
{
	uint8_t uuid[16];

	if (strncasecmp(text, "0x", 2) == 0 && strlen(text) == 6)
		text += 2; /* some write the code as a number */
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcasecmp(text, types[i].code) == 0 ||
		    strcasecmp(text, types[i].name) == 0) {
			text = types[i].guid;
			break;
		}
	if (!guid_parse(text, uuid))
		return false;
	gpt_guid(uuid, type);
	return true;
}

/* ---- geometry ---------------------------------------------------------- */

static uint64_t
array_sectors(const struct gpt *g)
{
	return round_up(ARRAY_BYTES, g->sector) / g->sector;
}

static uint64_t
first_usable(const struct gpt *g)
{
	return 2 + array_sectors(g);
}

uint64_t
gpt_last_usable(const struct gpt *g)
{
	return g->sectors - 2 - array_sectors(g);
}

static uint32_t
crc32(const uint8_t *p, size_t n)
{
	uint32_t c = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		c ^= p[i];
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
	}
	return ~c;
}

static int
write_at(int fd, const void *data, size_t n, uint64_t at)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = pwrite(fd, p, n, (off_t)at);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return -1;
		p += w;
		at += (uint64_t)w;
		n -= (size_t)w;
	}
	return 0;
}

/* ---- writing ----------------------------------------------------------- */

static void
entry_put(const struct gpt_partition *p, uint8_t *to)
{
	memcpy(to, p->type, 16);
	memcpy(to + 16, p->guid, 16);
	put_le64(to + 32, p->first);
	put_le64(to + 40, p->last);
	put_le64(to + 48, p->attributes);
	for (size_t i = 0; i < 36 && p->name[i] != '\0'; i++)
		put_le16(to + 56 + 2 * i, (uint8_t)p->name[i]);
}

static void
header_put(const struct gpt *g, const uint8_t *array, uint64_t here,
    uint64_t other, uint64_t array_at, uint8_t *to)
{
	memcpy(to, SIGNATURE, 8);
	put_le32(to + 8, 0x10000);
	put_le32(to + 12, HEADER_BYTES);
	put_le64(to + 24, here);
	put_le64(to + 32, other);
	put_le64(to + 40, first_usable(g));
	put_le64(to + 48, gpt_last_usable(g));
	memcpy(to + 56, g->guid, 16);
	put_le64(to + 72, array_at);
	put_le32(to + 80, GPT_ENTRIES);
	put_le32(to + 84, ENTRY_BYTES);
	put_le32(to + 88, crc32(array, ARRAY_BYTES));
	put_le32(to + 16, crc32(to, HEADER_BYTES));
}

/* One partition of type 0xEE over the whole disk; boot code stays. */
static int
write_protective(const struct gpt *g, int fd)
{
	const struct disk_source disk = { .fd = fd };
	uint8_t mbr[512] = { 0 };
	uint8_t *p = mbr + 446;

	if (disk_read(&disk, mbr, sizeof(mbr), 0) == -1)
		return -1;
	memset(p, 0, 64);
	p[1] = 0;
	p[2] = 2;
	p[3] = 0;
	p[4] = 0xee;
	memset(p + 5, 0xff, 3);
	put_le32(p + 8, 1);
	put_le32(p + 12,
	    g->sectors - 1 > 0xffffffff ? 0xffffffff
					: (uint32_t)(g->sectors - 1));
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
	return write_at(fd, mbr, sizeof(mbr), 0);
}

int
gpt_write(const struct gpt *g, int fd, struct error *e)
{
	own_free uint8_t *array = mem_alloc(ARRAY_BYTES);
	own_free uint8_t *header = mem_alloc(g->sector);
	uint64_t end = g->sectors - 1, backup = end - array_sectors(g);

	for (size_t i = 0; i < GPT_ENTRIES; i++)
		entry_put(&g->partitions[i], array + i * ENTRY_BYTES);
	header_put(g, array, 1, end, 2, header);
	if (write_protective(g, fd) == -1 ||
	    write_at(fd, header, g->sector, g->sector) == -1 ||
	    write_at(fd, array, ARRAY_BYTES, 2 * (uint64_t)g->sector) == -1)
		return error_errno(e, "partition table");
	memset(header, 0, g->sector);
	header_put(g, array, end, 1, backup, header);
	if (write_at(fd, array, ARRAY_BYTES, backup * g->sector) == -1 ||
	    write_at(fd, header, g->sector, end * g->sector) == -1)
		return error_errno(e, "backup partition table");
	return 0;
}

/* ---- reading ----------------------------------------------------------- */

static int
header_check(const struct gpt *g, uint8_t *h, uint64_t here, struct error *e)
{
	uint32_t crc = get_le32(h + 16);
	uint64_t array = get_le64(h + 72);

	if (memcmp(h, SIGNATURE, 8) != 0)
		return error_set(e, EINVAL, "no GPT header");
	if (get_le32(h + 12) != HEADER_BYTES ||
	    get_le32(h + 80) != GPT_ENTRIES || get_le32(h + 84) != ENTRY_BYTES)
		return error_set(e, EINVAL, "GPT of unusual dimensions");
	put_le32(h + 16, 0);
	if (crc32(h, HEADER_BYTES) != crc || get_le64(h + 24) != here)
		return error_set(e, EINVAL, "GPT header is damaged");
	if (array < 2 || array > g->sectors - array_sectors(g))
		return error_set(e, EINVAL, "GPT array lies outside the disk");
	return 0;
}

static void
entry_get(const uint8_t *from, struct gpt_partition *p)
{
	memcpy(p->type, from, 16);
	memcpy(p->guid, from + 16, 16);
	p->first = get_le64(from + 32);
	p->last = get_le64(from + 40);
	p->attributes = get_le64(from + 48);
	for (size_t i = 0; i < 36; i++) {
		uint16_t c = get_le16(from + 56 + 2 * i);

		p->name[i] = (char)(c < 0x80 ? c : '?');
	}
	p->name[36] = '\0';
}

static bool
is_used(const struct gpt_partition *p)
{
	static const uint8_t none[16];

	return memcmp(p->type, none, 16) != 0;
}

static int
entries_check(const struct gpt *g, struct error *e)
{
	for (size_t i = 0; i < GPT_ENTRIES; i++) {
		const struct gpt_partition *p = &g->partitions[i];

		if (!is_used(p))
			continue;
		if (p->first > p->last || p->first < first_usable(g) ||
		    p->last > gpt_last_usable(g))
			return error_set(e, EINVAL,
			    "partition %zu lies outside the disk", i + 1);
		for (size_t k = 0; k < i; k++)
			if (is_used(&g->partitions[k]) &&
			    p->first <= g->partitions[k].last &&
			    g->partitions[k].first <= p->last)
				return error_set(e, EINVAL,
				    "partitions %zu and %zu overlap", k + 1,
				    i + 1);
	}
	return 0;
}

static int
table_read(
    struct gpt *g, const struct disk_source *d, uint64_t here, struct error *e)
{
	own_free uint8_t *header = mem_alloc(g->sector);
	own_free uint8_t *array = mem_alloc(ARRAY_BYTES);

	if (disk_read(d, header, g->sector, here * g->sector) == -1)
		return error_errno(e, "GPT header");
	if (header_check(g, header, here, e) == -1)
		return -1;
	if (disk_read(
		d, array, ARRAY_BYTES, get_le64(header + 72) * g->sector) == -1)
		return error_errno(e, "GPT array");
	if (crc32(array, ARRAY_BYTES) != get_le32(header + 88))
		return error_set(e, EINVAL, "GPT array is damaged");
	memcpy(g->guid, header + 56, 16);
	for (size_t i = 0; i < GPT_ENTRIES; i++)
		entry_get(array + i * ENTRY_BYTES, &g->partitions[i]);
	return entries_check(g, e);
}

int
gpt_read(struct gpt *g, const struct disk_source *d, struct error *e)
{
	struct error second;

	if (g->sectors < 2 * array_sectors(g) + 3)
		return error_set(e, EINVAL, "too small for a GPT");
	if (table_read(g, d, 1, e) == 0)
		return 0;
	if (table_read(g, d, g->sectors - 1, &second) == 0)
		return 0;
	return -1;
}
