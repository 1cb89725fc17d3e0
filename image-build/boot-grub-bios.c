/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUB for BIOS, embedded without running grub-install: the tree holds
 * boot.img and core.img, the disk a BIOS boot partition.  boot.img goes to
 * the first sector and is told where core.img begins; core.img goes into the
 * partition, and its first sector is told where the rest is.
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

static const struct partition *
boot_partition(const struct disk *disk)
{
	uint8_t bios[16], type[16];

	(void)gpt_type("bios-boot", bios);
	for (size_t i = 0; i < disk->npartitions; i++)
		if (gpt_type(disk->partitions[i].type, type) &&
		    memcmp(type, bios, 16) == 0)
			return &disk->partitions[i];
	return NULL;
}

static bool
fits(const struct boot_job *job)
{
	return boot_partition(&job->layout->disks[job->disk]) != NULL &&
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
	const struct partition *p =
	    boot_partition(&job->layout->disks[job->disk]);
	own(strbuf_clear) struct strbuf boot = { 0 }, core = { 0 };
	uint64_t first = p->start / SECTOR;

	if (load(job->tree, BOOT_IMG, SECTOR, &boot, e) == -1 ||
	    load(job->tree, CORE_IMG, 2 * SECTOR, &core, e) == -1)
		return -1;
	if (core.len > p->bytes || core.len / SECTOR > UINT16_MAX)
		return error_set(e, ENOSPC,
		    "%s: %zu bytes do not fit into partition %s", CORE_IMG,
		    core.len, p->name);
	put_le64(boot.s + KERNEL_SECTOR, first);
	put_le16(boot.s + DRIVE_CHECK, 0x9090);
	put_le64(core.s + BLOCK_LIST, first + 1);
	put_le16(core.s + BLOCK_LIST + 8,
	    (uint16_t)(round_up(core.len, SECTOR) / SECTOR - 1));
	put_le16(core.s + BLOCK_LIST + 10, SEGMENT);
	if (put(job->fd, boot.s, CODE_BYTES, 0, e) == -1)
		return -1;
	return put(job->fd, core.s, core.len, p->start, e);
}

const struct boot_kind boot_grub_bios = {
	.name = "grub-bios",
	.summary = "GRUB in a BIOS boot partition",
	.fits = fits,
	.write = write_loader,
};
