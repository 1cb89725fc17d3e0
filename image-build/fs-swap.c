/* SPDX-License-Identifier: Apache-2.0 */
/* Swap space: one header page, as mkswap(8) writes it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "lib/bytes.h"
#include "lib/error.h"

#define PAGE 4096

static int
write_swap(const struct fs_job *job, struct error *e)
{
	uint8_t page[PAGE] = { 0 };
	uint64_t pages = job->bytes / PAGE;

	if (pages < 10 || pages > UINT32_MAX)
		return error_set(e, EINVAL, "%s: %llu pages cannot be swap",
		    job->what, (unsigned long long)pages);
	put_le32(page + 1024, 1); /* version */
	put_le32(page + 1028, (uint32_t)pages - 1);
	memcpy(page + 1036, job->uuid, 16);
	memcpy(page + 1052, job->label, strnlen(job->label, 16));
	memcpy(page + PAGE - 10, "SWAPSPACE2", 10);
	if (pwrite(job->fd, page, PAGE, (off_t)job->offset) != PAGE)
		return error_errno(e, "%s", job->what);
	return 0;
}

const struct fs_kind fs_swap = {
	.name = "swap",
	.summary = "swap space",
	.label_max = 16,
	.write = write_swap,
};
