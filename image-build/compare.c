/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-build compare: what is different in two systems, each a folder, an
 * archive, or a disk image of any kind that a build can begin with.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-build/base.h"
#include "image-build/differences.h"
#include "image-build/image-build.h"
#include "image-build/origins.h"
#include "image-build/privileges.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/plain.h"
#include "lib/strbuf.h"
#include "lib/tar.h"
#include "lib/tree.h"

static struct settings settings;
static bool as_json;

static const struct option_def defs[] = {
	{ 'a', "arch", "ARCH", OPTION_STRING, &settings.arch, NULL,
	    "architecture of the images (the host's)" },
	{ 0, "json", NULL, OPTION_FLAG, &as_json, NULL,
	    "print all of it as JSON" },
	{ 0, NULL, NULL, OPTION_FLAG, NULL, NULL, NULL },
};

static const struct options command = {
	.program = "image-build compare",
	.operands = "OLD NEW",
	.summary = "Tell how two images, archives or folders differ.",
	.defs = defs,
};

/* ---- for people -------------------------------------------------------------- */

static void
add_plain(struct strbuf *b, const char *s)
{
	plain_add(b, s, strlen(s));
}

/* "mode 0644 -> 0600, content from byte 12" */
static void
print_what(const struct value *what, struct strbuf *b)
{
	for (uint32_t i = 0; i < what->len; i++) {
		const struct member m = value_member(what, i);

		strbuf_puts(b, i > 0 ? ", " : "");
		strbuf_puts(b, m.name);
		if (m.value->kind != VALUE_LIST) {
			strbuf_printf(b, " from byte %s", m.value->text);
			continue;
		}
		strbuf_putc(b, ' ');
		add_plain(b, m.value->items[0]->text);
		strbuf_puts(b, " -> ");
		add_plain(b, m.value->items[1]->text);
	}
}

static void
print_file(const struct value *v, char sign, struct strbuf *b)
{
	const struct value *bytes = value_get(v, "bytes"),
			   *what = value_get(v, "what");
	const char *by = value_text(v, "by", NULL);

	strbuf_printf(b, "%c ", sign);
	add_plain(b, value_text(v, "path", ""));
	if (what != NULL) {
		strbuf_puts(b, ": ");
		print_what(what, b);
	} else if (bytes != NULL) {
		strbuf_printf(b, ": %s bytes", bytes->text);
	} else {
		strbuf_printf(b, ": %s", value_text(v, "type", ""));
	}
	if (by != NULL) {
		strbuf_puts(b, " (");
		add_plain(b, by);
		strbuf_putc(b, ')');
	}
	strbuf_putc(b, '\n');
}

static void
print_package(const struct value *v, char sign, struct strbuf *b)
{
	const struct value *both = value_get(v, "versions");

	strbuf_printf(b, "%c ", sign);
	add_plain(b, value_text(v, "name", ""));
	strbuf_putc(b, ' ');
	if (both != NULL) {
		add_plain(b, both->items[0]->text);
		strbuf_puts(b, " -> ");
		add_plain(b, both->items[1]->text);
	} else {
		add_plain(b, value_text(v, "version", ""));
	}
	strbuf_putc(b, '\n');
}

static void
print_section(const struct value *root, const char *name,
    void (*print)(const struct value *v, char sign, struct strbuf *b),
    struct strbuf *b)
{
	static const char *const lists[] = { "added", "removed", "changed" };
	static const char signs[] = "+-!";
	const struct value *section = value_get(root, name);
	uint32_t n[3];

	for (size_t i = 0; i < 3; i++)
		n[i] = value_get(section, lists[i])->len;
	if (n[0] + n[1] + n[2] == 0)
		return;
	strbuf_printf(b, "%s: %u added, %u removed, %u changed\n", name, n[0],
	    n[1], n[2]);
	for (size_t i = 0; i < 3; i++)
		for (uint32_t k = 0; k < n[i]; k++)
			print(value_get(section, lists[i])->items[k], signs[i],
			    b);
}

static void
print_text(const struct value *root, struct strbuf *b)
{
	const struct value *bytes = value_get(root, "bytes");
	long long old = 0, new = 0;

	print_section(root, "packages", print_package, b);
	print_section(root, "files", print_file, b);
	(void)value_to_int(bytes->items[0], &old);
	(void)value_to_int(bytes->items[1], &new);
	if (old != new)
		strbuf_printf(
		    b, "bytes: %lld -> %lld (%+lld)\n", old, new, new - old);
}

/* ---- the two ------------------------------------------------------------------- */

struct job {
	const char *operands[2];
	char *dir; /* scratch, NULL if both are folders */
};

static bool
has_ending(const char *path, const char *ending)
{
	size_t n = strlen(path), m = strlen(ending);

	return n > m && strcmp(path + n - m, ending) == 0;
}

