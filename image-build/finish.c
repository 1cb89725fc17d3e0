/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the target is left like: the resolver that was borrowed for the build
 * goes back, and what a build leaves lying about is taken away.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define RESOLVER "resolv.conf" /* in /etc */
#define ORIGINAL "resolv.conf.ORIG"

int
finish_borrow_resolver(struct build *b, struct error *e)
{
	own_fd int etc = target_folder(b->tree, "etc", 0755, e);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error none;

	if (etc == -1)
		return -1;
	if (file_read(AT_FDCWD, "/etc/resolv.conf", LIMIT_TEXT_BYTES, &text,
		&none) == -1)
		strbuf_puts(&text, "nameserver 8.8.8.8\n");
	if (renameat(etc, RESOLVER, etc, ORIGINAL) == -1 && errno != ENOENT)
		return error_errno(e, "%s/etc/" RESOLVER, b->tree);
	return file_put(etc, RESOLVER, 0644, strbuf_text(&text), text.len, e);
}

/* A resolver that a script made a link stays; else the first one returns. */
static int
return_resolver(const struct build *b, struct error *e)
{
	own_fd int etc = target_open(b->tree, "etc", O_PATH | O_DIRECTORY, e);
	struct stat st;

	if (etc == -1)
		return e->code == ENOENT ? 0 : -1;
	if (fstatat(etc, RESOLVER, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode)) {
		if (unlinkat(etc, ORIGINAL, 0) == -1 && errno != ENOENT)
			return error_errno(e, ORIGINAL);
		return 0;
	}
	if (unlinkat(etc, RESOLVER, 0) == -1 && errno != ENOENT)
		return error_errno(e, RESOLVER);
	if (renameat(etc, ORIGINAL, etc, RESOLVER) == -1 && errno != ENOENT)
		return error_errno(e, ORIGINAL);
	return 0;
}

static int
truncate_log(void *ctx, const struct tree_entry *t, struct error *e)
{
	own_fd int fd = -1;

	(void)ctx;
	if (!S_ISREG(t->st->st_mode) || t->st->st_size == 0)
		return 0;
	fd = openat(t->dir, t->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || ftruncate(fd, 0) == -1)
		return error_errno(e, "var/log/%s", t->path);
	return 0;
}

static int
remove_log(void *ctx, const struct tree_entry *t, struct error *e)
{
	size_t n = strlen(t->name);

	(void)ctx;
	if (!S_ISREG(t->st->st_mode) || n < 4 ||
	    strcmp(t->name + n - 4, ".log") != 0)
		return 0;
	if (unlinkat(t->dir, t->name, 0) == -1)
		return error_errno(e, "root/%s", t->path);
	return 0;
}

/* A folder of the target, or -1 and no error: there is none. */
static int
open_folder(
    const struct build *b, const char *path, bool *failed, struct error *e)
{
	int fd = target_open(b->tree, path, O_RDONLY | O_DIRECTORY, e);

	*failed = fd == -1 && e->code != ENOENT && e->code != ENOTDIR;
	return fd;
}

static int
empty(const struct build *b, const char *path, struct error *e)
{
	bool failed;
	own_fd int dir = open_folder(b, path, &failed, e);

	if (dir == -1)
		return failed ? -1 : 0;
	return tree_empty(dir, ".", e);
}

static int
walk(
    const struct build *b, const char *path, tree_visit *visit, struct error *e)
{
	bool failed;
	own_fd int dir = open_folder(b, path, &failed, e);

	if (dir == -1)
		return failed ? -1 : 0;
	return tree_walk(dir, ".", visit, NULL, e);
}

int
finish_tree(struct build *b, struct error *e)
{
	/*
	 * ldconfig's notes about the inodes of libraries: other numbers in
	 * every build, and of no use where the tree becomes a file system.
	 */
	if (return_resolver(b, e) == -1 ||
	    target_unlink(b->tree, "var/cache/ldconfig/aux-cache", e) == -1 ||
	    empty(b, "tmp", e) == -1 ||
	    walk(b, "var/log", truncate_log, e) == -1)
		return -1;
	return walk(b, "root", remove_log, e);
}
