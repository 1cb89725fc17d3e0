/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image: the root file system is that of a disk image, a vendor's or one of
 * our own.  What its fstab mounts from the same disk comes along.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/base.h"
#include "image-build/image-build.h"
#include "lib/bytes.h"
#include "lib/disk.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/ext4.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/tar.h"
#include "lib/tree.h"
#include "lib/volumes.h"

#define CONVERT_SECONDS 3600
#define MOUNT_SECONDS 60

struct disk_image {
	const char *arch; /* Debian's name */
	const char *raw; /* path */
	const char *scratch;
	struct disk_source disk;
	struct volumes volumes;
};

/* ---- from what it is stored as to a raw disk --------------------------------- */

/*
 * A qcow2 file may name other files, which would be read as part of it: a
 * backing file, an external data file.  QEMU's docs/interop/qcow2.txt.
 */
static int
check_qcow2(int fd, struct error *e)
{
	uint8_t h[104] = { 0 };

	if (pread(fd, h, sizeof(h), 0) < 72)
		return error_set(e, EINVAL, "is cut short");
	if (get_be32(h + 4) < 2 || get_be32(h + 4) > 3)
		return error_set(e, EINVAL, "qcow2 of version %u is not known",
		    get_be32(h + 4));
	if (get_be64(h + 8) != 0)
		return error_set(
		    e, EINVAL, "refers to another file, its backing file");
	if (get_be32(h + 32) != 0)
		return error_set(e, EINVAL, "is encrypted");
	if (get_be32(h + 4) == 3 && (get_be64(h + 72) & 4))
		return error_set(e, EINVAL, "has its data in another file");
	if (get_be64(h + 24) > LIMIT_TREE_BYTES)
		return error_set(e, EFBIG, "is a disk of %llu GiB: too large",
		    (unsigned long long)(get_be64(h + 24) >> 30));
	return 0;
}

static int
qemu_img(const char *const *args, struct strbuf *out, struct proc_status *st,
    struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	struct proc run = {
		.out = out, .seconds = CONVERT_SECONDS, .tick = log_tick
	};

	strlist_add(&argv, "qemu-img");
	for (; *args != NULL; args++)
		strlist_add(&argv, *args);
	run.argv = strlist_argv(&argv);
	return proc_run(&run, st, e);
}

/*
 * Clusters that are used several times over would make much of little: what
 * is not compressed has to be in the file.
 */
static int
check_clusters(const char *path, uint64_t size, struct error *e)
{
	const char *const args[] = { "check", "-f", "qcow2", "--output=json",
		path, NULL };
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	struct proc_status status;
	const struct value *v;
	long long all = 0, packed = 0, unit = 65536;
	uint8_t bits[4];
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (qemu_img(args, &text, &status, e) == -1)
		return -1;
	if (status.code != 0 && status.code != 3)
		return error_set(e, EBADMSG, "is damaged, says qemu-img check");
	v = doc_parse(d, strbuf_text(&text), text.len, "qemu-img check", e);
	if (v == NULL)
		return -1;
	(void)value_to_int(value_get(v, "allocated-clusters"), &all);
	(void)value_to_int(value_get(v, "compressed-clusters"), &packed);
	if (fd != -1 && pread(fd, bits, 4, 20) == 4 && get_be32(bits) < 32)
		unit = 1LL << get_be32(bits);
	if ((uint64_t)((all - packed) * unit) > size + (uint64_t)unit ||
	    (uint64_t)(packed * unit) >
		size * LIMIT_UNPACK_TIMES + LIMIT_UNPACK_SLACK)
		return error_set(
		    e, EFBIG, "holds more than its size can honestly hold");
	return 0;
}

static int
from_qcow2(const char *path, const char *raw, struct error *e)
{
	const char *const args[] = { "convert", "-f", "qcow2", "-O", "raw",
		path, raw, NULL };
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct proc_status status;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return error_errno(e, "open");
	if (check_qcow2(fd, e) == -1 ||
	    check_clusters(path, (uint64_t)st.st_size, e) == -1)
		return -1;
	log_status("qemu-img convert");
	if (qemu_img(args, NULL, &status, e) == -1)
		return -1;
	return proc_check(&status, e) == -1
	    ? error_prefix(e, "qemu-img convert")
	    : 0;
}

static int
expand(const char *path, const char *to, struct error *e)
{
	own_fd int fd = open(
	    to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1)
		return error_errno(e, "%s", to);
	return tar_expand(AT_FDCWD, path, fd, e);
}

static bool
begins(const char *path, const char *magic, size_t n)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char head[8];

	return pread(fd, head, n, 0) == (ssize_t)n &&
	    memcmp(head, magic, n) == 0;
}

static bool
is_compressed(const char *path)
{
	return begins(path, "\x1f\x8b", 2) ||
	    begins(path,
		"\xfd"
		"7zXZ",
		5) ||
	    begins(path, "BZh", 3) || begins(path, "\x28\xb5\x2f\xfd", 4);
}

