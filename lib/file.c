/* SPDX-License-Identifier: Apache-2.0 */
/* Whole-file reading, atomic replacement. */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/fault.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

/* A pipe's writer may take its time, but not for ever. */
static int
await(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = poll(&p, 1, LIMIT_READ_SECONDS * 1000);

	if (n == 0)
		errno = ETIMEDOUT;
	return n == 1 || (n == -1 && errno == EINTR) ? 0 : -1;
}

/*
 * Read to the end.  Of a file with a size (short_ends) less than was asked for
 * is the end.  Returns 0, or -1 with errno set (EFBIG: beyond max).
 */
static int
read_all(int fd, size_t max, bool short_ends, struct strbuf *b)
{
	size_t start = b->len;

	for (;;) {
		size_t room = b->cap - b->len;
		ssize_t n;

		if (room < 2) {
			strbuf_reserve(b, b->len - start + 4096);
			room = b->cap - b->len;
		}
		n = read(fd, b->s + b->len, room - 1);
		if (n == 0)
			return 0;
		if (n == -1 && errno != EINTR &&
		    (errno != EAGAIN || await(fd) == -1))
			return -1;
		if (n == -1)
			continue;
		b->len += (size_t)n;
		b->s[b->len] = '\0';
		if (b->len - start > max) {
			errno = EFBIG;
			return -1;
		}
		if (short_ends && (size_t)n < room - 1)
			return 0;
	}
}

int
file_read_sized(int fd, const char *name, size_t size, size_t max,
    struct strbuf *b, struct error *e)
{
	size_t start = b->len;

	if (size > 0 && size <= max)
		strbuf_reserve(b, size + 1);
	if (read_all(fd, max, size > 0, b) == 0)
		return 0;
	strbuf_cut(b, start);
	if (errno == EFBIG)
		return error_set(
		    e, EFBIG, "%s: longer than %zu bytes", name, max);
	return error_errno(e, "%s", name);
}

int
file_read_fd(
    int fd, const char *name, size_t max, struct strbuf *b, struct error *e)
{
	struct stat st;
	size_t size = 0;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		size = (size_t)st.st_size;
	return file_read_sized(fd, name, size, max, b, e);
}

int
file_read(
    int dir, const char *path, size_t max, struct strbuf *b, struct error *e)
{
	own_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd == -1)
		return error_errno(e, "%s", path);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return error_errno(e, "%s", path);
	}
	return file_read_fd(fd, path, max, b, e);
}

int
file_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int
file_begin(struct file_writer *w, int dir, const char *path, mode_t mode,
    struct error *e)
{
	own_free char *parent = path_dir(path);

