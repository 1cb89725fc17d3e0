/* SPDX-License-Identifier: Apache-2.0 */
/* Archives made by hand, so that they can be as bad as they like. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/tar.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static int root, tree; /* a scratch folder, and what is unpacked in it */

/* One ustar entry; type '0' file, '1' hard link, '2' symlink, '5' folder. */
static void
add(struct strbuf *b, const char *name, char type, const char *text)
{
	char h[512] = { 0 }, zeros[512] = { 0 };
	size_t n = type == '0' && text != NULL ? strlen(text) : 0;
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	memcpy(h + 100, "0000755", 7);
	memcpy(h + 108, "0000000", 7);
	memcpy(h + 116, "0000000", 7);
	snprintf(h + 124, 12, "%011o", (unsigned)n);
	memcpy(h + 136, "00000001750", 11);
	memset(h + 148, ' ', 8);
	h[156] = type;
	if (n == 0 && text != NULL)
		snprintf(h + 157, 100, "%s", text);
	memcpy(h + 257, "ustar\00000", 8);
	memcpy(h + 329, "0000001", 7);
	memcpy(h + 337, "0000003", 7);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	strbuf_add(b, h, sizeof(h));
	strbuf_add(b, text, n);
	strbuf_add(b, zeros, (512 - n % 512) % 512);
}

static int
unpack(struct strbuf *b, int flags, const struct tar_bounds *bounds,
    struct error *e)
{
	char zeros[1024] = { 0 };

	strbuf_add(b, zeros, sizeof(zeros));
	CHECK(file_replace(root, "t.tar", 0600, b->s, b->len, e) == 0);
	strbuf_clear(b);
	return tar_extract_within(root, "t.tar", tree, flags, bounds, e);
}

