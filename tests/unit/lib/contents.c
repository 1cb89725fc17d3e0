/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree listed, printed and parsed is the same list; a text that was changed
 * in any one bit is not believed; a tree that differs in anything is found.
 */
#include "lib/contents-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static int top;
static struct error e;

static void
put(const char *path, const char *text)
{
	own_free char *dir = path_dir(path);

	CHECK(file_mkdirs(top, dir, 0755, &e) == 0);
	CHECK(file_replace(top, path, 0644, text, strlen(text), &e) == 0);
}

static void
make_tree(void)
{
	put("t/a/file", "hello\n");
	put("t/a.c", "after a/file");
	put("t/a b%\x01\xc3\xa9", "odd");
	put("t/" CONTENTS_INSIDE, "not listed");
	CHECK(linkat(top, "t/a/file", top, "t/b-link", 0) == 0);
	put("t/boot/vmlinuz-6.9", "old");
	put("t/boot/vmlinuz-6.10", "new");
	put("t/boot/initrd.img-6.10", "its own");
	put("t/etc/kernel/cmdline", "root=LABEL=x  ro\n");
	put("t/usr/lib/ingot/state", "1 3\n");
	put("t/usr/lib/ingot/preserve.d/b", "/srv/mail\n# none\n/home\n");
	put("t/usr/lib/ingot/restart.d/web",
	    "usr/share/web web.service\nusr/share/doc -\n");
	CHECK(symlinkat("../x y", top, "t/sym") == 0);
	CHECK(mkfifoat(top, "t/fifo", 0600) == 0);
}

static struct contents *
scan(void)
{
	own_fd int dir = openat(top, "t", O_RDONLY | O_DIRECTORY);

	return contents_scan(dir, "web one", CONTENTS_DIGESTS, &e);
}

/* Knows the second file; counts in *ctx how many it was asked for. */
static bool
knows_one(void *ctx, const struct stat *st, uint8_t sum[DIGEST_BYTES])
{
	size_t *n = ctx;

	CHECK(S_ISREG(st->st_mode));
	if (++*n != 2)
		return false;
	memset(sum, 0x77, DIGEST_BYTES);
	return true;
}

/* What is known is not read, each file is asked for once and in order. */
static void
test_known(void)
{
	own_fd int dir = openat(top, "t", O_RDONLY | O_DIRECTORY);
	ownp(contents_free) struct contents *all = scan();
	size_t n = 0, files = 0;
	ownp(contents_free) struct contents *c =
	    contents_scan_known(dir, "web one", knows_one, &n, &e);

	CHECK(all != NULL && c != NULL && c->n == all->n);
	for (size_t i = 0; i < c->n; i++) {
		if (c->entries[i].type != 'f')
			continue;
		if (++files == 2)
			CHECK(c->entries[i].sum[7] == 0x77);
		else
			CHECK(memcmp(c->entries[i].sum, all->entries[i].sum,
				  DIGEST_BYTES) == 0);
	}
	CHECK(n == files && n > 5);
}

static int
describe(struct contents *c)
{
	own_fd int dir = openat(top, "t", O_RDONLY | O_DIRECTORY);

	return contents_describe(c, dir, &e);
}

/* A text that comes a few bytes at a time. */
struct drops {
	const struct strbuf *text;
	size_t at, each;
};

static ssize_t
drop(void *ctx, void *to, size_t n, struct error *err)
{
	struct drops *d = ctx;
	size_t left = d->text->len - d->at;

	if (d->each == 0)
		return error_set(err, EAGAIN, "later");
	n = n < d->each ? n : d->each;
	n = n < left ? n : left;
	memcpy(to, d->text->s + d->at, n);
	d->at += n;
	return (ssize_t)n;
}

static void
test_pieces(const struct strbuf *text)
{
	for (size_t each = 0; each < 200; each += each < 10 ? 1 : 90) {
		struct drops d = { text, 0, each };
		ownp(contents_free) struct contents *c =
		    contents_read(drop, &d, "text", &e);
		own(strbuf_clear) struct strbuf again = { 0 };

		CHECK((c != NULL) == (each > 0));
		if (c == NULL) {
			CHECK_STR(e.text, "later");
			continue;
		}
		contents_print(c, &again);
		CHECK_STR(again.s, text->s);
	}
}

static bool
is_text_taken(const struct strbuf *text, const char *key)
{
	ownp(contents_free) struct contents *c =
	    contents_parse(text->s, text->len, "text", &e);

	return c != NULL && contents_check(c, key, &e) == 0;
}

