/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ext2, ext3 or ext4 file system read without a mount, by libext2fs, which
 * checks the metadata's checksums.  Whoever made it may mean harm: no folder
 * is entered twice, no more is copied than the file system is large, and
 * every name is one that can be made below the folder it is in.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/ext4-private.h"
#include "lib/inodes.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"

#define DEEPEST (PATH_MAX / 2)

/* ---- folders ------------------------------------------------------------------------- */

struct names {
	struct strlist names;
	ext2_ino_t *inodes;
	size_t cap;
	struct ext4_reader *r;
	bool bad, many;
};

static int
add_name(ext2_ino_t dir, int entry, struct ext2_dir_entry *d, int offset,
    int block, char *buf, void *ctx)
{
	struct names *n = ctx;
	size_t len = (size_t)ext2fs_dirent_name_len(d);

	(void)dir;
	(void)entry;
	(void)offset;
	(void)block;
	(void)buf;
	n->many = ext4_too_many_steps(n->r);
	if (n->many)
		return DIRENT_ABORT;
	if (d->inode == 0 || (len == 1 && d->name[0] == '.') ||
	    (len == 2 && d->name[0] == '.' && d->name[1] == '.'))
		return 0;
	n->bad = len == 0 || memchr(d->name, '/', len) != NULL ||
	    memchr(d->name, '\0', len) != NULL;
	n->many = ++n->r->entries > LIMIT_TAR_ENTRIES;
	if (n->bad || n->many)
		return DIRENT_ABORT;
	n->inodes =
	    mem_grow(n->inodes, &n->cap, n->names.len + 1, sizeof(*n->inodes));
	n->inodes[n->names.len] = d->inode;
	strlist_addn(&n->names, d->name, len);
	return 0;
}

static void
names_clear(struct names *n)
{
	strlist_clear(&n->names);
	free(n->inodes);
}

static int put_folder(struct ext4_reader *r, ext2_ino_t ino, int dir,
    const char *path, unsigned depth, struct error *e);

static int
put_subfolder(struct ext4_reader *r, ext2_ino_t ino, int dir, const char *name,
    const char *path, unsigned depth, struct error *e)
{
	own_fd int fd = -1;

	if (mkdirat(dir, name, 0700) == -1 && errno != EEXIST)
		return error_errno(e, "/%s", path);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return error_errno(e, "/%s", path);
	return put_folder(r, ino, fd, path, depth, e);
}

/* Folders, and bytes that are wanted: a name that is a link is not one. */
static int
put_wanted(struct ext4_reader *r, ext2_ino_t ino,
    struct ext2_inode_large *inode, int dir, const char *name, const char *path,
    unsigned depth, struct error *e)
{
	if (LINUX_S_ISDIR(inode->i_mode))
		return put_subfolder(r, ino, dir, name, path, depth + 1, e);
	if (!LINUX_S_ISREG(inode->i_mode) ||
	    !r->from->wants(r->from->ctx, path))
		return 0;
	return ext4_put_file(r, ino, inode, dir, name, path, e);
}

static int
put_entry(struct ext4_reader *r, ext2_ino_t ino, int dir, const char *name,
    const char *path, unsigned depth, struct error *e)
{
	struct ext2_inode_large inode = { 0 };
	errcode_t code = ext2fs_read_inode_full(
	    r->fs, ino, (struct ext2_inode *)&inode, sizeof(inode));
	int done = 0;

	if (code != 0)
		return ext4_read_failed(r, path, code, e);
	if (!r->from->devices &&
	    (LINUX_S_ISCHR(inode.i_mode) || LINUX_S_ISBLK(inode.i_mode)))
		return 0;
	if (r->from->wants != NULL)
		return put_wanted(r, ino, &inode, dir, name, path, depth, e);
	if (LINUX_S_ISDIR(inode.i_mode)) {
		if (put_subfolder(r, ino, dir, name, path, depth + 1, e) == -1)
			return -1;
	} else {
		if (inode.i_links_count > 1)
			done = ext4_put_link(r, ino, dir, name, path, e);
		if (done == 0)
			done =
			    ext4_put_file(r, ino, &inode, dir, name, path, e);
		if (done != 0)
			return done == 1 ? 0 : -1;
	}
	return ext4_put_attributes(r, ino, &inode, dir, name, path, e);
}

