/* SPDX-License-Identifier: Apache-2.0 */
/* Folders walked, copied, measured and removed, with what is odd in them. */
#include "lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

static int root; /* a scratch folder */

static void
put(const char *path, const char *text)
{
	struct error e;

	CHECK(file_replace(root, path, 0644, text, strlen(text), &e) == 0);
}

static void
folder(const char *path)
{
	struct error e;

	CHECK(file_mkdirs(root, path, 0755, &e) == 0);
}

static int
note(void *ctx, const struct tree_entry *t, struct error *e)
{
	(void)e;
	strbuf_printf(ctx, "%s/%u%s|", t->path, t->depth,
	    S_ISDIR(t->st->st_mode) ? "d" : "");
	return strcmp(t->name, "skip") == 0 ? 1 : 0;
}

static int
refuse(void *ctx, const struct tree_entry *t, struct error *e)
{
	(void)ctx;
	return strcmp(t->name, "b") == 0 ? error_set(e, 0, "no b") : 0;
}

static void
walks_are_in_order(void)
{
	own(strbuf_clear) struct strbuf seen = { 0 };
	struct error e = { 0 };

	folder("w/skip/in");
	folder("w/a");
	put("w/a/x", "");
	put("w/B", "");
	put("w/b", "");
	CHECK(symlinkat("a", root, "w/link") == 0);
	CHECK(tree_walk(root, "w", note, &seen, &e) == 0);
	CHECK_STR(seen.s, "/0d|B/1|a/1d|a/x/2|b/1|link/1|skip/1d|");
	CHECK(tree_walk(root, "w", refuse, NULL, &e) == -1);
	CHECK_STR(e.text, "no b");
	CHECK(tree_walk(root, "none", note, &seen, &e) == -1);
	CHECK(e.code == ENOENT);
}

/* Far below PATH_MAX by descriptor, far beyond it as a path. */
static void
deep_folders_work(void)
{
	own_fd int at = openat(root, ".", O_RDONLY | O_DIRECTORY);
	own(strbuf_clear) struct strbuf seen = { 0 };
	struct error e = { 0 };

	for (int i = 0; i < 1500; i++) {
		int next;

		if (mkdirat(at, "deep folder", 0755) == -1)
			break;
		next = openat(at, "deep folder", O_RDONLY | O_DIRECTORY);
		close(at);
		at = next;
	}
	CHECK(at != -1);
	CHECK(tree_walk(root, "deep folder", note, &seen, &e) == 0);
	CHECK(tree_remove(root, "deep folder", &e) == 0);
	CHECK(!file_exists(root, "deep folder"));
}

static void
removal_takes_all_and_follows_nothing(void)
{
	struct error e = { 0 };

	folder("keep");
	put("keep/me", "x");
	folder("r/one/two");
	put("r/one/file", "");
	CHECK(symlinkat("../keep", root, "r/link") == 0);
	CHECK(tree_remove(root, "r", &e) == 0);
	CHECK(!file_exists(root, "r") && file_exists(root, "keep/me"));
	CHECK(tree_remove(root, "r", &e) == 0);
	CHECK(symlinkat("keep", root, "s") == 0);
	CHECK(tree_remove(root, "s", &e) == 0);
	CHECK(file_exists(root, "keep/me"));
	put("plain", "");
	CHECK(tree_remove(root, "plain", &e) == 0);
	CHECK(!file_exists(root, "plain"));
}

