/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A squashfs or erofs file system here, in a file or a partition, unpacked by
 * its own program: the kernel never mounts what is not verified.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image-update/update.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/proc.h"

#define EROFS_AT 1024 /* its superblock */

enum kind {
	KIND_NONE,
	KIND_SQUASHFS,
	KIND_EROFS,
};

static enum kind
kind_of(const char *path)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char head[EROFS_AT + 4] = "";

	if (fd == -1 || pread(fd, head, sizeof(head), 0) != sizeof(head))
		return KIND_NONE;
	return memcmp(head, "hsqs", 4) == 0 ? KIND_SQUASHFS
	    : memcmp(head + EROFS_AT, "\xe2\xe1\xf5\xe0", 4) == 0 ? KIND_EROFS
								  : KIND_NONE;
}

bool
image_is_place(const char *path)
{
	return kind_of(path) != KIND_NONE;
}

static int
unpack(struct confined *to, const char *path, struct error *e)
{
	own_free char *extract = mem_printf("--extract=%s", to->folder);
	const char *const squashfs[] = { "unsquashfs", "-quiet", "-no-progress",
		"-no-xattrs", "-force", "-dest", to->folder, path, NULL };
	const char *const erofs[] = { "fsck.erofs", extract, "--overwrite",
		"--no-preserve", path, NULL };
	struct proc_status status;

	if (confined_run(to, kind_of(path) == KIND_SQUASHFS ? squashfs : erofs,
		NULL, &status, e) == -1)
		return -1;
	if (proc_check(&status, e) == 0)
		return 0;
	return error_set(e, EBADMSG, "%s: %s", path,
	    *to->said != '\0' ? to->said : "it cannot be unpacked");
}

static int
bring(struct carrier *c, const struct source *s, struct filling *f,
    struct error *e)
{
	own(confined_clear) struct confined to = { .dir = -1 };
	own_free char *path = realpath(c->place, NULL);
	struct error why;
	int r;

	(void)s;
	if (path == NULL)
		return error_errno(e, "%s", c->place);
	if (confined_open(&to, f->staging, e) == -1)
		return -1;
	for (size_t i = 0; i < f->new->n; i++)
		if (f->new->entries[i].type == 'f' &&
		    f->new->entries[i].size > to.most)
			to.most = f->new->entries[i].size;
	r = unpack(&to, path, &why);
	if (confined_take(&to, f, e) == -1)
		return -1;
	if (r == -1)
		*e = why;
	return r;
}

const struct carrier_kind carrier_image = {
	.name = "image",
	.summary = "a squashfs or erofs file system in a file here",
	.bring = bring,
};
