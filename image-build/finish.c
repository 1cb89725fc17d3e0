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
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define RESOLVER "etc/resolv.conf"
#define ORIGINAL "etc/resolv.conf.ORIG"

int
finish_borrow_resolver(struct build *b, struct error *e)
{
	own_fd int tree = open(b->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error none;

	if (tree == -1)
		return error_errno(e, "%s", b->tree);
	if (file_read(AT_FDCWD, "/etc/resolv.conf", LIMIT_TEXT_BYTES, &text,
		&none) == -1)
		strbuf_puts(&text, "nameserver 8.8.8.8\n");
	if (file_mkdirs(tree, "etc", 0755, e) == -1)
		return -1;
	if (renameat(tree, RESOLVER, tree, ORIGINAL) == -1 && errno != ENOENT)
		return error_errno(e, "%s/" RESOLVER, b->tree);
	return file_put(tree, RESOLVER, 0644, strbuf_text(&text), text.len, e);
}

/* A resolver that a script made a link stays; else the first one returns. */
static int
return_resolver(int tree, struct error *e)
{
	struct stat st;

	if (fstatat(tree, RESOLVER, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode)) {
		if (unlinkat(tree, ORIGINAL, 0) == -1 && errno != ENOENT)
			return error_errno(e, ORIGINAL);
		return 0;
	}
	if (unlinkat(tree, RESOLVER, 0) == -1 && errno != ENOENT)
		return error_errno(e, RESOLVER);
	if (renameat(tree, ORIGINAL, tree, RESOLVER) == -1 && errno != ENOENT)
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

static bool
is_folder(int tree, const char *path)
{
	struct stat st;

	return fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

int
finish_tree(struct build *b, struct error *e)
{
	own_fd int tree = open(b->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (tree == -1)
		return error_errno(e, "%s", b->tree);
	if (return_resolver(tree, e) == -1 || tree_empty(tree, "tmp", e) == -1)
		return error_prefix(e, "%s", b->tree);
	if (is_folder(tree, "var/log") &&
	    tree_walk(tree, "var/log", truncate_log, NULL, e) == -1)
		return error_prefix(e, "%s", b->tree);
	if (is_folder(tree, "root") &&
	    tree_walk(tree, "root", remove_log, NULL, e) == -1)
		return error_prefix(e, "%s", b->tree);
	return 0;
}