/* The path of a raw disk with what the file holds; the caller's. */
static char *
make_raw(const char *path, const char *scratch, struct error *e)
{
	own_free char *expanded = path_join(scratch, "expanded");
	own_free char *raw = path_join(scratch, "raw");

	if (is_compressed(path)) {
		if (expand(path, expanded, e) == -1)
			return NULL;
		path = expanded;
	}
	if (!begins(path, "QFI\xfb", 4))
		return mem_dup(path);
	if (from_qcow2(path, raw, e) == -1)
		return NULL;
	(void)unlink(expanded);
	return take(raw);
}

/* ---- what only the kernel can read ---------------------------------------------- */

static const char *
mount_options(enum volume_kind kind)
{
	return kind == VOLUME_XFS  ? ",norecovery,nouuid"
	    : kind == VOLUME_BTRFS ? ",norecovery"
				   : "";
}

static void
keep_last(void *ctx, int stream, const char *line, size_t len)
{
	struct strbuf *last = ctx;

	(void)stream;
	if (len == 0)
		return;
	strbuf_cut(last, 0);
	strbuf_add(last, line, len < 200 ? len : 200);
}

/* The folder of a btrfs that is the system, as Fedora and SUSE have it. */
static char *
system_of(const char *at)
{
	static const char *const names[] = { "root", "@", "@rootfs" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		own_free char *path = path_join(at, names[i]);
		own_free char *etc = path_join(path, "etc");

		if (file_is_dir(AT_FDCWD, etc))
			return take(path);
	}
	return mem_dup(at);
}

static int
mount_volume(const struct disk_image *d, const struct disk_volume *v,
    const char *at, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own(strbuf_clear) struct strbuf last = { 0 };
	struct proc run = {
		.line = keep_last, .ctx = &last, .seconds = MOUNT_SECONDS
	};
	struct proc_status status;

	strlist_add(&argv, "mount");
	strlist_add(&argv, "-t");
	strlist_add(&argv, volume_kind_name(v->kind));
	strlist_add(&argv, "-o");
	strlist_printf(&argv,
	    "ro,nodev,nosuid,noexec,loop,offset=%llu,sizelimit=%llu%s",
	    (unsigned long long)v->offset, (unsigned long long)v->bytes,
	    mount_options(v->kind));
	strlist_add(&argv, d->raw);
	strlist_add(&argv, at);
	run.argv = strlist_argv(&argv);
	if (proc_run(&run, &status, e) == -1)
		return -1;
	if (proc_check(&status, e) == -1)
		return error_set(e, ENOTSUP,
		    "%s can only be read by mounting it, which does not work "
		    "here (%s)",
		    volume_kind_name(v->kind), strbuf_text(&last));
	return 0;
}

static int
copy_mounted(const struct disk_image *d, const struct disk_volume *v, int to,
    bool root, struct error *e)
{
	own_free char *at = path_join(d->scratch, "mnt");
	own_free char *from = NULL;
	int r;

	if (file_mkdirs(AT_FDCWD, at, 0700, e) == -1 ||
	    mount_volume(d, v, at, e) == -1)
		return -1;
	from = root && v->kind == VOLUME_BTRFS ? system_of(at) : mem_dup(at);
	r = tree_clone(AT_FDCWD, from, to, ".", base_has_devices(to), e);
	if (umount2(at, UMOUNT_NOFOLLOW) == -1 && r == 0)
		r = error_errno(e, "%s: unmount", at);
	return r;
}

static int
copy_volume(const struct disk_image *d, const struct disk_volume *v, int to,
    bool root, struct error *e)
{
	const struct ext4_source from = { .disk = &d->disk,
		.name = d->raw,
		.offset = v->offset,
		.devices = base_has_devices(to) };

	if (v->kind == VOLUME_EXT)
		return ext4_read(&from, to, e);
	return copy_mounted(d, v, to, root, e);
}

/* ---- the rest of the disk -------------------------------------------------------- */

