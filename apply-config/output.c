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

int
output_failed(const struct output *o, const char *path, struct error *e)
{
	int code = errno;
	own_free char *name = output_name(o, path);

	errno = code;
	return error_errno(e, "%s", name);
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
		output_failed(o, o->dir, e);
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
	int fd = output_dir(o, path, e);

	if (fd == -1)
		return -1;
	if (mkdirat(fd, path_base(path), 0777) == -1 && errno != EEXIST)
		return output_failed(o, path, e);
	return 0;
}

int
output_mkdirs(struct output *o, const char *path, struct error *e)
{
	own_free char *copy = NULL;
	int fd;

	if (o->fd == -1 && make_root(o, e) == -1)
		return -1;
	fd = output_dir(o, path, e);
	if (fd != -1 || e->code != ENOENT)
		return fd;
	copy = mem_dup(path);
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
	if (errno != EEXIST)
		return output_failed(o, path, e);
	if (output_remove(o, path, e) == -1)
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

/*
 * The folder of paths[i] if it is there and not that of the path before:
 * -1 and an error, or -1 with error.code 0: there is nothing to do.
 */
static int
next_folder(struct output *o, char *const *paths, size_t i, struct error *e)
{
	bool seen = i > 0 && is_open(o, paths[i]);
	int fd = output_dir(o, paths[i], e);

	if (seen || (fd == -1 && (e->code == ENOENT || e->code == ENOTDIR)))
		e->code = 0;
	return seen ? -1 : fd;
}

int
output_sync(struct output *o, char *const *paths, size_t n, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		int fd = next_folder(o, paths, i, e);

		if (fd == -1 && e->code != 0)
			return -1;
		if (fd != -1 && fsync(fd) == -1)
			return output_failed(o, o->dir, e);
	}
	return 0;
}

#define DEVICES 16 /* filesystems that are told apart */

struct devices {
	dev_t items[DEVICES];
	unsigned len;
};

/* Whether the filesystem is new to the list; a full list knows none. */
static bool
note_device(struct devices *d, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return true;
	for (unsigned i = 0; i < d->len; i++)
		if (d->items[i] == st.st_dev)
			return false;
	if (d->len < DEVICES)
		d->items[d->len++] = st.st_dev;
	return true;
}

int
output_sync_all(
    struct output *o, char *const *paths, size_t n, int also, struct error *e)
{
	struct devices known = { 0 };

	if (also != -1 && note_device(&known, also) && syncfs(also) == -1)
		return error_errno(e, "syncfs");
	for (size_t i = 0; i < n; i++) {
		int fd = next_folder(o, paths, i, e);

		if (fd == -1 && e->code != 0)
			return -1;
		if (fd != -1 && note_device(&known, fd) && syncfs(fd) == -1)
			return output_failed(o, o->dir, e);
	}
	return 0;
}

int
output_stat(struct output *o, const char *path, struct stat *st)
{
	own_fd int fd = file_open_in(o->fd, path, O_PATH);

	return fd == -1 ? -1 : fstat(fd, st);
}
