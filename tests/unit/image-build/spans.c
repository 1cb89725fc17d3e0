/* SPDX-License-Identifier: Apache-2.0 */
/* A disk whose files are read where they are, and passes over it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image-build/pass.h"
#include "image-build/spans.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

#define DISK ((size_t)40 << 20)
#define FAR ((uint64_t)20 << 20)

static char root[] = "/tmp/spans.XXXXXX";

static char *
put(const char *name, char c, size_t n)
{
	own_free char *path = path_join(root, name);
	own_free char *text = mem_alloc(n + 1);
	struct error e;

	memset(text, c, n);
	CHECK(file_replace(AT_FDCWD, path, 0644, text, n, &e) == 0);
	return take(path);
}

/*
 * Blocks of the disk: 0 is the disk's own, 1 to 3 are file a, 4 the disk's;
 * much later all of b, which is larger than a batch, from its second block.
 */
static void
make(struct spans *s, const char *disk, const char *a, const char *b)
{
	own_fd int fd = open(disk, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char block[SPAN_BLOCK];

	memset(block, 'd', sizeof(block));
	CHECK(ftruncate(fd, (off_t)DISK) == 0);
	CHECK(pwrite(fd, block, sizeof(block), 0) == sizeof(block));
	CHECK(
	    pwrite(fd, block, sizeof(block), 4 * SPAN_BLOCK) == sizeof(block));
	spans_add(s, b, SPAN_BLOCK, FAR, 9 << 20);
	spans_add(s, a, 0, SPAN_BLOCK, 2 * SPAN_BLOCK + 10);
	spans_sort(s);
}

static char
want(uint64_t at)
{
	uint64_t block = at / SPAN_BLOCK;

	if (block == 0 || block == 4)
		return 'd';
	if (block >= 1 && at < SPAN_BLOCK * 3 + 10)
		return 'a';
	return at >= FAR && at < FAR + (9 << 20) ? 'b' : '\0';
}

/* The first of n bytes, read from a place, that is not as it should be. */
static size_t
wrong(const uint8_t *p, uint64_t at, size_t n)
{
	size_t i = 0;

	while (i < n && (char)p[i] == want(at + i))
		i++;
	return i;
}

static void
test_reading(const struct spans *s, const char *disk)
{
	static const struct {
		uint64_t at;
		size_t n;
	} cases[] = { { 0, 1 }, { 0, 65536 }, { 4095, 2 }, { 4096, 8192 },
		{ 12288, 4096 }, { 12290, 20 }, { 12299, 4200 },
		{ FAR - 4096, 65536 }, { FAR + (8 << 20), 2 << 20 } };
	own_fd int fd = open(disk, O_RDONLY | O_CLOEXEC);
	own_free uint8_t *room = mem_alloc(4 << 20);
	struct error e;

	CHECK(spans_find(s, 0) == 0 && spans_find(s, 4 * SPAN_BLOCK) == 1 &&
	    spans_find(s, 4 * SPAN_BLOCK - 1) == 0 &&
	    spans_find(s, FAR + (9 << 20)) == 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memset(room, '?', 4 << 20);
		CHECK(
		    spans_read(s, fd, room, cases[i].at, cases[i].n, &e) == 0);
		CHECK(wrong(room, cases[i].at, cases[i].n) == cases[i].n);
		CHECK(room[cases[i].n] == '?');
	}
}

/* What a pass shows is the disk, and holes stay holes. */
static void
test_copy(const struct spans *s, const char *disk, bool direct)
{
	own_free char *copy = path_join(root, "copy");
	own_fd int from = open(disk, O_RDONLY | O_CLOEXEC);
	own_fd int to =
	    open(copy, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const struct pass_source source = { from, s };
	own_free uint8_t *all = mem_alloc(DISK);
	struct pool *pool = pool_new(2);
	struct pass_writer w;
	struct pass_consumer c = pass_write_begin(&w, to, direct);
	struct stat st;
	struct error e;

	CHECK(ftruncate(to, (off_t)DISK) == 0);
	CHECK(pass_run(&source, pool, &c, 1, NULL, &e) == 0);
	pass_write_end(&w);
	CHECK(pwrite(to, "", 1, 3) == 1 && pwrite(to, "d", 1, 3) == 1);
	CHECK(pread(to, all, DISK, 0) == (ssize_t)DISK);
	CHECK(wrong(all, 0, DISK) == DISK);
	CHECK(fstat(to, &st) == 0 && st.st_blocks * 512 < 11 << 20);
	pool_free(pool);
}

static void
test_shorter(const struct spans *s, const char *disk, const char *a)
{
	own_fd int fd = open(disk, O_RDONLY | O_CLOEXEC);
	uint8_t room[SPAN_BLOCK];
	struct error e;

	CHECK(truncate(a, SPAN_BLOCK) == 0);
	CHECK(spans_read(s, fd, room, SPAN_BLOCK, sizeof(room), &e) == 0);
	CHECK(spans_read(s, fd, room, 2 * SPAN_BLOCK, sizeof(room), &e) == -1);
	CHECK(strstr(e.text, "became shorter") != NULL && e.code == EIO);
	CHECK(unlink(a) == 0);
	CHECK(spans_read(s, fd, room, SPAN_BLOCK, sizeof(room), &e) == -1);
	CHECK(strstr(e.text, a) != NULL && e.code == ENOENT);
}

static void
longer(char **path, const char *name)
{
	char *both = path_join(*path, name);

	free(*path);
	*path = both;
}

/* One whose path the system does not take at once. */
static void
test_deep(void)
{
	own(spans_clear) struct spans s = { 0 };
	own_fd int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_free char *path = mem_dup(root);
	char name[200];
	uint8_t byte = 0;
	struct error e;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 40; i++) {
		int next;

		CHECK(mkdirat(dir, name, 0755) == 0);
		next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
		longer(&path, name);
	}
	CHECK(file_replace(dir, "file", 0644, "x", 1, &e) == 0);
	longer(&path, "file");
	spans_add(&s, path, 0, 0, 1);
	CHECK(spans_read(&s, -1, &byte, 0, 1, &e) == 0);
	CHECK(byte == 'x');
}

int
main(void)
{
	own(spans_clear) struct spans s = { 0 };
	own_free char *disk = NULL, *a = NULL, *b = NULL;
	struct error e;

	CHECK(mkdtemp(root) != NULL);
	disk = path_join(root, "disk");
	a = put("a", 'a', 2 * SPAN_BLOCK + 10);
	b = put("b", 'b', (9 << 20) + SPAN_BLOCK);
	make(&s, disk, a, b);
	test_reading(&s, disk);
	test_copy(&s, disk, false);
	test_copy(&s, disk, true);
	test_shorter(&s, disk, a);
	test_deep();
	CHECK(tree_remove(AT_FDCWD, root, &e) == 0);
	return check_result();
}
