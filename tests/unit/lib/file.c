/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files in, atomic replacement out. */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static int root; /* a scratch folder */

static char *
content(const char *path)
{
	struct strbuf b = { 0 };
	struct error e;

	if (file_read(root, path, 1 << 20, &b, &e) == -1) {
		strbuf_clear(&b);
		return mem_dup("(unreadable)");
	}
	return strbuf_take(&b);
}

/* How many entries the scratch folder has. */
static size_t
entries(void)
{
	own(strlist_clear) struct strlist names = { 0 };
	struct error e;

	CHECK(file_names(root, ".", &names, &e) == 0);
	return names.len;
}

/* Whatever its size was when it was looked at. */
static void
a_sized_file_is_read_whole(void)
{
	static const size_t sizes[] = { 0, 1, 10, 11, 12, 5000 };
	struct error e;

	CHECK(file_put(root, "s", 0600, "0123456789", 10, &e) == 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		own(strbuf_clear) struct strbuf b = { 0 };
		own_fd int fd = openat(root, "s", O_RDONLY);

		CHECK(file_read_sized(fd, "s", sizes[i], 10, &b, &e) == 0);
		CHECK_STR(strbuf_text(&b), "0123456789");
		CHECK(lseek(fd, 0, SEEK_SET) == 0);
		CHECK(file_read_sized(fd, "s", sizes[i], 9, &b, &e) == -1);
		CHECK(e.code == EFBIG && b.len == 10);
	}
	unlinkat(root, "s", 0);
}

static void
writing_begins_where_it_can(void)
{
	own_fd int fd = openat(root, "w", O_WRONLY | O_CREAT, 0600);
	int pipes[2];

	CHECK(file_write_all(fd, "text", 4) == 0);
	CHECK(file_write_back(fd) == 0);
	CHECK(pipe(pipes) == 0 && file_write_back(pipes[1]) == 0);
	close(pipes[0]);
	close(pipes[1]);
	CHECK(file_write_back(-1) == -1 && errno == EBADF);
	unlinkat(root, "w", 0);
}

static void
files_are_read_whole(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	struct error e = { 0 };

	CHECK(file_replace(root, "a", 0644, "hello\0world", 11, &e) == 0);
	strbuf_puts(&b, "before ");
	CHECK(file_read(root, "a", 11, &b, &e) == 0);
	CHECK(b.len == 18 && memcmp(b.s, "before hello\0world", 19) == 0);
	/* One byte too long: an error, and nothing half read. */
	CHECK(file_read(root, "a", 10, &b, &e) == -1 && e.code == EFBIG);
	CHECK_STR(e.text, "a: longer than 10 bytes");
	CHECK(b.len == 18 && b.s[18] == '\0');
	CHECK(file_read(root, "none", 10, &b, &e) == -1 && e.code == ENOENT);
	CHECK(file_read(root, ".", 10, &b, &e) == -1 && e.code == EISDIR);
	/* A size of 0 that means nothing. */
	CHECK(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &b, &e) == 0);
	CHECK(strstr(b.s + 19, "Uid:") != NULL);
	CHECK(file_read(AT_FDCWD, "/dev/zero", 100000, &b, &e) == -1);
	CHECK(e.code == EFBIG);
}

/* What a process substitution of the shell gives: a slow pipe by its name. */
static void
slow_pipes_are_read_whole(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	own_free char *path = NULL;
	struct error e = { 0 };
	int fds[2];
	pid_t pid;

	CHECK(pipe(fds) == 0);
	pid = fork();
	if (pid == 0) {
		usleep(200000);
		if (write(fds[1], "one ", 4) != 4)
			_exit(1);
		usleep(200000);
		_exit(write(fds[1], "two", 3) != 3);
	}
	close(fds[1]);
	path = mem_printf("/proc/self/fd/%d", fds[0]);
	CHECK(file_read(AT_FDCWD, path, 100, &b, &e) == 0);
	CHECK_STR(strbuf_text(&b), "one two");
	waitpid(pid, NULL, 0);
	close(fds[0]);
	/* One that nobody writes to is empty at once. */
	CHECK(mkfifoat(root, "fifo", 0600) == 0);
	strbuf_cut(&b, 0);
	CHECK(file_read(root, "fifo", 100, &b, &e) == 0 && b.len == 0);
	unlinkat(root, "fifo", 0);
}

