/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system or a disk in a file, or on a device here.  squashfs and erofs
 * are unpacked by their own programs; of ext4, alone or on a disk that is raw
 * or qcow2, the files that are wanted are read, and nothing else.  The kernel
 * never mounts what is not verified.
 *
 * All of them need their bytes out of order, so one at a URL is fetched into
 * the staging tree first.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "image-update/fetch.h"
#include "image-update/update.h"
#include "lib/disk.h"
#include "lib/error.h"
#include "lib/ext4.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/tree.h"
#include "lib/volumes.h"

#define SPOOL PART "image" /* in the staging tree: what came from a URL */
#define HEAD 4104 /* bytes that tell what it is */

enum kind {
	KIND_NONE,
	KIND_SQUASHFS,
	KIND_EROFS,
	KIND_DISK, /* with ext4 on it, or nothing but that */
};

/* ---- which it is ----------------------------------------------------------------- */

struct mark {
	size_t at;
	const char *magic;
	size_t n;
	enum kind kind;
};

/* Archives come first: any bytes may be in what is compressed. */
static const struct mark marks[] = {
	{ 0, "\x1f\x8b", 2, KIND_NONE },
	{ 0, "\xfd\x37zXZ", 5, KIND_NONE },
	{ 0, "\x28\xb5\x2f\xfd", 4, KIND_NONE },
	{ 0, "BZh", 3, KIND_NONE },
	{ 0, "\x04\x22\x4d\x18", 4, KIND_NONE },
	{ 257, "ustar", 5, KIND_NONE },
	{ 0, "hsqs", 4, KIND_SQUASHFS },
	{ 1024, "\xe2\xe1\xf5\xe0", 4, KIND_EROFS },
	{ 0, "QFI\xfb", 4, KIND_DISK },
	{ 1080, "\x53\xef", 2, KIND_DISK },
	{ 512, "EFI PART", 8, KIND_DISK },
	{ 4096, "EFI PART", 8, KIND_DISK },
	{ 510, "\x55\xaa", 2, KIND_DISK },
};

static enum kind
kind_of(const char *path)
{
	own_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char head[HEAD] = "";

	if (fd == -1 || pread(fd, head, sizeof(head), 0) <= 0)
		return KIND_NONE;
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (memcmp(head + marks[i].at, marks[i].magic, marks[i].n) == 0)
			return marks[i].kind;
	return KIND_NONE;
}

const char *const image_endings[] = { ".squashfs", ".erofs", ".qcow2", ".raw",
	".img", ".ext4", NULL };

/* What is at a URL only its name tells. */
static const char *
ending_of(const char *place)
{
	size_t n = strlen(place);

	for (size_t i = 0; image_endings[i] != NULL; i++) {
		size_t m = strlen(image_endings[i]);

		if (n > m && strcmp(place + n - m, image_endings[i]) == 0)
			return image_endings[i];
	}
	return NULL;
}

bool
image_is_place(const char *place)
{
	return fetch_is_url(place) ? ending_of(place) != NULL
				   : kind_of(place) != KIND_NONE;
}

/* ---- unpacking ------------------------------------------------------------------- */

static int
run_program(
    struct confined *to, const char *path, enum kind kind, struct error *e)
{
	own_free char *extract = mem_printf("--extract=%s", to->folder);
	const char *const squashfs[] = { "unsquashfs", "-quiet", "-no-progress",
		"-no-xattrs", "-force", "-dest", to->folder, path, NULL };
	const char *const erofs[] = { "fsck.erofs", extract, "--overwrite",
		"--no-preserve", path, NULL };
	struct proc_status status;

	if (confined_run(to, kind == KIND_SQUASHFS ? squashfs : erofs, NULL,
		&status, e) == -1)
		return -1;
	if (proc_check(&status, e) == 0)
		return 0;
	return error_set(e, EBADMSG, "%s: %s", path,
	    *to->said != '\0' ? to->said : "it cannot be unpacked");
}

static bool
wants_path(void *ctx, const char *path)
{
	const struct filling *f = ctx;
	const struct contents_entry *t = contents_find(f->new, path);

	return t != NULL && fill_wants(f, (size_t)(t - f->new->entries));
}

static int
read_disk(const struct disk_source *d, const char *name,
    struct ext4_source *from, int to, struct error *e)
{
	own(volumes_clear) struct volumes volumes = { 0 };
	const struct disk_volume *root;

	if (volumes_read(d, NULL, &volumes, e) == -1)
		return error_prefix(e, "%s", name);
	root = volumes_root(&volumes);
	if (root == NULL)
		return error_set(e, EBADMSG,
		    "%s: which partition has the system cannot be told", name);
	if (root->kind != VOLUME_EXT)
		return error_set(e, EBADMSG,
		    "%s: its system is on %s; of a disk only ext4 is read",
		    name, volume_kind_name(root->kind));
	from->offset = root->offset;
	return ext4_read(from, to, e);
}

