/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive of any bytes, unpacked as a whole and as a layer: nothing is
 * touched outside the folder.  A file beside it tells.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tar.h"
#include "lib/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char scratch[] = "/tmp/fuzz-tar-XXXXXX";
static int root = -1;

static void
end(void)
{
	struct error e;

	(void)tree_remove(AT_FDCWD, scratch, &e);
}

static void
begin(void)
{
	struct error e;

	if (mkdtemp(scratch) == NULL)
		abort();
	root = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file_replace(root, "outside", 0600, "untouched", 9, &e) == -1)
		abort();
	atexit(end);
}

/* Beside the tree stands what stood there, and nothing else. */
static void
check_outside(void)
{
	own(strlist_clear) struct strlist names = { 0 };
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error e;
	struct stat st;

	if (file_names(root, ".", &names, &e) == -1 || names.len != 2 ||
	    file_read(root, "outside", 100, &text, &e) == -1 ||
	    strcmp(strbuf_text(&text), "untouched") != 0 ||
	    fstatat(root, "outside", &st, 0) == -1 || st.st_nlink != 1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tar_bounds bounds = { .entries = 200, .bytes = 1 << 20 };
	own_fd int fd = memfd_create("archive", MFD_CLOEXEC);
	struct error e;
	char path[64];

	if (root == -1)
		begin();
	if (fd == -1 || file_write_all(fd, data, size) == -1)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (int flags = 0; flags <= TAR_LAYER; flags += TAR_LAYER) {
		own_fd int to = -1;

		if (mkdirat(root, "tree", 0700) == -1)
			abort();
		to = openat(root, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)tar_extract_within(-1, path, to, flags, &bounds, &e);
		check_outside();
		if (tree_remove(root, "tree", &e) == -1)
			abort();
	}
	return 0;
}