/* An archive says so in its first block, or by its name if compressed. */
static bool
is_archive(const char *path)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *dot = strstr(path_base(path), ".tar");
	char magic[5] = "";

	(void)pread(fd, magic, sizeof(magic), 257);
	return memcmp(magic, "ustar", 5) == 0 || dot != NULL ||
	    has_ending(path, ".tgz");
}

/* The folder with what an operand holds; the caller's. */
static char *
unpack(const char *path, const char *dir, const char *name, struct error *e)
{
	own_free char *tree = NULL, *scratch = NULL;
	own_fd int to = -1;
	int r;

	if (file_is_dir(AT_FDCWD, path))
		return mem_dup(path);
	if (access(path, R_OK) == -1) {
		error_errno(e, "%s", path);
		return NULL;
	}
	tree = path_join(dir, name);
	scratch = mem_printf("%s.work", tree);
	if (file_mkdirs(AT_FDCWD, tree, 0700, e) == -1 ||
	    file_mkdirs(AT_FDCWD, scratch, 0700, e) == -1)
		return NULL;
	to = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to == -1) {
		error_errno(e, "%s", tree);
		return NULL;
	}
	log_status("read %s", path);
	r = is_archive(path) ? tar_extract(AT_FDCWD, path, to, TAR_OWNERS, e)
			     : image_read(path, settings.arch, scratch, to, e);
	log_status("%s", "");
	if (r == -1) {
		error_prefix(e, "%s", path);
		return NULL;
	}
	return take(tree);
}

/* Who wrote the files that are told, as the build of their image knew. */
static void
add_writers(struct doc *d, const struct value *list, const char *image)
{
	own_free char *origins = origins_beside(image);

	for (uint32_t i = 0; origins != NULL && i < list->len; i++) {
		struct value *v = list->items[i];
		own_free char *by = origins_find(
		    origins, path_relative(value_text(v, "path", "")));

		if (by != NULL)
			value_set(d, v, "by", value_string(d, by));
	}
}

static void
add_origins(struct doc *d, const struct job *j, const struct value *root)
{
	const struct value *files = value_get(root, "files");

	add_writers(d, value_get(files, "added"), j->operands[1]);
	add_writers(d, value_get(files, "changed"), j->operands[1]);
	add_writers(d, value_get(files, "removed"), j->operands[0]);
}

/* 0: the same; 1: not; -1 with the error. */
static int
compare(const struct job *j, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *a = unpack(j->operands[0], j->dir, "old", e);
	own_free char *b =
	    a != NULL ? unpack(j->operands[1], j->dir, "new", e) : NULL;
	const struct value *root;
	bool same;

	if (b == NULL || (root = differences(d, a, b, e)) == NULL)
		return -1;
	add_origins(d, j, root);
	print_text(root, &text);
	same = text.len == 0;
	if (as_json) {
		strbuf_cut(&text, 0);
		value_print(root, STYLE_PRETTY, &text);
		strbuf_putc(&text, '\n');
	}
	if (file_write_all(1, strbuf_text(&text), text.len) == -1)
		return error_errno(e, "standard output");
	return same ? 0 : 1;
}

static int
compare_inside(void *ctx)
{
	struct error e;
	int r = compare(ctx, &e);

	if (r == -1)
		log_error(&e);
	return r != 0;
}

/* What is no folder is unpacked, mounted perhaps, where nobody sees it. */
static int
compare_unpacked(struct job *j, struct error *e)
{
	struct error other;
	int r;

	if (privileges_take(e) == -1)
		return -1;
	j->dir = path_join(settings.tmp, ".image-compare.XXXXXXXX");
	if (mkdtemp(j->dir) == NULL)
		return error_errno(e, "%s", j->dir);
	r = enter_run(compare_inside, j, j->dir, e);
	if (tree_remove(AT_FDCWD, j->dir, &other) == -1)
		log_warn("%s", other.text);
	return r;
}

int
image_compare(int argc, char **argv, struct error *e)
{
	int first = options_parse(&command, argc, argv, e);
	struct job j = { .dir = NULL };
	int r;

	if (first < 0)
		return first == OPTIONS_SHOWN ? 0 : 2;
	if (argc - first != 2) {
		error_set(
		    e, EINVAL, "two images, archives or folders are wanted");
		return 2;
	}
	log_open("image-build", LOG_WARN);
	settings.program = "image-build";
	settings.args = mem_dup("");
	if (settings_complete(&settings, e) == -1)
		return 1;
	j.operands[0] = argv[first];
	j.operands[1] = argv[first + 1];
	r = file_is_dir(AT_FDCWD, argv[first]) &&
		file_is_dir(AT_FDCWD, argv[first + 1])
	    ? compare(&j, e)
	    : compare_unpacked(&j, e);
	free(j.dir);
	settings_clear(&settings);
	return r == 0 ? 0 : 1;
}
