/* SPDX-License-Identifier: Apache-2.0 */
/* Folders by output root, and the files in them. */
#include "apply-config/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/codec.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/lock.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/tree.h"

#define STATE_FOLDER "/var/lib/apply-config"
#define HOMELESS_FOLDER "/var/tmp/apply-config-%u" /* by user number */

/* ---- where --------------------------------------------------------------- */

static bool
is_writable(const char *path)
{
	return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0;
}

/*
 * What XDG's base directory specification says for users; a user without a
 * home that can be written has a folder among the lasting temporary files.
 */
static char *
user_folder(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state != NULL && *state == '/')
		return path_join(state, "apply-config");
	if (home != NULL && *home == '/') {
		own_free char *inside =
		    path_join(home, ".local/state/apply-config");

		if (is_writable(inside) || is_writable(home))
			return take(inside);
	}
	return mem_printf(HOMELESS_FOLDER, (unsigned)geteuid());
}

/* The caller's. */
static char *
folder(const struct settings *s)
{
	if (s->state != NULL)
		return settings_outside(s, s->state);
	if (*s->root_path != '\0' || geteuid() == 0)
		return settings_outside(s, STATE_FOLDER);
	return user_folder();
}

/* The output root as an absolute path below the root, nothing resolved. */
static char *
output_path(const struct settings *s)
{
	own_free char *cwd = NULL;
	own_free char *whole = NULL;
	struct strbuf b = { 0 };
	const char *at;

	if (*s->output != '/' && s->root == AT_FDCWD)
		cwd = getcwd(NULL, 0);
	whole = path_join(cwd != NULL ? cwd : "/", s->output);
	for (at = whole; *at != '\0';) {
		size_t n;

		at += strspn(at, "/");
		n = strcspn(at, "/");
		if (n > 0 && !(n == 1 && *at == '.'))
			strbuf_printf(&b, "/%.*s", (int)n, at);
		at += n;
	}
	if (b.len == 0)
		strbuf_putc(&b, '/');
	return strbuf_take(&b);
}

/*
 * Anybody can make a folder of the name that a user without a home has; what
 * others made is not trusted.  One that is not there is fine.
 */
static int
check_owner(const char *top, struct error *e)
{
	own_free char *homeless =
	    mem_printf(HOMELESS_FOLDER, (unsigned)geteuid());
	struct stat st;

	if (strcmp(top, homeless) != 0 || lstat(top, &st) == -1)
		return 0;
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	    (st.st_mode & 022) == 0)
		return 0;
	return error_set(
	    e, EPERM, "state folder: %s: is not this user's own", top);
}

/* "root", or "at-" and a hash of the path. */
static char *
key_of(const char *output)
{
	static const uint8_t key[16];
	struct hash h;

	if (strcmp(output, "/") == 0)
		return mem_dup("root");
	hash_begin(&h, key);
	hash_add(&h, output, strlen(output));
	return mem_printf("at-%016llx", (unsigned long long)hash_end(&h));
}

int
state_open(const struct settings *s, struct state *st, struct error *e)
{
	own_free char *top = folder(s);
	own_free char *output = output_path(s);
	own_free char *key = key_of(output);

	*st = (struct state){ .fd = -1, .lock = -1 };
	if (check_owner(top, e) == -1)
		return -1;
	st->path = path_join(top, key);
	st->fd = open(st->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->fd == -1 && errno != ENOENT && errno != EACCES &&
	    errno != ENOTDIR)
		return error_errno(e, "%s", st->path);
	return 0;
}

void
state_close(struct state *st)
{
	if (st->lock != -1)
		close(st->lock);
	if (st->fd != -1)
		close(st->fd);
	free(st->path);
	*st = (struct state){ .fd = -1, .lock = -1 };
}

/* ---- making it ------------------------------------------------------------ */

/* Forget output roots that are gone, unless something is unfinished there. */
static void
prune(const char *top)
{
	own_dir DIR *d = opendir(top);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		own(strbuf_clear) struct strbuf output = { 0 };
		own_free char *file = NULL;
		struct error ignored;

		if (strncmp(entry->d_name, "at-", 3) != 0)
			continue;
		file = mem_printf("%s/output", entry->d_name);
		if (file_read(dirfd(d), file, LIMIT_TEXT_BYTES, &output,
			&ignored) == -1 ||
		    file_exists(AT_FDCWD, strbuf_text(&output)))
			continue;
		(void)tree_remove(dirfd(d), entry->d_name, &ignored);
	}
}

