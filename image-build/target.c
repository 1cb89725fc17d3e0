/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the target, found as in a chroot to it. */
#include "image-build/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

static int
open_root(const char *tree, struct error *e)
{
	int fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 ? error_errno(e, "%s", tree) : fd;
}

int
target_open(const char *tree, const char *path, int flags, struct error *e)
{
	own_fd int root = open_root(tree, e);
	int fd = -1;

	path = path_relative(path);
	if (root == -1)
		return -1;
	fd = file_open_in(root, path, flags);
	return fd == -1 ? error_errno(e, "%s/%s", tree, path) : fd;
}

int
target_folder(const char *tree, const char *path, mode_t mode, struct error *e)
{
	own_fd int root = open_root(tree, e);
	int fd = -1;

	if (root == -1)
		return -1;
	fd = file_mkdirs_in(root, path_relative(path), mode, e);
	return fd == -1 ? error_prefix(e, "%s", tree) : fd;
}

int
target_parent(const char *tree, const char *path, struct error *e)
{
	own_free char *parent = path_dir(path_relative(path));

	return target_folder(tree, parent, 0755, e);
}

char *
target_path(const char *tree, const char *path, struct error *e)
{
	own_fd int fd = target_open(tree, path, O_PATH, e);
	own_free char *link = mem_printf("/proc/self/fd/%d", fd);
	own_free char *found = mem_alloc(PATH_MAX);

	if (fd == -1)
		return NULL;
	if (readlink(link, found, PATH_MAX - 1) == -1) {
		error_errno(e, "%s", link);
		return NULL;
	}
	return take(found);
}

bool
target_exists(const char *tree, const char *path)
{
	struct error none;
	own_fd int fd = target_open(tree, path, O_PATH, &none);

	return fd != -1;
}

int
target_read(const char *tree, const char *path, size_t max, struct strbuf *b,
    struct error *e)
{
	own_fd int found = target_open(tree, path, O_PATH, e);
	own_free char *link = mem_printf("/proc/self/fd/%d", found);
	own_fd int fd = -1;
	struct stat st;

	if (found == -1)
		return -1;
	/* Opening a device may do things. */
	if (fstat(found, &st) == -1 || !S_ISREG(st.st_mode))
		return error_set(
		    e, EINVAL, "%s/%s: not a regular file", tree, path);
	fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return error_errno(e, "%s/%s", tree, path);
	return file_read_fd(fd, path, max, b, e);
}

int
target_put(const char *tree, const char *path, mode_t mode,
    const struct strbuf *text, struct error *e)
{
	own_fd int dir = target_parent(tree, path, e);

	if (dir == -1)
		return -1;
	return file_put(
	    dir, path_base(path), mode, strbuf_text(text), text->len, e);
}

int
target_append(const char *tree, const char *path, mode_t mode, const char *text,
    struct error *e)
{
	own_fd int dir = target_parent(tree, path, e);

	return dir == -1 ? -1
			 : file_append(dir, path_base(path), mode, text, e);
}

int
target_names(
    const char *tree, const char *path, struct strlist *names, struct error *e)
{
	own_fd int dir = target_open(tree, path, O_RDONLY | O_DIRECTORY, e);

	return dir == -1 ? -1 : file_names(dir, ".", names, e);
}

int
target_unlink(const char *tree, const char *path, struct error *e)
{
	own_free char *parent = path_dir(path_relative(path));
	own_fd int dir = target_open(tree, parent, O_PATH | O_DIRECTORY, e);

	if (dir == -1)
		return e->code == ENOENT ? 0 : -1;
	if (unlinkat(dir, path_base(path), 0) == -1 && errno != ENOENT)
		return error_errno(e, "%s/%s", tree, path);
	return 0;
}

int
target_copy(
    const char *from, const char *tree, const char *path, struct error *e)
{
	own_fd int dir = target_parent(tree, path, e);

	return dir == -1 ? -1
			 : tree_copy(AT_FDCWD, from, dir, path_base(path), e);
}
