/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a disc, ISO 9660 or FAT.  So that small inputs reach far, what
 * is given is laid from where the format begins on.
 */
#include "collect-config/disc.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try(const uint8_t *data, size_t size, off_t at)
{
	own_fd int fd = memfd_create("disc", MFD_CLOEXEC);
	struct disc disc = { .fd = -1 };

	if (fd == -1 || pwrite(fd, data, size, at) != (ssize_t)size ||
	    !disc_probe(fd, &disc))
		return;
	for (int i = 0; i < 2; i++) {
		own(strbuf_clear) struct strbuf b = { 0 };
		struct error e;

		(void)disc_read(&disc,
		    i ? "openstack/latest/meta_data.json" : "meta-data", MIB(1),
		    &b, &e);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try(data, size, 0);
	try(data, size, 16 * 2048);
	return 0;
}