	*w = (struct file_writer){ .dir = dir,
		.fd = -1,
		.mode = mode,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1 };
	for (unsigned try = 0; try < 100; try++) {
		own_free char *name = mem_printf(
		    ".%.200s.%d.%u~", path_base(path), (int)getpid(), try);
		own_free char *temp = path_join(parent, name);

		w->fd = openat(dir, temp,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (w->fd != -1) {
			w->temp = take(temp);
			w->path = mem_dup(path);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return error_errno(e, "%s", path);
}

void
file_add(struct file_writer *w, const void *data, size_t n)
{
	if (w->code == 0 && file_write_all(w->fd, data, n) == -1)
		w->code = errno;
}

static int
settle(struct file_writer *w)
{
	if (w->code != 0) {
		errno = w->code;
		return -1;
	}
	if ((w->uid != (uid_t)-1 || w->gid != (gid_t)-1) &&
	    fchown(w->fd, w->uid, w->gid) == -1)
		return -1;
	if (fchmod(w->fd, w->mode) == -1 || (!w->hasty && fsync(w->fd) == -1))
		return -1;
	if (fault("file-rename") == -1)
		return -1;
	return renameat(w->dir, w->temp, w->dir, w->path);
}

/* Make the new name durable.  Folders that cannot be synced are let be. */
static void
sync_parent(int dir, const char *path)
{
	own_free char *parent = path_dir(path);
	own_fd int fd = openat(dir, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1)
		(void)fsync(fd);
}

int
file_publish(struct file_writer *w, struct error *e)
{
	if (settle(w) == -1) {
		error_errno(e, "%s", w->path);
		file_discard(w);
		return -1;
	}
	if (!w->hasty)
		sync_parent(w->dir, w->path);
	close(w->fd);
	free(w->path);
	free(w->temp);
	*w = (struct file_writer){ .fd = -1 };
	return 0;
}

void
file_discard(struct file_writer *w)
{
	if (w->temp == NULL)
		return;
	close(w->fd);
	unlinkat(w->dir, w->temp, 0);
	free(w->path);
	free(w->temp);
	*w = (struct file_writer){ .fd = -1 };
}

/* ".name.PID.N~", as file_begin has it. */
static bool
is_temporary(const char *name)
{
	const char *number = strrchr(name, '.'), *pid = number;
	int process, end = 0;

	while (pid != NULL && pid > name && *--pid != '.')
		;
	return *name == '.' && pid != NULL && pid > name &&
	    sscanf(pid, ".%d.%*u~%n", &process, &end) == 1 && end > 0 &&
	    pid[end] == '\0' && process > 0;
}

/*
 * Whether nobody has it open: a lease to write is given only then.  The
 * number in its name says nothing about writers in other PID namespaces.
 */
static bool
is_abandoned(int dir, const char *name)
{
	own_fd int fd =
	    openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd != -1 && fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
}

void
file_tidy(const char *path)
{
	own_dir DIR *d = opendir(path);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (is_temporary(entry->d_name) &&
		    is_abandoned(dirfd(d), entry->d_name))
			unlinkat(dirfd(d), entry->d_name, 0);
}

static int
write_whole(int dir, const char *path, mode_t mode, const void *data, size_t n,
    bool hasty, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };

	if (file_begin(&w, dir, path, mode, e) == -1)
		return -1;
	w.hasty = hasty;
	file_add(&w, data, n);
	return file_publish(&w, e);
}

int
file_replace(int dir, const char *path, mode_t mode, const void *data, size_t n,
    struct error *e)
{
	return write_whole(dir, path, mode, data, n, false, e);
}

int
file_put(int dir, const char *path, mode_t mode, const void *data, size_t n,
    struct error *e)
{
	return write_whole(dir, path, mode, data, n, true, e);
}

int
file_append(
    int dir, const char *path, mode_t mode, const char *text, struct error *e)
{
	own_fd int fd = openat(dir, path,
	    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    mode);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return error_errno(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(e, EINVAL, "%s: not a regular file", path);
	if (file_write_all(fd, text, strlen(text)) == -1)
		return error_errno(e, "%s", path);
	return 0;
}

int
file_write_back(int fd)
{
	if (sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) == 0 ||
	    errno == ENOSYS || errno == EINVAL || errno == ESPIPE ||
	    errno == EPERM)
		return 0;
	return -1;
}

int
file_copy_fd(int from, int to, struct error *e)
{
	static char buf[1 << 17];

	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);

		if (n > 0)
			continue;
		if (n == 0)
			break; /* the end, or a file whose size is not told */
		if (errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
		    errno != EOPNOTSUPP && errno != EPERM && errno != EBADF)
			return error_errno(e, "copy");
		break;
	}
	for (;;) {
		ssize_t n = read(from, buf, sizeof(buf));

		if (n == 0)
			return 0;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 || file_write_all(to, buf, (size_t)n) == -1)
			return error_errno(e, "copy");
	}
}

int
file_mkdirs(int dir, const char *path, mode_t mode, struct error *e)
{
	own_free char *p = mem_dup(path);

	for (char *s = p;; s++) {
		char c = *s;

		if (c != '/' && c != '\0')
			continue;
		*s = '\0';
		if (s != p && mkdirat(dir, p, mode) == -1 && errno != EEXIST)
			return error_errno(e, "%s", p);
		*s = c;
		if (c == '\0')
			break;
	}
	if (!file_is_dir(dir, path)) {
		errno = ENOTDIR;
		return error_errno(e, "%s", path);
	}
	return 0;
}

int
file_names(int dir, const char *path, struct strlist *names, struct error *e)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_dir DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (d == NULL) {
		error_errno(e, "%s", path);
		if (fd != -1)
			close(fd);
		return -1;
	}
	for (errno = 0; (entry = readdir(d)) != NULL; errno = 0)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			strlist_add(names, entry->d_name);
	if (errno != 0)
		return error_errno(e, "%s", path);
	strlist_sort(names);
	return 0;
}

int
file_open_in(int dir, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	while (fd == -1 && (errno == EAGAIN || errno == EINTR));
	return (int)fd;
}

#define FOLDER (O_RDONLY | O_DIRECTORY)

/* The folder path, of which all but the last part is the folder above. */
static int
folder_in(int dir, int above, const char *path, mode_t mode)
{
	int fd = file_open_in(dir, path, FOLDER);

	if (fd != -1 || errno != ENOENT ||
	    mkdirat(above, path_base(path), mode) == -1)
		return fd;
	return file_open_in(dir, path, FOLDER);
}

int
file_mkdirs_in(int dir, const char *path, mode_t mode, struct error *e)
{
	own_free char *p = mem_dup(path);
	int fd = file_open_in(dir, ".", FOLDER);

	for (char *s = p; fd != -1; s++) {
		char c = *s;
		int above = fd;

		if (c != '/' && c != '\0')
			continue;
		*s = '\0';
		if (s != p) {
			fd = folder_in(dir, above, p, mode);
			close(above);
		}
		*s = c;
		if (c == '\0')
			break;
	}
	return fd == -1 ? error_errno(e, "%s", path) : fd;
}

bool
file_exists(int dir, const char *path)
{
	return faccessat(dir, path, F_OK, AT_EACCESS) == 0;
}

bool
file_is_dir(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, 0) == 0 && S_ISDIR(st.st_mode);
}