static void
fresh_tree(void)
{
	struct error e;

	if (tree > 0)
		close(tree);
	CHECK(tree_remove(root, "tree", &e) == 0);
	CHECK(mkdirat(root, "tree", 0755) == 0);
	tree = openat(root, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool
is_there(const char *path)
{
	struct stat st;

	return fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
holds(const char *path, const char *want)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error e;

	CHECK(file_read(tree, path, 100, &text, &e) == 0);
	CHECK_STR(strbuf_text(&text), want);
}

/* None of these may touch the file beside the tree. */
static void
what_leads_out_is_refused(void)
{
	static const struct {
		const char *name, *to;
		char type;
	} bad[] = { { "../outside", "evil", '0' },
		{ "a/../../outside", "evil", '0' },
		{ "hard", "../outside", '1' }, { "hard", "link/outside", '1' },
		{ "..", NULL, '5' } };
	own(strbuf_clear) struct strbuf b = { 0 }, text = { 0 };
	struct error e;
	struct stat st;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		fresh_tree();
		add(&b, "link", '2', "..");
		add(&b, bad[i].name, bad[i].type, bad[i].to);
		CHECK(unpack(&b, TAR_OWNERS, NULL, &e) == -1);
		CHECK(strncmp(e.text, "t.tar: ", 7) == 0);
		CHECK(fstatat(root, "outside", &st, 0) == 0);
		CHECK(st.st_nlink == 1);
	}
	CHECK(file_read(root, "outside", 100, &text, &e) == 0);
	CHECK_STR(strbuf_text(&text), "untouched");
}

static void
a_leading_slash_is_dropped_and_devices_are_kept(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	struct error e;
	struct stat st;
	int r;

	fresh_tree();
	add(&b, "/etc/passwd", '0', "ours");
	add(&b, "./null", '3', NULL);
	add(&b, "absolute", '2', "/etc/passwd");
	add(&b, "up", '2', "../..");
	add(&b, "up/outside", '0', "inside");
	r = unpack(&b, TAR_OWNERS, NULL, &e);
	if (r == -1 && geteuid() != 0)
		return;
	CHECK(r == 0);
	holds("etc/passwd", "ours");
	holds("outside", "inside");
	CHECK(fstatat(tree, "null", &st, 0) == 0 && S_ISCHR(st.st_mode));
	CHECK(fstatat(tree, "absolute", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode));
}

static void
entries_and_bytes_are_bounded(void)
{
	const struct tar_bounds few = { .entries = 99, .bytes = 1 << 20 };
	const struct tar_bounds little = { .entries = 100, .bytes = 9000 };
	own(strbuf_clear) struct strbuf b = { 0 };
	char text[1001];
	struct error e;

	memset(text, 'x', 1000);
	text[1000] = '\0';
	for (int layer = 0; layer <= TAR_LAYER; layer += TAR_LAYER) {
		fresh_tree();
		for (int i = 0; i < 100; i++)
			add(&b, "same", '5', NULL);
		CHECK(unpack(&b, layer, &few, &e) == -1);
		CHECK_STR(e.text, "t.tar: more than 99 entries");
		for (int i = 0; i < 10; i++)
			add(&b, "file", '0', text);
		CHECK(unpack(&b, layer, &little, &e) == -1);
		CHECK(e.code == EFBIG);
	}
}

/* A gzip of zeros is a thousand times smaller than what it becomes. */
static void
a_bomb_ends_early(void)
{
	static char zeros[1 << 20];
	struct tar_output out = { .filter = TAR_GZIP, .epoch = -1 };
	own_fd int big = -1, fd = -1;
	struct error e = { 0 };

	fresh_tree();
	CHECK(mkdirat(root, "bomb", 0755) == 0);
	big = openat(root, "bomb/big", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	for (int i = 0; i < 64; i++)
		CHECK(write(big, zeros, sizeof(zeros)) == sizeof(zeros));
	fd = openat(root, "bomb.tar", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	out.fd = fd;
	CHECK(tar_create(root, "bomb", &out, &e) == 0);
	CHECK(tar_extract_within(root, "bomb.tar", tree, 0,
		  &(struct tar_bounds){ 100, 32 << 20 }, &e) == -1);
	CHECK(
	    strstr(e.text, "bomb.tar: unpacks to more than 32 MiB") == e.text);
	CHECK(tar_extract(root, "bomb.tar", tree, 0, &e) == 0);
}

static void
damaged_archives_are_refused(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	struct error e = { 0 };

	fresh_tree();
	add(&b, "file", '0', "text");
	CHECK(file_replace(root, "cut", 0600, b.s, 514, &e) == 0);
	CHECK(tar_extract(root, "cut", tree, 0, &e) == -1);
	CHECK(strncmp(e.text, "cut: ", 5) == 0);
	CHECK(file_replace(root, "cut", 0600, "", 0, &e) == 0);
	CHECK(tar_extract(root, "cut", tree, 0, &e) == -1);
	CHECK(file_replace(root, "cut", 0600, "no archive", 10, &e) == 0);
	CHECK(tar_extract(root, "cut", tree, 0, &e) == -1);
	CHECK(tar_extract(root, "tree", tree, 0, &e) == -1);
	CHECK_STR(e.text, "tree: is not a file");
}

static void
layers_replace_and_white_out(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	struct error e = { 0 };

	fresh_tree();
	add(&b, "usr/lib", '5', NULL);
	add(&b, "lib", '2', "usr/lib");
	add(&b, "lib/low", '0', "low");
	add(&b, "etc/gone", '0', "x");
	add(&b, "etc/kept", '0', "x");
	add(&b, "full/a/b", '0', "x");
	add(&b, "folder/in", '0', "x");
	add(&b, "file", '0', "x");
	CHECK(unpack(&b, TAR_LAYER, NULL, &e) == 0);
	holds("usr/lib/low", "low");

	/* Whiteouts speak of the layers below, wherever they stand. */
	add(&b, "full/new", '0', "new");
	add(&b, "full/.wh..wh..opq", '0', NULL);
	add(&b, "etc/.wh.gone", '0', NULL);
	add(&b, "absent/.wh.x", '0', NULL);
	add(&b, "lib/.wh.low", '0', NULL);
	add(&b, "lib/high", '0', "high");
	add(&b, "hard", '1', "lib/high");
	add(&b, "folder", '0', "now a file");
	add(&b, "file/in", '0', "now in a folder");
	CHECK(unpack(&b, TAR_LAYER, NULL, &e) == -1); /* file is no folder */
	add(&b, "file", '5', NULL);
	add(&b, "file/in", '0', "now in a folder");
	CHECK(unpack(&b, TAR_LAYER, NULL, &e) == 0);
	holds("full/new", "new");
	holds("usr/lib/high", "high");
	holds("hard", "high");
	holds("folder", "now a file");
	holds("file/in", "now in a folder");
	CHECK(!is_there("full/a") && !is_there("etc/gone"));
	CHECK(!is_there("usr/lib/low") && is_there("etc/kept"));
	CHECK(!is_there("etc/.wh.gone"));
}

/* A layer's links lead where they would lead in a chroot. */
static void
layers_stay_inside(void)
{
	own(strbuf_clear) struct strbuf b = { 0 }, text = { 0 };
	struct error e = { 0 };

	fresh_tree();
	add(&b, "up", '2', "../../../..");
	add(&b, "root", '2', "/");
	CHECK(unpack(&b, TAR_LAYER, NULL, &e) == 0);
	add(&b, "up/outside", '0', "inside");
	add(&b, "root/second", '0', "inside");
	add(&b, "up/.wh.nothing", '0', NULL);
	CHECK(unpack(&b, TAR_LAYER, NULL, &e) == 0);
	holds("outside", "inside");
	holds("second", "inside");
	CHECK(file_read(root, "outside", 100, &text, &e) == 0);
	CHECK_STR(strbuf_text(&text), "untouched");
	add(&b, "a/.wh...", '0', NULL);
	CHECK(unpack(&b, TAR_LAYER, NULL, &e) == 0); /* a is not there */
	add(&b, ".wh...", '0', NULL);
	CHECK(unpack(&b, TAR_LAYER, NULL, &e) == -1);
	CHECK_STR(e.text, "t.tar: .wh...: whites out no name");
}

static void
one_file_is_expanded(void)
{
	own_fd int to =
	    openat(root, "expanded", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct error e = { 0 };
	struct stat st;

	CHECK(tar_expand(root, "bomb.tar", to, &e) == 0);
	CHECK(fstat(to, &st) == 0 && st.st_size > 64 << 20);
	CHECK(st.st_blocks < 2048);
}

int
main(void)
{
	char dir[] = "/tmp/extract-XXXXXX";
	struct error e;

	if (mkdtemp(dir) == NULL)
		return 1;
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(file_replace(root, "outside", 0600, "untouched", 9, &e) == 0);
	what_leads_out_is_refused();
	a_leading_slash_is_dropped_and_devices_are_kept();
	entries_and_bytes_are_bounded();
	a_bomb_ends_early();
	damaged_archives_are_refused();
	layers_replace_and_white_out();
	layers_stay_inside();
	one_file_is_expanded();
	tree_remove(AT_FDCWD, dir, &e);
	return check_result();
}
