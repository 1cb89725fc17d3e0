/* SPDX-License-Identifier: Apache-2.0 */
/* Disc images read without mounting, whole and damaged. */
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

/* Returns 0 when the image was made, -1 where the maker is missing. */
static int
make_image(const char *name, const char *how)
{
	own(strlist_clear) struct strlist argv = { 0 };
	struct error e = { 0 };

	strlist_add(&argv, "genisoimage");
	strlist_split(&argv, how, " ");
	strlist_add(&argv, "-o");
	strlist_printf(&argv, "%s/%s", dir, name);
	strlist_printf(&argv, "%s/disc", dir);
	if (proc_do(strlist_argv(&argv), &e) == -1) {
		printf("%s\n", e.text);
		return -1;
	}
	return 0;
}

struct visit {
	struct strbuf seen;
	const char *stop; /* at this path */
	int stop_with;
	size_t max;
};

static int
visit(void *ctx, const char *path, struct tar_entry *entry, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct visit *v = ctx;

	if (v->stop != NULL && strcmp(path, v->stop) == 0)
		return v->stop_with == -1 ? error_set(e, 0, "enough")
					  : v->stop_with;
	if (tar_read(entry, v->max, &text, e) == -1)
		return -1;
	strbuf_printf(
	    &v->seen, "%s=%.8s/%zu|", path, strbuf_text(&text), text.len);
	return 0;
}

static void
discs_are_read(void)
{
	struct visit v = { .max = 1 << 20 }, stop = v, fail = v, small = v;
	struct error e = { 0 };

	CHECK(tar_walk_iso(root, "rock.iso", visit, &v, &e) == 0);
	CHECK(strstr(strbuf_text(&v.seen), "meta_data.json={\"a\": 1}/8|") !=
	    NULL);
	CHECK(strstr(strbuf_text(&v.seen),
		  "openstack/latest/User Data with blanks=text/4|") != NULL);
	CHECK(strstr(strbuf_text(&v.seen), "big=xxxxxxxx/300000|") != NULL);
	CHECK(strstr(strbuf_text(&v.seen), "link") == NULL);
	stop.stop = "meta_data.json";
	stop.stop_with = 1;
	CHECK(tar_walk_iso(root, "rock.iso", visit, &stop, &e) == 0);
	fail.stop = "meta_data.json";
	fail.stop_with = -1;
	CHECK(tar_walk_iso(root, "rock.iso", visit, &fail, &e) == -1);
	CHECK_STR(e.text, "rock.iso: enough");
	small.max = 1000;
	CHECK(tar_walk_iso(root, "rock.iso", visit, &small, &e) == -1);
	CHECK(e.code == EFBIG);
	CHECK_STR(e.text, "rock.iso: big: longer than 1000 bytes");
	strbuf_clear(&v.seen);
	strbuf_clear(&stop.seen);
	strbuf_clear(&fail.seen);
	strbuf_clear(&small.seen);
}

/* Joliet names, as other makers of config drives have them. */
static void
joliet_names_are_read(void)
{
	struct visit v = { .max = 1 << 20 };
	struct error e = { 0 };

	CHECK(tar_walk_iso(root, "joliet.iso", visit, &v, &e) == 0);
	CHECK(strstr(strbuf_text(&v.seen),
		  "openstack/latest/User Data with blanks=text/4|") != NULL);
	strbuf_clear(&v.seen);
}

static void
what_is_no_disc_is_refused(void)
{
	struct visit v = { .max = 1 << 20 };
	struct error e = { 0 };

	CHECK(tar_walk_iso(root, "none.iso", visit, &v, &e) == -1);
	CHECK(e.code == ENOENT);
	put("text", "this is no disc");
	CHECK(tar_walk_iso(root, "text", visit, &v, &e) == -1);
	CHECK(strncmp(e.text, "text: ", 6) == 0);
	put("empty", "");
	CHECK(tar_walk_iso(root, "empty", visit, &v, &e) == -1);
	CHECK(tar_walk_iso(root, "disc", visit, &v, &e) == -1);
	CHECK(v.seen.len == 0);
}

/* Cut anywhere or with any byte changed: an answer, and no more than that. */
static void
damaged_discs_do_no_harm(void)
{
	own(strbuf_clear) struct strbuf disc = { 0 };
	struct error e = { 0 };
	uint32_t seed = 1;

	CHECK(file_read(root, "rock.iso", 1 << 24, &disc, &e) == 0);
	for (int i = 0; i < 300; i++) {
		struct visit v = { .max = 1 << 20 };
		size_t n = disc.len, at;
		char old;

		seed = seed * 1664525 + 1013904223;
		at = 32768 + seed % 30000;
		if (i % 3 == 0)
			n = seed % disc.len;
		old = disc.s[at];
		disc.s[at] = (char)(seed >> 24);
		CHECK(file_replace(root, "d.iso", 0600, disc.s, n, &e) == 0);
		(void)tar_walk_iso(root, "d.iso", visit, &v, &e);
		disc.s[at] = old;
		strbuf_clear(&v.seen);
	}
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
	char big[300001];
	int made;

	if (mkdtemp(dir) == NULL)
		return 1;
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(file_mkdirs(root, "disc/openstack/latest", 0755, &e) == 0);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	put("disc/meta_data.json", "{\"a\": 1}");
	put("disc/openstack/latest/User Data with blanks", "text");
	put("disc/big", big);
	CHECK(symlinkat("big", root, "disc/link") == 0);
	made = make_image("rock.iso", "-quiet -R");
	if (made == 0)
		made = make_image("joliet.iso", "-quiet -J");
	if (made == 0) {
		discs_are_read();
		joliet_names_are_read();
		damaged_discs_do_no_harm();
	}
	what_is_no_disc_is_refused();
	archives_are_written();
	others_read_what_is_hard();
	tree_remove(AT_FDCWD, dir, &e);
	if (made == -1 && check_failed == 0)
		return 77;
	return check_result();
}
