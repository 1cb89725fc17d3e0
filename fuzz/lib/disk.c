/* SPDX-License-Identifier: Apache-2.0 */
/* A file that says it is qcow2: refused, or read without leaving its bounds. */
#include "lib/disk.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own_fd int fd = memfd_create("disk", MFD_CLOEXEC);
	own_free char *buffer = mem_alloc(KIB(64));
	own(disk_close) struct disk_source d = { .fd = fd };
	struct error e;

	if (fd == -1 || file_write_all(fd, data, size) == -1 ||
	    disk_open(&d, fd, &e) == -1)
		return 0;
	for (unsigned i = 0; i < 16; i++)
		(void)disk_read(&d, buffer, KIB(64), d.bytes / 16 * i);
	if (d.qcow2 != NULL && disk_read(&d, buffer, 1, d.bytes) == 0)
		abort();
	return 0;
}