static bool
same_attributes(const char *a, const char *b)
{
	struct stat x, y;

	return fstatat(root, a, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(root, b, &y, AT_SYMLINK_NOFOLLOW) == 0 &&
	    x.st_mode == y.st_mode && x.st_uid == y.st_uid &&
	    x.st_gid == y.st_gid && x.st_rdev == y.st_rdev &&
	    x.st_mtim.tv_sec == y.st_mtim.tv_sec &&
	    x.st_mtim.tv_nsec == y.st_mtim.tv_nsec &&
	    (S_ISDIR(x.st_mode) || x.st_size == y.st_size);
}

static void
copies_are_the_same(void)
{
	static const char *const all[] = { "", "/dir", "/dir/file", "/link",
		"/dangling", "/fifo", "/setuid" };
	const struct timespec old[2] = { { 1000, 5 }, { 2000, 123456789 } };
	struct error e = { 0 };
	char target[32] = "";

	folder("c/dir");
	put("c/dir/file", "content");
	put("c/setuid", "x");
	CHECK(symlinkat("dir/file", root, "c/link") == 0);
	CHECK(symlinkat("/nowhere", root, "c/dangling") == 0);
	CHECK(mkfifoat(root, "c/fifo", 0620) == 0);
	CHECK(fchmodat(root, "c/setuid", 06751, 0) == 0);
	CHECK(fchmodat(root, "c/dir", 01711, 0) == 0);
	for (size_t i = 7; i-- > 0;) {
		own_free char *path = mem_printf("c%s", all[i]);

		utimensat(root, path, old, AT_SYMLINK_NOFOLLOW);
	}
	CHECK(tree_copy(root, "c", root, "c2", &e) == 0);
	for (size_t i = 0; i < 7; i++) {
		own_free char *a = mem_printf("c%s", all[i]);
		own_free char *b = mem_printf("c2%s", all[i]);

		if (!same_attributes(a, b)) {
			printf("%s\n", all[i]);
			CHECK(!"copied with its attributes");
		}
	}
	CHECK(readlinkat(root, "c2/dangling", target, 31) == 8);
	CHECK_STR(target, "/nowhere");
}

static void
copies_merge_and_replace(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	struct error e = { 0 };

	folder("m1/dir");
	put("m1/dir/new", "new");
	put("m1/file", "new");
	folder("m2/dir");
	put("m2/dir/old", "old");
	put("m2/target", "untouched");
	CHECK(symlinkat("target", root, "m2/file") == 0);
	CHECK(tree_copy(root, "m1", root, "m2", &e) == 0);
	CHECK(
	    file_exists(root, "m2/dir/old") && file_exists(root, "m2/dir/new"));
	CHECK(file_read(root, "m2/target", 100, &b, &e) == 0);
	CHECK_STR(b.s, "untouched");
}

/* A tree that holds a symlink must not lead a copy out of itself. */
static void
copies_do_not_follow_symlinks(void)
{
	struct error e = { 0 };

	folder("outside");
	folder("f1/dir");
	put("f1/dir/file", "x");
	folder("f2");
	CHECK(symlinkat("../outside", root, "f2/dir") == 0);
	CHECK(tree_copy(root, "f1", root, "f2", &e) == -1);
	CHECK(e.code == ENOTDIR && strstr(e.text, "f2/dir") != NULL);
	CHECK(!file_exists(root, "outside/file"));
}

/* On every kind of entry, and capabilities in spite of a new owner. */
static void
extended_attributes_are_copied(void)
{
	static const unsigned char capability[20] = { 1, 0, 0, 2, 0, 4 };
	own_free char *base = mem_printf("/proc/self/fd/%d", root);
	own_free char *dir = mem_printf("%s/x1", base);
	own_free char *file = mem_printf("%s/x1/file", base);
	own_free char *dir2 = mem_printf("%s/x2", base);
	own_free char *file2 = mem_printf("%s/x2/file", base);
	struct error e = { 0 };
	char value[64];

	folder("x1");
	put("x1/file", "x");
	if (getuid() != 0 || chown(file, 12, 34) == -1 ||
	    setxattr(file, "security.capability", capability, 20, 0) == -1 ||
	    setxattr(dir, "trusted.test", "on a folder", 11, 0) == -1) {
		printf("no extended attributes here: not checked\n");
		return;
	}
	CHECK(setxattr(file, "trusted.test", "on a file", 9, 0) == 0);
	CHECK(tree_copy(root, "x1", root, "x2", &e) == 0);
	CHECK(getxattr(file2, "security.capability", value, 64) == 20 &&
	    memcmp(value, capability, 20) == 0);
	CHECK(getxattr(file2, "trusted.test", value, 64) == 9);
	CHECK(getxattr(dir2, "trusted.test", value, 64) == 11 &&
	    memcmp(value, "on a folder", 11) == 0);
}

static void
clones_keep_links_and_holes(void)
{
	struct stat a, b;
	struct error e = { 0 };
	own_fd int fd = -1;

	CHECK(file_mkdirs(root, "system/sub", 0755, &e) == 0);
	CHECK(file_replace(root, "system/one", 0644, "x", 1, &e) == 0);
	CHECK(linkat(root, "system/one", root, "system/sub/two", 0) == 0);
	fd = openat(root, "system/holes", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	CHECK(ftruncate(fd, 40 << 20) == 0);
	CHECK(pwrite(fd, "y", 1, 20 << 20) == 1);
	if (mknodat(root, "system/null", S_IFCHR | 0666, makedev(1, 3)) == 0) {
		CHECK(tree_clone(root, "system", root, "with", true, &e) == 0);
		CHECK(fstatat(root, "with/null", &a, 0) == 0);
		CHECK(S_ISCHR(a.st_mode));
	}
	CHECK(tree_clone(root, "system", root, "clone", false, &e) == 0);
	CHECK(fstatat(root, "clone/null", &a, 0) == -1);
	CHECK(fstatat(root, "clone/one", &a, 0) == 0);
	CHECK(fstatat(root, "clone/sub/two", &b, 0) == 0);
	CHECK(a.st_ino == b.st_ino && a.st_nlink == 2);
	CHECK(fstatat(root, "system/one", &b, 0) == 0 && a.st_ino != b.st_ino);
	CHECK(fstatat(root, "clone/holes", &a, 0) == 0);
	CHECK(a.st_size == 40 << 20 && a.st_blocks < 2048);
	close(fd);
	fd = openat(root, "clone/holes", O_RDONLY | O_CLOEXEC);
	CHECK(lseek(fd, 0, SEEK_DATA) == 20 << 20);
}

int
main(void)
{
	char dir[] = "/tmp/tree-XXXXXX";
	struct error e;

	if (mkdtemp(dir) == NULL)
		return 1;
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	walks_are_in_order();
	deep_folders_work();
	removal_takes_all_and_follows_nothing();
	copies_are_the_same();
	copies_merge_and_replace();
	copies_do_not_follow_symlinks();
	extended_attributes_are_copied();
	clones_keep_links_and_holes();
	tree_remove(AT_FDCWD, dir, &e);
	return check_result();
}
