/* SPDX-License-Identifier: Apache-2.0 */
/* Archives walked as they come, whole and damaged; written and read again. */
#include "lib/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static int root; /* a scratch folder */
static char dir[] = "/tmp/tar-XXXXXX";

static void
put(const char *path, const char *text)
{
	struct error e;

	CHECK(file_replace(root, path, 0644, text, strlen(text), &e) == 0);
}

struct walk {
	struct strbuf *archive, seen;
	size_t at;
	const char *stop; /* at this path */
	int stop_with;
	size_t fail_at; /* reading fails from here on, unless 0 */
};

/* As a network brings it: a few bytes at a time. */
static ssize_t
some_bytes(void *ctx, void *to, size_t n, struct error *e)
{
	struct walk *w = ctx;
	size_t left = w->archive->len - w->at;

	if (w->fail_at != 0 && w->at >= w->fail_at)
		return error_set(e, EPIPE, "the network is gone");
	if (n > 700)
		n = 700;
	if (n > left)
		n = left;
	memcpy(to, w->archive->s + w->at, n);
	w->at += n;
	return (ssize_t)n;
}

static int
visit(void *ctx, const char *path, struct tar_entry *entry, struct error *e)
{
	struct walk *w = ctx;
	char bytes[8192] = "";
	size_t total = 0;
	ssize_t n;

	if (w->stop != NULL && strcmp(path, w->stop) == 0)
		return w->stop_with == -1 ? error_set(e, 0, "enough")
					  : w->stop_with;
	if (strcmp(path, "unread") == 0)
		return 0;
	strbuf_printf(&w->seen, "%s=", path);
	while ((n = tar_next(entry, bytes, sizeof(bytes), e)) > 0) {
		if (total == 0)
			strbuf_add(&w->seen, bytes, n < 5 ? (size_t)n : 5);
		total += (size_t)n;
	}
	strbuf_printf(&w->seen, "/%zu|", total);
	return n == 0 ? 0 : -1;
}

static const struct tar_bounds enough = { .entries = 100, .bytes = 1 << 20 };

/* What a walk of an archive of bytes says and shows. */
static int
walk(struct walk *w, const struct tar_bounds *bounds, struct error *e)
{
	w->at = 0;
	w->seen.len = 0;
	return tar_walk(some_bytes, w, bounds, visit, w, e);
}

/* Files only, whatever leads outside left out. */
static void
archives_are_walked(struct strbuf *archive)
{
	struct walk w = { .archive = archive };
	struct tar_bounds few = { .entries = 2, .bytes = 1 << 20 };
	struct tar_bounds small = { .entries = 100, .bytes = 1000 };
	struct error e = { 0 };

	CHECK(walk(&w, &enough, &e) == 0);
	CHECK_STR(
	    strbuf_text(&w.seen), "a/one=text/4|big=xxxxx/100000|last=z/1|");
	w.stop = "big";
	w.stop_with = 1;
	CHECK(walk(&w, &enough, &e) == 0);
	CHECK_STR(strbuf_text(&w.seen), "a/one=text/4|");
	w.stop_with = -1;
	CHECK(walk(&w, &enough, &e) == -1);
	CHECK_STR(e.text, "enough");
	w.stop = NULL;
	CHECK(walk(&w, &few, &e) == -1 && e.code == EFBIG);
	CHECK(walk(&w, &small, &e) == -1 && e.code == EFBIG);
	w.fail_at = 60000;
	CHECK(walk(&w, &enough, &e) == -1 && e.code == EPIPE);
	CHECK_STR(e.text, "the network is gone");
	strbuf_clear(&w.seen);
}

/* Cut anywhere or with any byte changed: an answer, and no more than that. */
static void
damaged_archives_do_no_harm(struct strbuf *archive)
{
	struct walk w = { .archive = archive };
	size_t whole = archive->len;
	struct error e = { 0 };
	uint32_t seed = 1;

	for (int i = 0; i < 300; i++) {
		size_t at;
		char old;

		seed = seed * 1664525 + 1013904223;
		at = seed % whole;
		old = archive->s[at];
		archive->s[at] = (char)(seed >> 24);
		archive->len = i % 3 == 0 ? at : whole;
		(void)walk(&w, &enough, &e);
		archive->s[at] = old;
	}
	archive->len = whole / 2;
	CHECK(walk(&w, &enough, &e) == -1 && e.code == EBADMSG);
	archive->len = whole;
	memset(archive->s, 'x', whole);
	CHECK(walk(&w, &enough, &e) == -1 && e.code == EBADMSG);
	strbuf_clear(&w.seen);
}