static void
replacing_is_whole_or_not_at_all(void)
{
	own_free char *one = NULL, *two = NULL, *three = NULL;
	struct file_writer w;
	struct error e = { 0 };
	struct stat st;
	size_t before = entries();

	CHECK(file_replace(root, "r", 0640, "one", 3, &e) == 0);
	CHECK(fstatat(root, "r", &st, 0) == 0 && (st.st_mode & 0777) == 0640);
	CHECK(entries() == before + 1);
	CHECK(file_begin(&w, root, "r", 0600, &e) == 0);
	file_add(&w, "tw", 2);
	one = content("r");
	CHECK_STR(one, "one");
	CHECK(entries() == before + 2);
	file_discard(&w);
	file_discard(&w);
	CHECK(entries() == before + 1);
	CHECK(file_begin(&w, root, "r", 0600, &e) == 0);
	file_add(&w, "tw", 2);
	file_add(&w, "o", 1);
	CHECK(file_publish(&w, &e) == 0);
	file_discard(&w);
	two = content("r");
	CHECK_STR(two, "two");
	CHECK(entries() == before + 1);
	/* A symlink is replaced, not written through. */
	CHECK(symlinkat("a", root, "link") == 0);
	CHECK(file_replace(root, "link", 0600, "x", 1, &e) == 0);
	CHECK(fstatat(root, "link", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode));
	three = content("a");
	CHECK(strcmp(three, "x") != 0);
}

static void
failures_leave_nothing(void)
{
	struct file_writer w;
	struct error e = { 0 };
	size_t before;

	CHECK(mkdirat(root, "folder", 0755) == 0);
	before = entries();
	/* A folder cannot be replaced by a file. */
	CHECK(file_replace(root, "folder", 0600, "x", 1, &e) == -1);
	CHECK(strncmp(e.text, "folder: ", 8) == 0);
	CHECK(entries() == before);
	CHECK(file_replace(root, "no/where", 0600, "x", 1, &e) == -1);
	CHECK(e.code == ENOENT);
	/* A write that failed is told when publishing. */
	CHECK(file_begin(&w, root, "full", 0600, &e) == 0);
	close(w.fd);
	w.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	file_add(&w, "x", 1);
	file_add(&w, "y", 1);
	CHECK(file_publish(&w, &e) == -1 && e.code == ENOSPC);
	CHECK_STR(e.text, "full: No space left on device");
	CHECK(entries() == before);
}

static void
folders_are_made(void)
{
	struct error e = { 0 };

	CHECK(file_mkdirs(root, "m/n/o", 0755, &e) == 0);
	CHECK(file_is_dir(root, "m/n/o"));
	CHECK(file_mkdirs(root, "m//n/o/", 0755, &e) == 0);
	CHECK(file_mkdirs(root, "a/b", 0755, &e) == -1);
	CHECK(e.code == ENOTDIR);
	CHECK(file_mkdirs(root, "a", 0755, &e) == -1);
	CHECK_STR(e.text, "a: Not a directory");
	CHECK(file_exists(root, "a") && !file_exists(root, "none"));
	CHECK(!file_is_dir(root, "a") && !file_is_dir(root, "none"));
}

static void
descriptors_are_copied(void)
{
	own_fd int from = openat(root, "big", O_RDWR | O_CREAT, 0600);
	own_fd int to = openat(root, "copy", O_RDWR | O_CREAT, 0600);
	own_fd int odd = open("/proc/self/status", O_RDONLY);
	own_fd int odd_to = openat(root, "odd", O_RDWR | O_CREAT, 0600);
	own(strbuf_clear) struct strbuf a = { 0 }, b = { 0 };
	struct error e = { 0 };
	struct stat st;

	for (int i = 0; i < 100000; i++)
		strbuf_printf(&a, "%d\n", i);
	CHECK(file_write_all(from, a.s, a.len) == 0);
	CHECK(lseek(from, 0, SEEK_SET) == 0);
	CHECK(file_copy_fd(from, to, &e) == 0);
	CHECK(file_read(root, "copy", 1 << 20, &b, &e) == 0);
	CHECK(b.len == a.len && memcmp(a.s, b.s, a.len) == 0);
	/* The kernel's shortcut copies nothing of files without a size. */
	CHECK(file_copy_fd(odd, odd_to, &e) == 0);
	CHECK(fstat(odd_to, &st) == 0 && st.st_size > 0);
}

static void
names_are_listed_in_order(void)
{
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *text = NULL;
	struct error e = { 0 };

	CHECK(file_mkdirs(root, "l/b", 0755, &e) == 0);
	CHECK(file_replace(root, "l/a", 0600, "", 0, &e) == 0);
	CHECK(file_replace(root, "l/B", 0600, "", 0, &e) == 0);
	CHECK(file_replace(root, "l/.c", 0600, "", 0, &e) == 0);
	CHECK(file_names(root, "l", &names, &e) == 0);
	text = strlist_join(&names, " ");
	CHECK_STR(text, ".c B a b");
	CHECK(file_names(root, "none", &names, &e) == -1);
	CHECK(e.code == ENOENT);
}