static int
put_names(struct ext4_reader *r, const struct names *n, int dir,
    const char *path, unsigned depth, struct error *e)
{
	for (size_t i = 0; i < n->names.len; i++) {
		const char *name = n->names.items[i];
		own_free char *below = path_join(path, name);

		if (depth == 0 && strcmp(name, "lost+found") == 0)
			continue;
		if (put_entry(r, n->inodes[i], dir, name, path_relative(below),
			depth, e) == -1)
			return -1;
		log_tick();
	}
	return 0;
}

static int
put_folder(struct ext4_reader *r, ext2_ino_t ino, int dir, const char *path,
    unsigned depth, struct error *e)
{
	own(names_clear) struct names n = { .r = r };
	errcode_t code;

	if (ino > r->fs->super->s_inodes_count)
		return ext4_read_damaged(r, path, "has no inode", e);
	if (ext2fs_test_inode_bitmap2(r->seen, ino))
		return ext4_read_damaged(r, path, "folders lead in circles", e);
	if (depth > DEEPEST)
		return ext4_read_damaged(
		    r, path, "folders are nested too deeply", e);
	ext2fs_mark_inode_bitmap2(r->seen, ino);
	code = ext2fs_dir_iterate2(
	    r->fs, ino, DIRENT_FLAG_INCLUDE_EMPTY, NULL, add_name, &n);
	if (code != 0)
		return ext4_read_failed(r, path, code, e);
	if (n.bad)
		return ext4_read_damaged(
		    r, path, "has a name that leads elsewhere", e);
	if (n.many)
		return ext4_read_damaged(r, path, "too many files", e);
	return put_names(r, &n, dir, path, depth, e);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int
read_all(struct ext4_reader *r, struct error *e)
{
	struct ext2_inode_large root = { 0 };
	errcode_t code;

	if (ext2fs_has_feature_journal_needs_recovery(r->fs->super))
		return error_set(e, EBADMSG,
		    "%s: its file system was in use when it was copied: its "
		    "journal is not empty",
		    r->path);
	r->room = ext2fs_blocks_count(r->fs->super) * r->fs->blocksize;
	code = ext2fs_allocate_inode_bitmap(r->fs, "seen", &r->seen);
	if (code == 0)
		code = ext2fs_read_inode_full(r->fs, EXT2_ROOT_INO,
		    (struct ext2_inode *)&root, sizeof(root));
	if (code != 0)
		return ext4_read_failed(r, "", code, e);
	if (put_folder(r, EXT2_ROOT_INO, r->to, "", 0, e) == -1)
		return -1;
	return r->from->wants != NULL
	    ? 0
	    : ext4_put_attributes(r, EXT2_ROOT_INO, &root, r->to, ".", "", e);
}

int
ext4_read(const struct ext4_source *from, int to, struct error *e)
{
	own_free char *buffer = mem_alloc(EXT4_READ_BUFFER);
	own_free char *name = ext4_io_name(from);
	struct ext4_reader r = {
		.from = from, .path = from->name, .to = to, .buffer = buffer
	};
	errcode_t code;
	int result;

	initialize_ext2_error_table(); /* or its errors have no words */
	code = ext2fs_open2(name, NULL, EXT2_FLAG_64BITS, 0, 0, ext4_io, &r.fs);
	if (code != 0)
		return error_set(e, EINVAL, "%s: its file system: %s",
		    from->name, error_message(code));
	result = read_all(&r, e);
	if (result == 0 && r.left_out > 0)
		log_warn("%u attributes of users (user.*) are left out: the "
			 "build's file system has none",
		    r.left_out);
	if (r.seen != NULL)
		ext2fs_free_inode_bitmap(r.seen);
	ext2fs_free(r.fs);
	inodes_clear(&r.linked);
	strlist_clear(&r.names);
	return result;
}
