/* SPDX-License-Identifier: Apache-2.0 */
/*
 * install-static: the merged static/ folder over the target's root, as
 * "rsync -lCr" has it: symlinks stay, owners become root, times are new, a
 * new file gets the source's mode, one that is there keeps its own, and what
 * looks like a version control system's or an editor's leaving is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

#define CREATE_MASK 022

static const char *const excluded[] = { "RCS", "SCCS", "CVS", "CVS.adm",
	"RCSLOG", "cvslog.*", "tags", "TAGS", ".make.state", ".nse_depinfo",
	"*~", "#*", ".#*", ",*", "_$*", "*$", "*.old", "*.bak", "*.BAK",
	"*.orig", "*.rej", ".del-*", "*.a", "*.olb", "*.o", "*.obj", "*.so",
	"*.exe", "*.Z", "*.elc", "*.ln", "core", ".svn", ".git", ".hg", ".bzr",
	NULL };

static bool
is_excluded(const char *name)
{
	for (const char *const *p = excluded; *p != NULL; p++)
		if (fnmatch(*p, name, 0) == 0)
			return true;
	return false;
}

/* An entry goes into a folder of the target, to. */
static int
put_symlink(int to, const struct tree_entry *t, struct error *e)
{
	own_free char *target = mem_alloc(PATH_MAX);
	ssize_t n = readlinkat(t->dir, t->name, target, PATH_MAX - 1);

	if (n == -1)
		return error_errno(e, "static/%s", t->path);
	target[n] = '\0';
	if (unlinkat(to, t->name, 0) == -1 && errno != ENOENT)
		return error_errno(e, "%s", t->path);
	if (symlinkat(target, to, t->name) == -1)
		return error_errno(e, "%s", t->path);
	return 0;
}

static int
put_regular(int to, const struct tree_entry *t, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };
	own_fd int from =
	    openat(t->dir, t->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	mode_t mode = t->st->st_mode & 07777 & ~CREATE_MASK;
	struct stat old;

	if (from == -1)
		return error_errno(e, "static/%s", t->path);
	if (fstatat(to, t->name, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(old.st_mode))
		mode = old.st_mode & 07777;
	if (file_begin(&w, to, t->name, mode, e) == -1)
		return -1;
	w.uid = w.gid = 0;
	w.hasty = true;
	if (file_copy_fd(from, w.fd, e) == -1)
		return error_prefix(e, "%s", t->path);
	return file_publish(&w, e);
}

static int
put_entry(void *ctx, const struct tree_entry *t, struct error *e)
{
	const char *tree = ctx;
	own_fd int to = -1;

	if (t->depth == 0)
		return 0;
	if (is_excluded(t->name))
		return 1;
	if (S_ISDIR(t->st->st_mode)) {
		to = target_folder(
		    tree, t->path, t->st->st_mode & 07777 & ~CREATE_MASK, e);
		return to == -1 ? -1 : 0;
	}
	to = target_parent(tree, t->path, e);
	if (to == -1)
		return -1;
	if (S_ISLNK(t->st->st_mode))
		return put_symlink(to, t, e);
	return S_ISREG(t->st->st_mode) ? put_regular(to, t, e) : 0;
}

static int
install_static(struct build *b, const struct step *s, struct error *e)
{
	own_free char *from = path_join(b->hooks, "static");

	(void)s;
	if (!file_is_dir(AT_FDCWD, from))
		return 0;
	return tree_walk(AT_FDCWD, from, put_entry, b->tree, e);
}

static const struct native_step steps[] = {
	{ "install", "10-install-static-files", install_static, NULL },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_install_static = {
	.name = "install-static",
	.summary = "files of elements' static/ in the target",
	.deps = "",
	.steps = steps,
};
