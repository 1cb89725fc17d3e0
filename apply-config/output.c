/* SPDX-License-Identifier: Apache-2.0 */
/* Folders below the output root; the last one opened is kept. */
#include "apply-config/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/tree.h"

struct output {
	const struct settings *settings;
	int fd; /* the root, or -1 */
	char *dir; /* path of the folder that is open, or NULL */
	int dir_fd;
};

static int
open_root(struct output *o)
{
	const struct settings *s = o->settings;

	o->fd = openat(s->root, settings_below(s, s->output),
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return o->fd == -1 ? -1 : 0;
}

struct output *
output_open(const struct settings *s, struct error *e)
{
	struct output *o = mem_alloc(sizeof(*o));

	o->settings = s;
	o->dir_fd = -1;
	if (open_root(o) == -1 && errno != ENOENT) {
		error_errno(e, "%s", s->output);
		free(o);
		return NULL;
	}
	return o;
}

static void
forget_dir(struct output *o)
{
	if (o->dir_fd != -1)
		close(o->dir_fd);
	o->dir_fd = -1;
	free(take(o->dir));
}

void
output_close(struct output *o)
{
	if (o == NULL)
		return;
	forget_dir(o);
	if (o->fd != -1)
		close(o->fd);
	free(o);
}

char *
output_name(const struct output *o, const char *path)
{
	return path_join(o->settings->output, path);
}

/* Whether the folder of path is the one that is open. */
static bool
is_open(const struct output *o, const char *path)
{
	size_t n = (size_t)(path_base(path) - path);

	return o->dir != NULL && strncmp(o->dir, path, n) == 0 &&
	    o->dir[n] == '\0';
}

int
output_dir(struct output *o, const char *path, struct error *e)
{
	size_t n = (size_t)(path_base(path) - path);

	if (is_open(o, path))
		return o->dir_fd;
	forget_dir(o);
	o->dir = mem_dupn(path, n);
	if (o->fd == -1)
		errno = ENOENT;
	else
		o->dir_fd = file_open_in(
		    o->fd, n == 0 ? "." : o->dir, O_RDONLY | O_DIRECTORY);
	if (o->dir_fd == -1) {
		own_free char *name = output_name(o, o->dir);

		error_errno(e, "%s", name);
		forget_dir(o);
		return -1;
	}
	return o->dir_fd;
}

static int
make_root(struct output *o, struct error *e)
{
	const struct settings *s = o->settings;

	if (file_mkdirs(s->root, settings_below(s, s->output), 0777, e) == -1)
		return -1;
	if (open_root(o) == -1)
		return error_errno(e, "%s", s->output);
	return 0;
}

/* Make one folder, in one that was opened safely. */
static int
make_folder(struct output *o, const char *path, struct error *e)
{
	own_free char *name = output_name(o, path);
	int fd = output_dir(o, path, e);

	if (fd == -1)
		return -1;
	if (mkdirat(fd, path_base(path), 0777) == -1 && errno != EEXIST)
		return error_errno(e, "%s", name);
	return 0;
}

int
output_mkdirs(struct output *o, const char *path, struct error *e)
{
	own_free char *copy = mem_dup(path);
	int fd;

	if (o->fd == -1 && make_root(o, e) == -1)
		return -1;
	fd = output_dir(o, path, e);
	if (fd != -1 || e->code != ENOENT)
		return fd;
	for (char *s = copy; (s = strchr(s, '/')) != NULL; *s++ = '/') {
		*s = '\0';
		if (make_folder(o, copy, e) == -1)
			return -1;
	}
	return output_dir(o, path, e);
}

int
output_mkdir(struct output *o, const char *path, struct error *e)
{
	int dir = output_mkdirs(o, path, e);

	if (dir == -1)
		return -1;
	if (mkdirat(dir, path_base(path), 0777) == 0)
		return 0;
	if (errno != EEXIST || output_remove(o, path, e) == -1)
		return -1;
	return make_folder(o, path, e);
}

int
output_remove(struct output *o, const char *path, struct error *e)
{
	int dir = output_dir(o, path, e);

	if (dir == -1)
		return e->code == ENOENT ? 0 : -1;
	return tree_remove(dir, path_base(path), e);
}

void
output_rmdir(struct output *o, const char *path)
{
	struct error ignored;
	int dir = output_dir(o, path, &ignored);

	if (dir != -1)
		(void)unlinkat(dir, path_base(path), AT_REMOVEDIR);
}

#define DEVICES 16 /* filesystems that are told apart */

/* Whether dev is new to the list; a full list knows all. */
static bool
note_device(dev_t *devices, unsigned *n, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1 || *n == DEVICES)
		return *n < DEVICES;
	for (unsigned i = 0; i < *n; i++)
		if (devices[i] == st.st_dev)
			return false;
	devices[(*n)++] = st.st_dev;
	return true;
}

int
output_sync(
    struct output *o, char *const *paths, size_t n, bool bulk, struct error *e)
{
	dev_t devices[DEVICES];
	unsigned known = 0;

	for (size_t i = 0; i < n; i++) {
		bool open = is_open(o, paths[i]);
		int fd = output_dir(o, paths[i], e), r = 0;

		if (fd == -1 && (e->code == ENOENT || e->code == ENOTDIR))
			continue;
		if (fd == -1)
			return -1;
		if (bulk && (i == 0 || !open) &&
		    note_device(devices, &known, fd))
			r = syncfs(fd);
		else if (!bulk && (i == 0 || !open))
			r = fsync(fd);
		if (r == -1) {
			own_free char *name = output_name(o, o->dir);

			return error_errno(e, "%s", name);
		}
	}
	return 0;
}

int
output_stat(struct output *o, const char *path, struct stat *st)
{
	own_fd int fd = file_open_in(o->fd, path, O_PATH);

	return fd == -1 ? -1 : fstat(fd, st);
}
