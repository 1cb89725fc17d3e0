/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounting overlays on overlays' places.  The names of layers are kept short
 * by symlinks in the scratch folder, since all of them must fit one page of
 * mount options.
 */
#include "image-build/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image-build/target.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define MOST 490 /* layers of one overlay; the kernel takes 500 */
#define MANY 400 /* more than these, and the lowest are merged ... */
#define SEPARATE 50 /* ... but for these */

/* ---- one mount ------------------------------------------------------------------ */

/*
 * In a user namespace overlays may only use attributes of another kind: is it
 * one?  dir is on the file system of the upper.
 */
static bool
wants_user_attributes(const char *dir)
{
	if (setxattr(dir, "trusted.ingot", "", 0, 0) == -1)
		return errno == EPERM;
	(void)removexattr(dir, "trusted.ingot");
	return false;
}

/* Nothing here has to survive a power cut: volatile syncs nothing. */
static int
mount_overlay(const char *options, const char *at)
{
	const char *kind = wants_user_attributes(at)
	    ? "userxattr"
	    : "index=off,metacopy=off,redirect_dir=off,xino=off";
	own_free char *fast = mem_printf("%s,volatile,%s", options, kind);
	own_free char *slow = mem_printf("%s,%s", options, kind);

	if (mount("overlay", at, "overlay", 0, fast) == 0)
		return 0;
	return mount("overlay", at, "overlay", 0, slow);
}

bool
layers_possible(const char *folder)
{
	own_free char *dir = path_join(folder, ".try-overlay");
	own_free char *options = mem_printf(
	    "lowerdir=%s/l,upperdir=%s/u,workdir=%s/w", dir, dir, dir);
	own_free char *at = path_join(dir, "m");
	static const char *const names[] = { "l", "u", "w", "m", NULL };
	struct error e;
	bool works = false, made = true;

	(void)tree_remove(AT_FDCWD, dir, &e);
	for (const char *const *n = names; *n != NULL && made; n++) {
		own_free char *path = path_join(dir, *n);

		made = file_mkdirs(AT_FDCWD, path, 0755, &e) == 0;
	}
	if (made && mount_overlay(options, at) == 0) {
		own_free char *file = path_join(at, "x");
		int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

		works = fd != -1;
		if (fd != -1)
			close(fd);
		(void)umount2(at, MNT_DETACH);
	}
	(void)tree_remove(AT_FDCWD, dir, &e);
	return works;
}

/* ---- the stack ------------------------------------------------------------------- */

/*
 * Mount with the scratch folder as the working folder: what is named in the
 * options is short then, and a page holds all of them.
 */
static int
mount_in_scratch(const struct layers *l, const char *at, const char *options,
    bool with_upper, struct error *e)
{
	own_fd int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (file_mkdirs(AT_FDCWD, at, 0755, e) == -1)
		return -1;
	if (chdir(l->scratch) == -1)
		return error_errno(e, "%s", l->scratch);
	r = with_upper ? mount_overlay(options, at)
		       : mount("overlay", at, "overlay", MS_RDONLY, options);
	if (r == -1)
		error_errno(e, "%s: overlay of %zu layers", at, l->stack.len);
	if (fchdir(here) == -1)
		return error_errno(e, "working directory");
	return r;
}

/* The layers from..to - 1, the uppermost first. */
static void
name_layers(size_t from, size_t to, struct strbuf *options)
{
	strbuf_puts(options, "lowerdir=");
	for (size_t i = to; i > from; i--)
		strbuf_printf(options, "%sl%zu", i < to ? ":" : "", i - 1);
}

/*
 * The kernel takes no more than 500 layers, but an overlay can be a layer of
 * another one: the lowest ones are mounted as one when there are too many.
 */
static int
merge_lowest(struct layers *l, struct error *e)
{
	own(strbuf_clear) struct strbuf options = { 0 };
	own_free char *at = path_join(l->scratch, "merged");
	size_t n = l->stack.len - SEPARATE;

	if (l->stack.len - l->merged <= MANY)
		return 0;
	if (n > MOST)
		n = MOST;
	if (l->stack.len - n > MOST)
		return error_set(
		    e, E2BIG, "more than %d steps that change files", 2 * MOST);
	if (n == l->merged)
		return 0;
	/* What is mounted of it goes on using it. */
	if (l->merged > 0 && umount2(at, MNT_DETACH) == -1)
		return error_errno(e, "%s: unmount", at);
	l->merged = 0;
	name_layers(0, n, &options);
	if (wants_user_attributes(l->scratch))
		strbuf_puts(&options, ",userxattr");
	if (mount_in_scratch(l, at, strbuf_text(&options), false, e) == -1)
		return -1;
	l->merged = n;
	return 0;
}

/* A link "lN" in the scratch folder for each layer. */
static int
link_layers(struct layers *l, struct strbuf *options, struct error *e)
{
	for (; l->linked < l->stack.len; l->linked++) {
		own_free char *link =
		    mem_printf("%s/l%zu", l->scratch, l->linked);

		if (symlink(l->stack.items[l->linked], link) == -1)
			return error_errno(e, "%s", link);
	}
	if (merge_lowest(l, e) == -1)
		return -1;
	name_layers(l->merged, l->stack.len, options);
	if (l->merged > 0)
		strbuf_puts(options, ":merged");
	return 0;
}