static int
make(const struct settings *s, struct state *st, struct error *e)
{
	own_free char *output = output_path(s);
	own_free char *top = path_dir(st->path);
	own(strbuf_clear) struct strbuf b = { 0 };

	if (file_mkdirs(AT_FDCWD, top, 0700, e) == -1)
		return error_prefix(e, "state folder");
	if (check_owner(top, e) == -1)
		return -1;
	if (s->root == AT_FDCWD && strcmp(output, "/") != 0)
		prune(top);
	if (mkdir(st->path, 0700) == -1 && errno != EEXIST)
		return error_errno(e, "state folder: %s", st->path);
	if (st->fd == -1)
		st->fd = open(st->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->fd == -1)
		return error_errno(e, "state folder: %s", st->path);
	st->fresh = true;
	strbuf_puts(&b, output);
	return state_write(st, "output", &b, true, e);
}

/* Whether the folder says whose it is; a loss of power may have emptied it. */
static bool
is_made(const struct settings *s, const struct state *st)
{
	own_free char *output = output_path(s);
	own(strbuf_clear) struct strbuf b = { 0 };
	struct error ignored;

	return state_read(st, "output", &b, &ignored) == 1 &&
	    strcmp(strbuf_text(&b), output) == 0;
}

/* Another run is most often over soon. */
#define LOCK_TRIES 6

int
state_lock(const struct settings *s, struct state *st, struct error *e)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	own_free char *path = NULL;

	if (state_open(s, st, e) == -1)
		return -1;
	if (!is_made(s, st) && make(s, st, e) == -1)
		return -1;
	path = path_join(st->path, "lock");
	for (int try = 0; try < LOCK_TRIES; try++) {
		st->lock = lock_take(path, 0, e);
		if (st->lock != -1)
			return 0;
		if (e->code != EAGAIN)
			return -1;
		nanosleep(&pause, NULL);
	}
	return -1;
}

int
state_outputs(
    const struct settings *s, struct strlist *outputs, struct error *e)
{
	own_free char *top = folder(s);
	own_dir DIR *d = opendir(top);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		own(strbuf_clear) struct strbuf b = { 0 };
		own_free char *file = mem_printf("%s/output", entry->d_name);

		if (*entry->d_name == '.')
			continue;
		if (file_read(dirfd(d), file, LIMIT_TEXT_BYTES, &b, e) == -1) {
			if (e->code == ENOENT || e->code == ENOTDIR)
				continue;
			return error_prefix(e, "%s", top);
		}
		strlist_add(outputs, strbuf_text(&b));
	}
	strlist_sort(outputs);
	return 0;
}

/* ---- files ---------------------------------------------------------------- */

int
state_read(
    const struct state *st, const char *name, struct strbuf *b, struct error *e)
{
	if (st->fd == -1)
		return 0;
	if (file_read(st->fd, name, LIMIT_STATE_BYTES, b, e) == 0)
		return 1;
	return e->code == ENOENT ? 0 : error_prefix(e, "%s", st->path);
}

int
state_write(const struct state *st, const char *name, const struct strbuf *b,
    bool soon, struct error *e)
{
	own_free char *temp = mem_printf("%s.new", name);
	own_fd int fd = openat(st->fd, temp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1 || file_write_all(fd, strbuf_text(b), b->len) == -1 ||
	    (soon && file_write_back(fd) == -1) ||
	    renameat(st->fd, temp, st->fd, name) == -1) {
		error_errno(e, "%s/%s", st->path, name);
		(void)unlinkat(st->fd, temp, 0);
		return -1;
	}
	return 0;
}

int
state_sync(const struct state *st, const char *name, struct error *e)
{
	own_fd int fd = openat(st->fd, name, O_RDONLY | O_CLOEXEC);

	if (fd == -1 || fsync(fd) == -1)
		return error_errno(e, "%s/%s", st->path, name);
	return 0;
}

int
state_rename(
    const struct state *st, const char *from, const char *to, struct error *e)
{
	int r = renameat(st->fd, from, st->fd, to);

	if (r == -1 && errno == ENOENT && strchr(to, '/') != NULL) {
		own_free char *dir = path_dir(to);

		if (mkdirat(st->fd, dir, 0700) == 0 || errno == EEXIST)
			r = renameat(st->fd, from, st->fd, to);
	}
	if (r == -1)
		return error_errno(e, "%s/%s", st->path, to);
	return 0;
}

int
state_remove(const struct state *st, const char *name, struct error *e)
{
	if (unlinkat(st->fd, name, 0) == -1 && errno != ENOENT)
		return error_errno(e, "%s/%s", st->path, name);
	return 0;
}