static void
walks(void)
{
	struct tar_output out = { .epoch = 1000 };
	own(strbuf_clear) struct strbuf archive = { 0 }, big = { 0 };
	struct error e;

	CHECK(file_mkdirs(root, "walked/a", 0755, &e) == 0);
	for (int i = 0; i < 100000; i++)
		strbuf_putc(&big, 'x');
	put("walked/a/one", "text");
	put("walked/big", strbuf_text(&big));
	put("walked/last", "z");
	put("walked/unread", "some");
	CHECK(symlinkat("big", root, "walked/link") == 0);
	CHECK(linkat(root, "walked/big", root, "walked/more", 0) == 0);
	out.fd = openat(
	    root, "walked.tar", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(tar_create(root, "walked", &out, &e) == 0);
	close(out.fd);
	CHECK(file_read(root, "walked.tar", 1 << 20, &archive, &e) == 0);
	archives_are_walked(&archive);
	damaged_archives_do_no_harm(&archive);
}

/* Twice the same bytes, and what comes out again is what went in. */
static void
an_archive_is_written_and_read(enum tar_filter filter)
{
	struct tar_output out = { .filter = filter, .epoch = 1000 };
	own(strbuf_clear) struct strbuf first = { 0 }, second = { 0 },
					text = { 0 };
	struct stat st, linked;
	struct error e;
	own_fd int to = -1;

	for (int i = 0; i < 2; i++) {
		out.fd = openat(root, i == 0 ? "first.tar" : "second.tar",
		    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		CHECK(tar_create(root, "written", &out, &e) == 0);
		close(out.fd);
	}
	CHECK(file_read(root, "first.tar", 1 << 20, &first, &e) == 0);
	CHECK(file_read(root, "second.tar", 1 << 20, &second, &e) == 0);
	CHECK(first.len == second.len &&
	    memcmp(first.s, second.s, first.len) == 0);
	CHECK(tree_remove(root, "again", &e) == 0);
	CHECK(file_mkdirs(root, "again", 0755, &e) == 0);
	to = openat(root, "again", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(tar_extract(root, "first.tar", to, 0, &e) == 0);
	CHECK(file_read(to, "a/file", 100, &text, &e) == 0);
	CHECK_STR(strbuf_text(&text), "text");
	CHECK(fstatat(to, "a/file", &st, 0) == 0 && st.st_mtime == 1000);
	CHECK(
	    fstatat(to, "link", &linked, 0) == 0 && linked.st_ino == st.st_ino);
	CHECK(fstatat(to, "holes", &st, 0) == 0 && st.st_size == 50 << 20);
	CHECK(st.st_blocks < 2048);
}

/* What GNU tar makes of an archive; "" where it has anything to say. */
static char *
as_tar_lists_it(const char *name)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own(strbuf_clear) struct strbuf text = { 0 };
	struct proc run = { .out = &text };
	struct proc_status status;
	struct error e;

	strlist_split(&argv, "sh -c", " ");
	strlist_printf(&argv,
	    "cd %s && rm -rf other && mkdir other && tar -C other --xattrs "
	    "--acls -xf %s 2>&1 && cd other && find . -type f -printf "
	    "'%%P %%n %%T@ %%s\\n' | LC_ALL=C sort",
	    dir, name);
	run.argv = strlist_argv(&argv);
	CHECK(proc_run(&run, &status, &e) == 0);
	return strbuf_take(&text);
}

/* Names of any bytes and any length, parts of seconds, owners of 32 bits. */
static void
others_read_what_is_hard(void)
{
	static const struct timespec times[2] = { { 0, 0 },
		{ 1000, 250000000 } };
	struct tar_output out = { .epoch = -1 };
	own_free char *seen = NULL;
	char name[264] = "hard/";
	own_fd int sparse = -1;
	struct error e;

	CHECK(file_mkdirs(root, "hard", 0755, &e) == 0);
	put("hard/a\377", "text");
	CHECK(linkat(root, "hard/a\377", root, "hard/b\376", 0) == 0);
	memset(name + 5, 'x', 250);
	strcpy(name + 250, "\375");
	put(name, "long");
	CHECK(linkat(root, name, root, "hard/short", 0) == 0);
	sparse =
	    openat(root, "hard/s\377", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	CHECK(pwrite(sparse, "x", 1, 1 << 20) == 1);
	CHECK(ftruncate(sparse, 3 << 20) == 0);
	CHECK(utimensat(root, "hard/a\377", times, 0) == 0);
	CHECK(utimensat(root, name, times, 0) == 0);
	CHECK(utimensat(root, "hard/s\377", times, 0) == 0);
	out.fd = openat(
	    root, "hard.tar", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(tar_create(root, "hard", &out, &e) == 0);
	close(out.fd);
	seen = as_tar_lists_it("hard.tar");
	for (char *s = seen; *s != '\0'; s++)
		if (strncmp(s, "hdrcharset'\n", 12) == 0) {
			/* GNU tar says that it leaves bytes as they are */
			memmove(seen, s + 12, strlen(s + 12) + 1);
			s = seen;
		}
	CHECK(strstr(seen, "a\377 2 1000.2500000000 4\n") != NULL);
	CHECK(strstr(seen, "b\376 2 1000.2500000000 4\n") != NULL);
	CHECK(strstr(seen, "s\377 1 1000.2500000000 3145728\n") != NULL);
	CHECK(strstr(seen, "short 2 1000.2500000000 4\n") != NULL);
}

static void
archives_are_written(void)
{
	own_fd int holes = -1;
	struct error e;

	CHECK(file_mkdirs(root, "written/a", 0755, &e) == 0);
	put("written/a/file", "text");
	CHECK(linkat(root, "written/a/file", root, "written/link", 0) == 0);
	holes =
	    openat(root, "written/holes", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	CHECK(ftruncate(holes, 50 << 20) == 0);
	CHECK(pwrite(holes, "x", 1, 30 << 20) == 1);
	an_archive_is_written_and_read(TAR_PLAIN);
	an_archive_is_written_and_read(TAR_GZIP);
	an_archive_is_written_and_read(TAR_ZSTD);
}

int
main(void)
{
	struct error e;

	if (mkdtemp(dir) == NULL)
		return 1;
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	walks();
	archives_are_written();
	others_read_what_is_hard();
	tree_remove(AT_FDCWD, dir, &e);
	return check_result();
}
