/* SPDX-License-Identifier: Apache-2.0 */
/* A disc image of any bytes: paths stay inside, reading stays in bounds. */
#include "lib/tar.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define MOST_FILES 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
visit(void *ctx, const char *path, struct tar_entry *entry, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	int *files = ctx;

	if (!path_is_inside(path))
		abort();
	(void)tar_read(entry, 65536, &text, e);
	if (text.len > 65536)
		abort();
	return ++*files < MOST_FILES ? 0 : 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own_fd int fd = memfd_create("disc", MFD_CLOEXEC);
	char path[64];
	struct error e;
	int files = 0;

	if (fd == -1 || file_write_all(fd, data, size) == -1)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)tar_walk_iso(-1, path, visit, &files, &e);
	return 0;
}
