/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUB for BIOS, embedded without running grub-install: the tree holds
 * boot.img and core.img, the disk a BIOS boot partition or, with an MBR, a gap
 * before its first partition.  boot.img goes to the first sector and is told
 * where core.img begins; core.img goes into the partition or the gap, and its
 * first sector is told where the rest is.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "image-build/target.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/gpt.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define BOOT_IMG "boot/grub/i386-pc/boot.img"
#define CORE_IMG "boot/grub/i386-pc/core.img"

#define SECTOR 512
#define CODE_BYTES 440 /* of a boot sector, before the disk's id */
#define KERNEL_SECTOR 0x5c /* in boot.img: 64 bits, where core.img is */
#define DRIVE_CHECK 0x66 /* in boot.img: a jump that hard disks drop */
#define BLOCK_LIST (SECTOR - 12) /* in core.img: start, length, segment */
#define SEGMENT 0x820 /* where the rest is loaded, in paragraphs */

/* Where core.img goes. */
struct room {
	uint64_t start, bytes;
	const char *name;
};

static bool
gap(const struct disk *disk, struct room *room)
{
	uint64_t end = UINT64_MAX;

	for (size_t i = 0; i < disk->npartitions; i++)
		if (disk->partitions[i].start < end)
			end = disk->partitions[i].start;
	*room = (struct room){ SECTOR, end > SECTOR ? end - SECTOR : 0,
		"the gap before the first partition" };
	return disk->npartitions > 0;
}

static bool
find_room(const struct disk *disk, struct room *room)
{
	uint8_t bios[16], type[16];

	if (disk->table == &table_mbr)
		return gap(disk, room);
	(void)gpt_type("bios-boot", bios);
	for (size_t i = 0; i < disk->npartitions; i++) {
		const struct partition *p = &disk->partitions[i];

		*room = (struct room){ p->start, p->bytes, p->name };
		if (gpt_type(p->type, type) && memcmp(type, bios, 16) == 0)
			return true;
	}
	return false;
}

static bool
fits(const struct boot_job *job)
{
	struct room room;

	return find_room(&job->layout->disks[job->disk], &room) &&
	    target_exists(job->tree, BOOT_IMG) &&
	    target_exists(job->tree, CORE_IMG);
}

static int
load(const char *tree, const char *name, size_t least, struct strbuf *b,
    struct error *e)
{
	if (target_read(tree, name, LIMIT_TEXT_BYTES, b, e) == -1)
		return -1;
	if (b->len < least)
		return error_set(e, EINVAL, "%s: only %zu bytes", name, b->len);
	return 0;
}

static int
put(int fd, const void *data, size_t n, uint64_t at, struct error *e)
{
	if (pwrite(fd, data, n, (off_t)at) != (ssize_t)n)
		return error_errno(e, "write loader");
	return 0;
}

static int
write_loader(const struct boot_job *job, struct error *e)
{
	own(strbuf_clear) struct strbuf boot = { 0 }, core = { 0 };
	struct room room;
	uint64_t first;

	(void)find_room(&job->layout->disks[job->disk], &room);
	first = room.start / SECTOR;
	if (load(job->tree, BOOT_IMG, SECTOR, &boot, e) == -1 ||
	    load(job->tree, CORE_IMG, 2 * SECTOR, &core, e) == -1)
		return -1;
	if (core.len > room.bytes || core.len / SECTOR > UINT16_MAX)
		return error_set(e, ENOSPC, "%s: %zu bytes do not fit into %s",
		    CORE_IMG, core.len, room.name);
	put_le64(boot.s + KERNEL_SECTOR, first);
	put_le16(boot.s + DRIVE_CHECK, 0x9090);
	put_le64(core.s + BLOCK_LIST, first + 1);
	put_le16(core.s + BLOCK_LIST + 8,
	    (uint16_t)(round_up(core.len, SECTOR) / SECTOR - 1));
	put_le16(core.s + BLOCK_LIST + 10, SEGMENT);
	if (put(job->fd, boot.s, CODE_BYTES, 0, e) == -1)
		return -1;
	return put(job->fd, core.s, core.len, room.start, e);
}

const struct boot_kind boot_grub_bios = {
	.name = "grub-bios",
	.summary = "GRUB in a BIOS boot partition or after the MBR",
	.fits = fits,
	.write = write_loader,
};
