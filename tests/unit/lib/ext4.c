/* SPDX-License-Identifier: Apache-2.0 */
/* A file system of mke2fs read back: all of it, or the files that are wanted. */
#include "lib/ext4.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/disk.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/proc.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

#define OFFSET (1 << 20)

static int top = -1;
static struct error e;

static void
make_disk(void)
{
	char *make[] = { (char[]){ "mke2fs" }, (char[]){ "-qF" },
		(char[]){ "-text4" }, (char[]){ "-dtree" },
		(char[]){ "-Eoffset=1048576" }, (char[]){ "disk" },
		(char[]){ "4096" }, NULL };
	const struct proc p = { .argv = make };
	struct proc_status status;
	char text[9000];

	memset(text, 't', sizeof(text));
	CHECK(file_mkdirs(top, "tree/a/b", 0755, &e) == 0);
	CHECK(file_put(top, "tree/a/b/file", 0640, text, 9000, &e) == 0);
	CHECK(file_put(top, "tree/a/other", 0644, "other", 5, &e) == 0);
	CHECK(linkat(top, "tree/a/other", top, "tree/link", 0) == 0);
	CHECK(symlinkat("a/other", top, "tree/sym") == 0);
	CHECK(file_put(top, "disk", 0600, "", 0, &e) == 0);
	CHECK(truncate("disk", OFFSET + (4 << 20)) == 0);
	CHECK(proc_run(&p, &status, &e) == 0 && status.code == 0);
}

static bool
wants(void *ctx, const char *path)
{
	return strcmp(path, ctx) == 0;
}

/* Reads into the folder name; a path that is wanted, or all. */
static int
read_into(const char *name, const char *wanted, uint64_t offset)
{
	own_fd int fd = open("disk", O_RDONLY | O_CLOEXEC);
	own(disk_close) struct disk_source disk = { .fd = fd };
	const struct ext4_source from = { .disk = &disk,
		.name = "disk",
		.offset = offset,
		.wants = wanted != NULL ? wants : NULL,
		.ctx = (void *)(uintptr_t)wanted };
	own_fd int to = -1;

	CHECK(mkdirat(top, name, 0755) == 0);
	to = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(disk_open(&disk, fd, &e) == 0);
	return ext4_read(&from, to, &e);
}

static void
all_is_read(void)
{
	struct stat a, b;

	CHECK(read_into("all", NULL, OFFSET) == 0);
	CHECK(stat("all/a/b/file", &a) == 0);
	CHECK(a.st_size == 9000 && (a.st_mode & 07777) == 0640);
	CHECK(stat("all/a/other", &a) == 0 && stat("all/link", &b) == 0);
	CHECK(a.st_ino == b.st_ino && a.st_size == 5);
	CHECK(lstat("all/sym", &a) == 0 && S_ISLNK(a.st_mode));
	CHECK(!file_exists(top, "all/lost+found"));
}

/* The second name of a file that is not wanted by its first. */
static void
what_is_wanted_is_read_alone(void)
{
	struct stat st;

	CHECK(read_into("some", "link", OFFSET) == 0);
	CHECK(stat("some/link", &st) == 0);
	CHECK(st.st_size == 5 && st.st_nlink == 1);
	CHECK(file_is_dir(top, "some/a/b"));
	CHECK(!file_exists(top, "some/a/other"));
	CHECK(!file_exists(top, "some/a/b/file"));
	CHECK(lstat("some/sym", &st) == -1);
}

static void
what_is_none_is_refused(void)
{
	CHECK(read_into("none", NULL, 0) == -1);
	CHECK(strstr(e.text, "disk: its file system: ") == e.text);
	CHECK(truncate("disk", OFFSET + 20000) == 0);
	CHECK(read_into("short", NULL, OFFSET) == -1);
}

int
main(void)
{
	char path[] = "/tmp/ext4-XXXXXX";

	CHECK(mkdtemp(path) != NULL && chdir(path) == 0);
	umask(022);
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (geteuid() == 0) {
		make_disk();
		all_is_read();
		what_is_wanted_is_read_alone();
		what_is_none_is_refused();
	}
	close(top);
	CHECK(tree_remove(AT_FDCWD, path, &e) == 0);
	return check_result();
}