static void
test_text(const char *key)
{
	ownp(contents_free) struct contents *c = scan();
	ownp(contents_free) struct contents *again = NULL;
	own(strbuf_clear) struct strbuf text = { 0 }, twice = { 0 };
	unsigned taken = 0;

	CHECK(c != NULL);
	c->version = 7;
	c->expires = 1800000000;
	CHECK(describe(c) == 0);
	contents_seal(c);
	CHECK(contents_sign(c, key, &e) == 0);
	contents_print(c, &text);
	CHECK(strstr(text.s, "\nb-link h a/file\n") != NULL);
	CHECK(strstr(text.s, "\na%20b%25%01%C3%A9 f 644 ") != NULL);
	CHECK(strstr(text.s, CONTENTS_INSIDE) == NULL);
	CHECK(strstr(text.s, " boot/vmlinuz-6.10\ninitrd ") != NULL);
	CHECK(strstr(text.s,
		  " boot/initrd.img-6.10\ncmdline root%3DLABEL%3Dx%20ro\n"
		  "state 1 3\npreserve home\npreserve srv/mail\n"
		  "restart usr/share/doc -\n"
		  "restart usr/share/web web.service\nroot ") != NULL);
	again = contents_parse(text.s, text.len, "text", &e);
	CHECK(again != NULL);
	if (again == NULL) {
		printf("%s\n", e.text);
		return;
	}
	contents_print(again, &twice);
	CHECK_STR(twice.s, text.s);
	test_pieces(&text);
	CHECK_STR(again->id, c->id);
	CHECK_STR(again->name, "web one");
	CHECK(contents_find(again, "a/file")->size == 6);
	CHECK(contents_find(again, "a/none") == NULL);
	CHECK(is_text_taken(&text, key));
	for (size_t i = 0; i < text.len * 8; i++) {
		if (i / 8 > 800 && i % 5 != 0) /* the key is read each time */
			continue;
		text.s[i / 8] ^= (char)(1 << i % 8);
		taken += is_text_taken(&text, key);
		text.s[i / 8] ^= (char)(1 << i % 8);
	}
	CHECK(taken == 0);
	for (size_t n = 0; n < text.len; n++) {
		struct strbuf part = { text.s, n, 0 };

		taken += is_text_taken(&part, key);
	}
	CHECK(taken == 0);
}

/* What a head may not say, and what a tree may not say of itself. */
static void
test_head(void)
{
	static const struct {
		const char *path, *text, *error;
	} bad[] = {
		{ "state", "3 1\n",
		    "usr/lib/ingot/state: not two numbers, "
		    "oldest and newest" },
		{ "state", "1 x\n",
		    "usr/lib/ingot/state: not two numbers, "
		    "oldest and newest" },
		{ "preserve.d/b", "/../x\n",
		    "usr/lib/ingot/preserve.d/b: \"/../x\" is not a path" },
		{ "restart.d/web", "usr\n",
		    "usr/lib/ingot/restart.d/web: \"usr\" is not a path and "
		    "a unit" },
	};
	ownp(contents_free) struct contents *c = scan();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		own_free char *path = path_join("t/usr/lib/ingot", bad[i].path);
		own(strbuf_clear) struct strbuf old = { 0 };

		CHECK(file_read(top, path, 4096, &old, &e) == 0);
		put(path, bad[i].text);
		CHECK(describe(c) == -1);
		CHECK_STR(e.text, bad[i].error);
		put(path, strbuf_text(&old));
	}
	/* Of the kernel the head says what the list says. */
	CHECK(describe(c) == 0);
	own(strbuf_clear) struct strbuf other = { 0 };
	contents_seal(c);
	c->kernel_sum[0] ^= 1;
	contents_print(c, &other);
	CHECK(contents_parse(other.s, other.len, "text", &e) == NULL);
	CHECK_STR(e.text, "text: kernel or initrd is not as it is listed");
	/* One that is not in the list has no digest to be believed. */
	free(c->kernel);
	c->kernel = mem_dup("boot/none");
	contents_seal(c);
	own(strbuf_clear) struct strbuf text = { 0 };
	contents_print(c, &text);
	CHECK(contents_parse(text.s, text.len, "text", &e) == NULL);
}