static int
new_upper(struct layers *l, struct strbuf *options, struct error *e)
{
	own_free char *work = NULL;

	free(l->upper);
	l->count++;
	l->upper = mem_printf("%s/u%u", l->scratch, l->count);
	work = mem_printf("%s/w%u", l->scratch, l->count);
	if (file_mkdirs(AT_FDCWD, l->upper, 0755, e) == -1 ||
	    file_mkdirs(AT_FDCWD, work, 0755, e) == -1)
		return -1;
	strbuf_printf(options, ",upperdir=u%u,workdir=w%u", l->count, l->count);
	return 0;
}

/* Undo the octal escapes of the mount table in place. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] &&
		    s[3]) {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
			    (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	*to = '\0';
}

int
layers_mounts(const char *dir, struct strlist *points, struct error *e)
{
	own_file FILE *f = fopen("/proc/self/mounts", "re");
	own_free char *prefix = mem_printf("%s/", dir);
	own_free char *line = NULL;
	size_t cap = 0;

	if (f == NULL)
		return error_errno(e, "/proc/self/mounts");
	while (getline(&line, &cap, f) != -1) {
		own(strlist_clear) struct strlist words = { 0 };

		strlist_split(&words, line, " \n");
		if (words.len < 2)
			continue;
		unescape(words.items[1]);
		if (strncmp(words.items[1], prefix, strlen(prefix)) == 0)
			strlist_add(points, words.items[1]);
	}
	return 0;
}

static bool
is_below(const char *path, const struct strlist *above)
{
	for (size_t i = 0; i < above->len; i++) {
		size_t n = strlen(above->items[i]);

		if (strncmp(path, above->items[i], n) == 0 && path[n] == '/')
			return true;
	}
	return false;
}

/* Carry what is mounted in the old tree over to the new one. */
static int
move_mounts(const struct layers *l, const char *to, struct error *e)
{
	own(strlist_clear) struct strlist points = { 0 }, moved = { 0 };
	size_t n = strlen(l->work);

	if (layers_mounts(l->work, &points, e) == -1)
		return -1;
	for (size_t i = 0; i < points.len; i++) {
		const char *from = points.items[i];
		own_free char *at = NULL;

		/* What is mounted inside a mount moves with that. */
		if (is_below(from, &moved))
			continue;
		strlist_add(&moved, from);
		at = target_path(to, from + n, e);
		if ((at == NULL ||
			mount(from, at, NULL, MS_MOVE, NULL) == -1) &&
		    umount2(from, MNT_DETACH) == -1)
			return error_errno(e, "%s: move mount", from);
	}
	return 0;
}

int
layers_show(struct layers *l, struct error *e)
{
	own(strbuf_clear) struct strbuf options = { 0 };
	own_free char *next = path_join(l->scratch, "next");

	if (l->mounted && l->shown == l->stack.len)
		return 0;
	if (link_layers(l, &options, e) == -1 ||
	    new_upper(l, &options, e) == -1 ||
	    mount_in_scratch(l, next, strbuf_text(&options), true, e) == -1)
		return -1;
	if (l->mounted && move_mounts(l, next, e) == -1)
		return -1;
	if (l->mounted && umount2(l->work, MNT_DETACH) == -1)
		return error_errno(e, "%s: unmount", l->work);
	if (mount(next, l->work, NULL, MS_MOVE, NULL) == -1)
		return error_errno(e, "%s: move mount", l->work);
	l->mounted = true;
	l->shown = l->stack.len;
	return 0;
}

int
layers_show_before(struct layers *l, struct error *e)
{
	own(strbuf_clear) struct strbuf options = { 0 };
	own_free char *at = path_join(l->scratch, "before");
	own_free char *empty = path_join(l->scratch, "empty");

	if (link_layers(l, &options, e) == -1 ||
	    file_mkdirs(AT_FDCWD, empty, 0755, e) == -1)
		return -1;
	/* Without an upper there have to be two lower ones. */
	strbuf_puts(&options, ":empty");
	if (wants_user_attributes(l->scratch))
		strbuf_puts(&options, ",userxattr");
	return mount_in_scratch(l, at, strbuf_text(&options), false, e);
}

void
layers_hide_before(const struct layers *l)
{
	own_free char *at = path_join(l->scratch, "before");

	(void)umount2(at, MNT_DETACH);
}

int
layers_changed(const struct layers *l, bool *changed, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (file_names(AT_FDCWD, l->upper, &names, e) == -1)
		return -1;
	*changed = names.len > 0;
	return 0;
}

void
layers_push(struct layers *l, const char *folder)
{
	if (folder != NULL)
		strlist_add(&l->stack, folder);
}

static void
unmount(struct layers *l)
{
	own_free char *merged = NULL;

	if (l->mounted)
		(void)umount2(l->work, MNT_DETACH);
	l->mounted = false;
	if (l->merged > 0) {
		merged = path_join(l->scratch, "merged");
		(void)umount2(merged, MNT_DETACH);
	}
	l->merged = 0;
}

void
layers_clear(struct layers *l)
{
	unmount(l);
	free(l->work);
	free(l->scratch);
	free(l->upper);
	strlist_clear(&l->stack);
	*l = (struct layers){ 0 };
}