/* What a killed writer left goes; ours, and what only looks so, stays. */
static void
leftovers_are_removed(void)
{
	struct error e;
	struct file_writer w;
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *where = mem_printf("/proc/self/fd/%d/t", root);
	own_free char *text = NULL;
	pid_t pid;

	CHECK(file_mkdirs(root, "t", 0755, &e) == 0);
	pid = fork();
	if (pid == 0) {
		if (file_begin(&w, root, "t/a.b", 0600, &e) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(file_replace(root, "t/.~", 0600, "", 0, &e) == 0);
	CHECK(file_replace(root, "t/.x.~", 0600, "", 0, &e) == 0);
	CHECK(file_replace(root, "t/.x.1.y~", 0600, "", 0, &e) == 0);
	CHECK(file_replace(root, "t/x.99999999.0~", 0600, "", 0, &e) == 0);
	CHECK(file_replace(root, "t/.x.-1.0~", 0600, "", 0, &e) == 0);
	/* Another process has the number of the one that left this. */
	CHECK(file_replace(root, "t/.x.1.0~", 0600, "", 0, &e) == 0);
	CHECK(file_begin(&w, root, "t/mine", 0600, &e) == 0);
	file_tidy(where);
	CHECK(file_exists(root, w.temp));
	CHECK(file_publish(&w, &e) == 0);
	CHECK(file_names(root, "t", &names, &e) == 0);
	text = strlist_join(&names, " ");
	CHECK_STR(text, ".x.-1.0~ .x.1.y~ .x.~ .~ mine x.99999999.0~");
}

/* As a program in a chroot to "in" sees it: links and ".." end at its root. */
static void
links_lead_nowhere_else(void)
{
	static const struct {
		const char *path, *made;
	} cases[] = {
		{ "a/b", "in/a/b" },
		{ "/a//c/", "in/a/c" },
		{ "up/d", "in/d" },
		{ "../../e", "in/e" },
		{ "abs/out/f", "in/out/f" },
		{ ".", "in" },
	};
	struct error e;
	own_fd int in = -1;
	int fd;

	CHECK(file_mkdirs(root, "in", 0755, &e) == 0);
	CHECK(file_mkdirs(root, "out", 0755, &e) == 0);
	CHECK(symlinkat("../../out/..", root, "in/up") == 0);
	CHECK(symlinkat("/", root, "in/abs") == 0);
	CHECK(symlinkat("/none", root, "in/dangling") == 0);
	CHECK(file_put(root, "in/file", 0600, "", 0, &e) == 0);
	in = openat(root, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(file_mkdirs(root, "in/out", 0755, &e) == 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stat a = { 0 }, b = { 0 };

		fd = file_mkdirs_in(in, cases[i].path, 0755, &e);
		CHECK(fd != -1);
		CHECK(fstat(fd, &a) == 0);
		CHECK(fstatat(root, cases[i].made, &b, 0) == 0);
		CHECK(a.st_ino == b.st_ino);
		close(fd);
	}
	CHECK(!file_exists(root, "out/f"));
	CHECK(file_mkdirs_in(in, "dangling/g", 0755, &e) == -1);
	CHECK(e.code == ENOENT || e.code == EEXIST);
	CHECK(file_mkdirs_in(in, "file/h", 0755, &e) == -1);
	CHECK(e.code == ENOTDIR);
}

/* Nothing but a regular file gets a line added. */
static void
lines_are_added_to_files_only(void)
{
	struct error e;
	own_free char *text = NULL;

	CHECK(file_append(root, "log", 0600, "one\n", &e) == 0);
	CHECK(file_append(root, "log", 0600, "two\n", &e) == 0);
	text = content("log");
	CHECK_STR(text, "one\ntwo\n");
	CHECK(mkfifoat(root, "fifo", 0600) == 0);
	CHECK(file_append(root, "fifo", 0600, "x", &e) == -1);
	CHECK(symlinkat("log", root, "to-log") == 0);
	CHECK(file_append(root, "to-log", 0600, "x", &e) == -1);
}

int
main(void)
{
	char dir[] = "/tmp/file-XXXXXX";
	struct error e;

	if (mkdtemp(dir) == NULL)
		return 1;
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	files_are_read_whole();
	a_sized_file_is_read_whole();
	writing_begins_where_it_can();
	slow_pipes_are_read_whole();
	replacing_is_whole_or_not_at_all();
	failures_leave_nothing();
	folders_are_made();
	descriptors_are_copied();
	names_are_listed_in_order();
	leftovers_are_removed();
	links_lead_nowhere_else();
	lines_are_added_to_files_only();
	tree_remove(AT_FDCWD, dir, &e);
	return check_result();
}