/* Entries that no tree has, below a right head. */
static void
test_hostile(void)
{
	static const char *const bodies[] = {
		". d 755 0 0 %s\n../x p 644 0 0\n",
		". d 755 0 0 %s\n/x p 644 0 0\n",
		". d 755 0 0 %s\nx//y p 644 0 0\n",
		". d 755 0 0 %s\na/b p 644 0 0\n",
		". d 755 0 0 %s\nb p 644 0 0\na p 644 0 0\n",
		". d 755 0 0 %s\na p 644 0 0\na p 644 0 0\n",
		". d 755 0 0 %s\na l 777 0 0 %%2Fetc\na/b p 644 0 0\n",
		". d 755 0 0 %s\na h b\nb p 644 0 0\n",
		". d 755 0 0 %s\na h a\n",
		". d 755 0 0 %s\na p 644 0 0\n%%61b p 644 0 0\n",
		". d 755 0 0 %s\na p 0644 0 0\n",
		". d 755 0 0 %s\na p 10644 0 0\n",
		". d 755 0 0 %s\na p 644 4294967296 0\n",
		". d 755 0 0 %s\na p 644 0 0 \n",
		". d 755 0 0 %s\na p 644 0 0 x\n",
		". d 755 0 0 %s\na c 644 0 0 1:3:4\n",
		". d 755 0 0 %s\n. d 755 0 0 %s\n",
		". p 755 0 0\n",
		"a d 755 0 0 %s\n",
	};
	char zero[DIGEST_TEXT];

	memset(zero, '0', sizeof(zero) - 1);
	zero[sizeof(zero) - 1] = '\0';
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		own(strbuf_clear) struct strbuf text = { 0 };
		unsigned lines = 0;

		for (const char *p = bodies[i]; *p != '\0'; p++)
			lines += *p == '\n';
		strbuf_printf(&text,
		    "ingot-contents 1\nname x\nversion 1\nroot %s\n"
		    "entries %u\n\n",
		    zero, lines);
		for (const char *p = bodies[i]; *p != '\0'; p++) {
			if (*p == '%')
				p++;
			if (*p == 's' && p > bodies[i] && p[-1] == '%')
				strbuf_puts(&text, zero);
			else
				strbuf_putc(&text, *p);
		}
		CHECK(contents_parse(text.s, text.len, "hostile", &e) == NULL);
		CHECK(strncmp(e.text, "hostile:", 8) == 0);
		/* Refused for what it is, before digests are looked at. */
		CHECK(strstr(e.text, "the head's") == NULL);
	}
}

static void
differs(const struct contents *c, const char *what)
{
	own_fd int dir = openat(top, "t", O_RDONLY | O_DIRECTORY);

	e.text[0] = '\0';
	CHECK(contents_verify(c, dir, CONTENTS_DIGESTS, NULL, &e) == -1);
	CHECK_STR(e.text, what);
}

static void
test_verify(void)
{
	ownp(contents_free) struct contents *c = scan();
	own_fd int dir = openat(top, "t", O_RDONLY | O_DIRECTORY);
	struct stat st;

	CHECK(contents_verify(c, dir, CONTENTS_DIGESTS, NULL, &e) == 0);
	CHECK(fstatat(dir, "a/file", &st, 0) == 0);
	put("t/a.c", "after a/fil_");
	CHECK(contents_verify(c, dir, CONTENTS_ATTRIBUTES, NULL, &e) == 0);
	differs(c, "a.c: has another content");
	put("t/a.c", "after a/file");
	CHECK(fchmodat(dir, "a", 0700, 0) == 0);
	CHECK(contents_verify(c, dir, CONTENTS_ATTRIBUTES, NULL, &e) == -1);
	differs(c, "a: has another owner, mode or attribute");
	CHECK(fchmodat(dir, "a", 0755, 0) == 0);
	put("t/a/more", "");
	differs(c, "a/more: does not belong");
	CHECK(unlinkat(dir, "a/more", 0) == 0);
	CHECK(unlinkat(dir, "fifo", 0) == 0);
	differs(c, "fifo: is missing");
	CHECK(mkfifoat(dir, "fifo", 0600) == 0);
	CHECK(unlinkat(dir, "b-link", 0) == 0);
	put("t/b-link", "hello\n");
	differs(c, "b-link: has another type");
}

