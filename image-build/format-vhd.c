/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fixed virtual hard disk as Azure takes it: the disk, rounded up to a
 * whole MiB, and behind it a footer of 512 bytes (Virtual Hard Disk Image
 * Format Specification 1.0).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/format.h"
#include "lib/bytes.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"

#define FOOTER 512
#define UNIT ((uint64_t)1 << 20)
#define EPOCH 946684800 /* 2000-01-01 */
#define SECTORS_MOST 267382800 /* that cylinders, heads, sectors can tell */

/* The specification's appendix: a geometry that is not larger. */
static void
set_geometry(uint8_t *f, uint64_t bytes)
{
	uint64_t sectors = bytes / 512, tracks;
	unsigned heads, per_track;

	if (sectors > SECTORS_MOST)
		sectors = SECTORS_MOST;
	if (sectors > (uint64_t)65535 * 16 * 63) {
		per_track = 255;
		heads = 16;
		tracks = sectors / per_track;
	} else {
		per_track = 17;
		tracks = sectors / per_track;
		heads = (unsigned)(tracks + 1023) / 1024;
		if (heads < 4)
			heads = 4;
		if (tracks >= (uint64_t)heads * 1024 || heads > 16) {
			per_track = 31;
			heads = 16;
			tracks = sectors / per_track;
		}
		if (tracks >= (uint64_t)heads * 1024) {
			per_track = 63;
			tracks = sectors / per_track;
		}
	}
	put_be16(f + 56, (uint16_t)(tracks / heads));
	f[58] = (uint8_t)heads;
	f[59] = (uint8_t)per_track;
}

static void
make_footer(const struct format_job *job, uint64_t bytes, uint8_t f[FOOTER])
{
	int64_t made = job->now > EPOCH ? job->now - EPOCH : 0;
	uint32_t sum = 0;

	memset(f, 0, FOOTER);
	memcpy(f, "conectix", 8);
	put_be32(f + 8, 2); /* features: reserved, always set */
	put_be32(f + 12, 0x10000); /* version 1.0 */
	put_be64(f + 16, UINT64_MAX); /* no further header */
	put_be32(f + 24, (uint32_t)made);
	memcpy(f + 28, "win ", 4); /* so that the size below holds */
	put_be32(f + 32, 0x10000);
	memcpy(f + 36, "Wi2k", 4);
	put_be64(f + 40, bytes);
	put_be64(f + 48, bytes);
	set_geometry(f, bytes);
	put_be32(f + 60, 2); /* fixed */
	digest_uuid(job->seed, "vhd", f + 68);
	for (size_t i = 0; i < FOOTER; i++)
		sum += f[i];
	put_be32(f + 64, ~sum);
}

static int
write_vhd(const struct format_job *job, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };
	uint8_t footer[FOOTER];
	uint64_t bytes = 0;

	if (format_disk_bytes(job, &bytes, e) == -1)
		return -1;
	bytes = round_up(bytes, UNIT);
	make_footer(job, bytes, footer);
	if (file_begin(&w, AT_FDCWD, job->output, 0644, e) == -1 ||
	    format_copy(job, &w, bytes + FOOTER, NULL, e) == -1)
		return -1;
	if (pwrite(w.fd, footer, FOOTER, (off_t)bytes) != FOOTER)
		return error_errno(e, "write");
	return file_publish(&w, e);
}

const struct format_kind format_vhd = {
	.name = "vhd",
	.summary = "fixed virtual hard disk, for Azure",
	.write = write_vhd,
};