/* Only what is wanted is read, into the folder that a program would have. */
static int
unpack_disk(const struct filling *f, const struct confined *to,
    const char *path, struct error *e)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	own(disk_close) struct disk_source disk = { .fd = fd };
	struct ext4_source from = { .disk = &disk,
		.name = path,
		.wants = wants_path,
		.ctx = (void *)(uintptr_t)f };
	int r;

	if (fd == -1)
		return error_errno(e, "%s", path);
	if (disk_open(&disk, fd, e) == -1)
		return error_prefix(e, "%s", path);
	r = read_disk(&disk, path, &from, to->dir, e);
	/* What it holds is wrong, whatever libext2fs made of it. */
	if (r == -1 && (e->code == EIO || e->code == EINVAL))
		e->code = EBADMSG;
	return r;
}

static int
unpack(const struct filling *f, struct confined *to, const char *path,
    struct error *e)
{
	enum kind kind = kind_of(path);

	if (kind == KIND_NONE)
		return error_set(e, EBADMSG,
		    "%s: neither a file system nor a disk that is known", path);
	return kind == KIND_DISK ? unpack_disk(f, to, path, e)
				 : run_program(to, path, kind, e);
}

/* ---- from a URL -------------------------------------------------------------------- */

static int
check_room(const struct filling *f, uint64_t size, struct error *e)
{
	struct statvfs fs;

	if (fstatvfs(f->staging, &fs) == -1)
		return error_errno(e, STAGING);
	if (size / fs.f_frsize + 1 > fs.f_bavail)
		return error_set(e, ENOSPC,
		    "the image has %llu bytes, %llu are free",
		    (unsigned long long)size,
		    (unsigned long long)fs.f_bavail * fs.f_frsize);
	return 0;
}

static int
spool_bytes(struct fetch *from, const struct filling *f, struct error *e)
{
	own_free char *buffer = mem_alloc(KIB(64));
	own_fd int fd = openat(f->staging, SPOOL,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n = fetch_read(from, buffer, KIB(64), e);

	if (fd == -1)
		return error_errno(e, SPOOL);
	if (n > 0 && fetch_size(from) == FETCH_END)
		return error_set(
		    e, EBADMSG, "its server does not tell how long it is");
	if (n > 0 && check_room(f, fetch_size(from), e) == -1)
		return -1;
	for (; n > 0; n = fetch_read(from, buffer, KIB(64), e))
		if (file_write_all(fd, buffer, (size_t)n) == -1)
			return error_errno(e, SPOOL);
	return n == -1 ? -1 : 0;
}

/* Its path; the caller's. */
static char *
spool(const char *place, const struct filling *f, struct error *e)
{
	ownp(fetch_free) struct fetch *from = fetch_new(place);
	own_free char *name = mem_printf("/proc/self/fd/%d/" SPOOL, f->staging);
	char *path = NULL;

	if (spool_bytes(from, f, e) == 0) {
		path = realpath(name, NULL);
		if (path == NULL)
			error_errno(e, SPOOL);
	}
	if (path == NULL)
		(void)unlinkat(f->staging, SPOOL, 0);
	return path;
}

uint64_t
image_cost(const char *place)
{
	ownp(fetch_free) struct fetch *from = fetch_new(place);
	struct error e;
	char byte;

	if (!fetch_is_url(place))
		return 0;
	return fetch_exactly(from, 0, &byte, 1, &e) == 0 ? fetch_size(from)
							 : FETCH_END;
}

bool
image_is_unpacked_whole(const char *place)
{
	const char *ending = ending_of(place);
	enum kind kind = fetch_is_url(place) ? KIND_NONE : kind_of(place);

	return kind == KIND_SQUASHFS || kind == KIND_EROFS ||
	    (kind == KIND_NONE && ending != NULL &&
		(strcmp(ending, ".squashfs") == 0 ||
		    strcmp(ending, ".erofs") == 0));
}

/* ---- the carrier --------------------------------------------------------------------- */

static int
bring_file(struct filling *f, const char *path, struct error *e)
{
	own(confined_clear) struct confined to = { .dir = -1, .links = true };
	struct error why;
	int r;

	/* What another start has left is taken first. */
	if (confined_open(&to, f->staging, e) == -1 ||
	    confined_take(&to, f, e) == -1 ||
	    tree_empty(f->staging, CONFINED, e) == -1)
		return -1;
	for (size_t i = 0; i < f->new->n; i++)
		if (f->new->entries[i].type == 'f' &&
		    f->new->entries[i].size > to.most)
			to.most = f->new->entries[i].size;
	r = unpack(f, &to, path, &why);
	if (confined_take(&to, f, e) == -1)
		return -1;
	if (r == -1)
		*e = why;
	return r;
}

static int
bring(struct carrier *c, const struct source *s, struct filling *f,
    struct error *e)
{
	bool remote = fetch_is_url(c->place);
	own_free char *path =
	    remote ? spool(c->place, f, e) : realpath(c->place, NULL);
	int r;

	(void)s;
	if (path == NULL)
		return remote ? -1 : error_errno(e, "%s", c->place);
	r = bring_file(f, path, e);
	if (remote)
		(void)unlinkat(f->staging, SPOOL, 0);
	return r;
}

const struct carrier_kind carrier_image = {
	.name = "image",
	.summary = "a file system, or a disk with one, in a file",
	.bring = bring,
};