/* A file of so many bytes of a kind. */
static void
fill(const char *path, size_t n, int byte)
{
	own_fd int fd =
	    openat(top, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	own_free char *text = mem_alloc(n + 1);

	memset(text, byte, n);
	CHECK(file_write_all(fd, text, n) == 0);
}

/* Files of all sizes, that are read in other orders than they are listed. */
static void
test_files(void)
{
	static const size_t sizes[] = { 1, 65535, 65536, 65537, 131072, 300000,
		0 };
	const size_t n = sizeof(sizes) / sizeof(sizes[0]);
	own_fd int dir = -1;
	ownp(contents_free) struct contents *c = NULL;
	uint8_t sum[DIGEST_BYTES];
	char path[64];

	CHECK(file_mkdirs(top, "files", 0755, &e) == 0);
	dir = openat(top, "files", O_RDONLY | O_DIRECTORY);
	for (size_t i = 0; i < 2500; i++) {
		snprintf(path, sizeof(path), "files/%04zu", i);
		fill(path, i < n ? sizes[i] : i % 5, 'a');
	}
	fill("files/z", 100000, 'z');
	c = contents_scan(dir, "files", CONTENTS_DIGESTS, &e);
	CHECK(c != NULL && c->n == 2502);
	for (size_t i = 0; i < n; i++) {
		own_free char *text = mem_alloc(sizes[i] + 1);

		memset(text, 'a', sizes[i]);
		digest_buffer(text, sizes[i], sum);
		CHECK(memcmp(c->entries[1 + i].sum, sum, sizeof(sum)) == 0);
	}
	CHECK(contents_verify(c, dir, CONTENTS_DIGESTS, NULL, &e) == 0);
	CHECK(contents_verify_files(c, dir, &e) == 0);
	/* The first in the list is told of, not the first that was read. */
	fill("files/z", 100000, 'y');
	fill("files/2499", 4, 'b');
	CHECK(contents_verify(c, dir, CONTENTS_DIGESTS, NULL, &e) == -1);
	CHECK_STR(e.text, "2499: has another content");
	/* What a walk finds comes before what is read. */
	CHECK(fchmodat(dir, "z", 0600, 0) == 0);
	CHECK(contents_verify(c, dir, CONTENTS_DIGESTS, NULL, &e) == -1);
	CHECK_STR(e.text, "z: has another owner, mode or attribute");
	/* Of files alone it matters what is in them. */
	fill("files/2499", 5, 'a');
	CHECK(contents_verify_files(c, dir, &e) == -1);
	CHECK_STR(e.text, "2499: has another content");
	CHECK(e.code == EBADMSG);
	fill("files/2499", 4, 'a');
	fill("files/z", 100000, 'z');
	CHECK(contents_verify_files(c, dir, &e) == 0);
	CHECK(
	    unlinkat(dir, "2499", 0) == 0 && mkfifoat(dir, "2499", 0600) == 0);
	CHECK(contents_verify_files(c, dir, &e) == -1); /* and does not wait */
	CHECK_STR(e.text, "2499: has another content");
	CHECK(unlinkat(dir, "2499", 0) == 0);
	CHECK(contents_verify_files(c, dir, &e) == -1);
	CHECK_STR(e.text, "2499: No such file or directory");
}

/* A file that is not as long any more as the walk has found it. */
static void
test_written_meanwhile(void)
{
	own_fd int dir = openat(top, "t", O_RDONLY | O_DIRECTORY);
	ownp(contents_free) struct contents *c = NULL;

	fill("t/a.c", 100000, 'a');
	c = scan();
	for (size_t i = 0; i < c->n; i++) {
		struct contents_entry *t = &c->entries[i];

		if (strcmp(t->path, "a.c") != 0)
			continue;
		for (t->size = 99999; t->size <= 100001; t->size++) {
			ownp(hashing_free) struct hashing *h =
			    hashing_new(dir, false);

			hashing_add(h, c, i);
			if (t->size == 100000)
				CHECK(hashing_end(h, c, &e) == 0);
			else
				CHECK(hashing_end(h, c, &e) == -1 &&
				    e.code == ESTALE);
		}
	}
}

int
main(void)
{
	char path[] = "/tmp/contents-XXXXXX";
	own_free char *key = NULL;
	char *make[] = { (char[]){ "openssl" }, (char[]){ "genpkey" },
		(char[]){ "-algorithm" }, (char[]){ "ed25519" },
		(char[]){ "-out" }, NULL, NULL };

	CHECK(mkdtemp(path) != NULL);
	umask(022);
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	key = make[5] = path_join(path, "key.pem");
	CHECK(proc_do(make, &e) == 0);
	make_tree();
	test_text(key);
	test_known();
	test_head();
	test_hostile();
	test_verify();
	test_files();
	test_written_meanwhile();
	CHECK(tree_remove(AT_FDCWD, path, &e) == 0);
	return check_result();
}
