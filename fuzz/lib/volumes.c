/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The partition table and superblocks of any disk: refused, or volumes that
 * lie within the disk.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/disk.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/volumes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own_fd int fd = memfd_create("disk", MFD_CLOEXEC);
	own(volumes_clear) struct volumes v = { 0 };
	struct disk_source d;
	struct error e;

	if (fd == -1 || file_write_all(fd, data, size) == -1)
		return 0;
	d = (struct disk_source){ .fd = fd, .bytes = size };
	if (volumes_read(&d, "amd64", &v, &e) == -1)
		return 0;
	(void)volumes_root(&v);
	(void)volumes_named(&v, "LABEL=x");
	for (size_t i = 0; i < v.len; i++)
		if (v.items[i].offset > size ||
		    v.items[i].bytes > size - v.items[i].offset)
			abort();
	return 0;
}