/* The mount point, empty; what lay below it was not to be seen. */
static int
make_point(int tree, const char *path, struct error *e)
{
	own_free char *above = path_dir(path);
	own_fd int dir = file_open_in(tree, above, O_PATH | O_DIRECTORY);
	int fd;

	if (dir == -1)
		return error_errno(e, "/%s", above);
	if (tree_remove(dir, path_base(path), e) == -1)
		return -1;
	if (mkdirat(dir, path_base(path), 0755) == -1)
		return error_errno(e, "/%s", path);
	fd = openat(dir, path_base(path),
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd == -1 ? error_errno(e, "/%s", path) : fd;
}

/*
 * A line of fstab whose file system is on this disk.  What only a boot loader
 * reads (vfat) may be missing: the new image gets a loader of its own.
 */
static int
copy_mount(const struct disk_image *d, const struct disk_volume *v, int tree,
    const char *point, struct error *e)
{
	own_fd int to = -1;

	if (v->kind == VOLUME_UNKNOWN || v->kind >= VOLUME_SWAP) {
		log_info("left out: %s, %s", point, volume_kind_name(v->kind));
		return 0;
	}
	to = make_point(tree, path_relative(point), e);
	if (to == -1)
		return -1;
	log_info("partition %u (%s) to %s", v->number,
	    volume_kind_name(v->kind), point);
	if (copy_volume(d, v, to, false, e) == 0)
		return 0;
	if (v->kind != VOLUME_VFAT)
		return error_prefix(e, "partition %u", v->number);
	log_warn("left out: %s: %s", point, e->text);
	return 0;
}

/* "POINT\tNAME" of a line of fstab that mounts something below the root. */
static void
add_line(struct strlist *mounts, const char *line)
{
	own(strlist_clear) struct strlist words = { 0 };
	const char *point;

	strlist_split(&words, line, " \t\r");
	if (words.len < 2 || *words.items[0] == '#')
		return;
	point = words.items[1];
	if (*point == '/' && point[1] != '\0' &&
	    path_is_inside(path_relative(point)))
		strlist_printf(mounts, "%s\t%s", point, words.items[0]);
}

static int
copy_others(struct disk_image *d, int tree, struct error *e)
{
	own(strlist_clear) struct strlist lines = { 0 }, mounts = { 0 };
	own(strbuf_clear) struct strbuf text = { 0 };
	own_fd int fd = file_open_in(tree, "etc/fstab", O_RDONLY | O_NONBLOCK);

	if (fd == -1)
		return 0;
	if (file_read_fd(fd, "etc/fstab", LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	strlist_split(&lines, strbuf_text(&text), "\n");
	for (size_t i = 0; i < lines.len; i++)
		add_line(&mounts, lines.items[i]);
	strlist_sort(&mounts); /* /boot before /boot/efi */
	for (size_t i = 0; i < mounts.len; i++) {
		char *tab = strchr(mounts.items[i], '\t');
		struct disk_volume *v = volumes_named(&d->volumes, tab + 1);

		*tab = '\0';
		if (v == NULL || v->taken)
			continue;
		v->taken = true;
		if (copy_mount(d, v, tree, mounts.items[i], e) == -1)
			return -1;
	}
	return 0;
}

/* ---- the step ------------------------------------------------------------------------ */

static int
no_root(const struct volumes *v, struct error *e)
{
	own(strbuf_clear) struct strbuf all = { 0 };

	for (size_t i = 0; i < v->len && all.len < 300; i++)
		strbuf_printf(&all, "%s%u %s%s%s", i > 0 ? ", " : "",
		    v->items[i].number, volume_kind_name(v->items[i].kind),
		    *v->items[i].label != '\0' ? " " : "", v->items[i].label);
	return error_set(e, ENOENT,
	    "which partition has the system cannot be told (%s)",
	    strbuf_text(&all));
}

static int
copy_disk(struct disk_image *d, int tree, struct error *e)
{
	own_fd int fd = open(d->raw, O_RDONLY | O_CLOEXEC);
	struct disk_volume *root;

	if (fd == -1)
		return error_errno(e, "open");
	if (disk_open(&d->disk, fd, e) == -1 ||
	    volumes_read(&d->disk, d->arch, &d->volumes, e) == -1)
		return -1;
	root = volumes_root(&d->volumes);
	if (root == NULL)
		return no_root(&d->volumes, e);
	log_info("root: partition %u (%s)", root->number,
	    volume_kind_name(root->kind));
	if (copy_volume(d, root, tree, true, e) == -1)
		return error_prefix(e, "partition %u", root->number);
	root->taken = true;
	return copy_others(d, tree, e);
}

int
image_read(const char *path, const char *arch, const char *scratch, int to,
    struct error *e)
{
	struct disk_image d = { .arch = arch, .scratch = scratch };
	own_free char *raw = make_raw(path, scratch, e);
	int r;

	if (raw == NULL)
		return -1;
	d.raw = raw;
	r = copy_disk(&d, to, e);
	volumes_clear(&d.volumes);
	return r;
}

static int
copy_image(struct build *b, const struct base_source *source,
    const char *scratch, struct error *e)
{
	own_fd int tree = base_open_tree(b, e);

	if (tree == -1)
		return -1;
	log_info("reading %s", source->path);
	return image_read(source->path, b->settings->arch, scratch, tree, e);
}

static int
unpack_image(struct build *b, const struct step *s, struct error *e)
{
	return base_unpack(b, s, copy_image, e);
}

static const struct native_step steps[] = {
	{ "root", "10-image", unpack_image, base_inputs },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_image = {
	.name = "image",
	.summary = "begin with the system on a disk image",
	.deps = "",
	.steps = steps,
};
