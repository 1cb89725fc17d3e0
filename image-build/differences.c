/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two trees side by side.  Each is listed with its files' attributes; where
 * a path is in both, the attributes are compared, and only where these leave
 * it open the bytes.
 */
#include "image-build/differences.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image-build/inventory.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"

#define PIECE (256u << 10) /* of a file, read at a time */
#define LINK_BYTES 4096

struct entry {
	char *path;
	struct stat st;
};

struct side {
	const char *tree;
	struct entry *items; /* sorted by path */
	size_t len, cap;
	uint64_t bytes;
	struct installed_list packages;
};

static void
side_clear(struct side *s)
{
	for (size_t i = 0; i < s->len; i++)
		free(s->items[i].path);
	free(s->items);
	installed_clear(&s->packages);
}

/* ---- reading a side ---------------------------------------------------------- */

static int
add_entry(void *ctx, const struct tree_entry *entry, struct error *e)
{
	struct side *s = ctx;

	(void)e;
	/* mke2fs makes it, nobody puts it there. */
	if (entry->depth == 1 && strcmp(entry->name, "lost+found") == 0)
		return 1;
	s->items = mem_grow(s->items, &s->cap, s->len + 1, sizeof(*s->items));
	s->items[s->len++] =
	    (struct entry){ .path = mem_printf("/%s", entry->path),
		    .st = *entry->st };
	if (S_ISREG(entry->st->st_mode))
		s->bytes += (uint64_t)entry->st->st_size;
	return 0;
}

static int
by_path(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int
side_load(struct side *s, struct error *e)
{
	if (tree_walk(AT_FDCWD, s->tree, add_entry, s, e) == -1 ||
	    installed_load(s->tree, &s->packages, e) == -1)
		return error_prefix(e, "%s", s->tree);
	if (s->len > 1)
		qsort(s->items, s->len, sizeof(*s->items), by_path);
	return 0;
}

/* ---- one path that is in both -------------------------------------------------- */

struct pair {
	struct doc *doc;
	const struct side *a, *b;
	const struct entry *x, *y;
	struct value *what;
};

/* Names of files are any bytes; JSON's are characters. */
static struct value *
text_value(struct doc *d, const char *s)
{
	return value_foreign(d, s, strlen(s));
}

static void
differs(const struct pair *p, const char *name, const char *a, const char *b)
{
	struct value *both = value_list(p->doc);

	if (strcmp(a, b) == 0)
		return;
	value_add(p->doc, both, text_value(p->doc, a));
	value_add(p->doc, both, text_value(p->doc, b));
	value_set(p->doc, p->what, name, both);
}

static void
number_differs(const struct pair *p, const char *name, const char *format,
    unsigned long long a, unsigned long long b)
{
	char x[32], y[32];

	if (a == b)
		return;
	if (*format == 'o') {
		snprintf(x, sizeof(x), "%04llo", a);
		snprintf(y, sizeof(y), "%04llo", b);
	} else {
		snprintf(x, sizeof(x), "%llu", a);
		snprintf(y, sizeof(y), "%llu", b);
	}
	differs(p, name, x, y);
}

static const char *
type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "file";
	}
}

static void
compare_stat(const struct pair *p)
{
	const struct stat *x = &p->x->st, *y = &p->y->st;
	char a[48], b[48];

	differs(p, "type", type_name(x->st_mode), type_name(y->st_mode));
	if (!S_ISLNK(x->st_mode))
		number_differs(
		    p, "mode", "o", x->st_mode & 07777, y->st_mode & 07777);
	number_differs(p, "owner", "u", x->st_uid, y->st_uid);
	number_differs(p, "group", "u", x->st_gid, y->st_gid);
	snprintf(a, sizeof(a), "%lld.%09ld", (long long)x->st_mtim.tv_sec,
	    x->st_mtim.tv_nsec);
	snprintf(b, sizeof(b), "%lld.%09ld", (long long)y->st_mtim.tv_sec,
	    y->st_mtim.tv_nsec);
	if (strcmp(p->x->path, "/") != 0) /* an archive need not have it */
		differs(p, "time", a, b);
	if ((x->st_mode & S_IFMT) != (y->st_mode & S_IFMT))
		return;
	if (!S_ISDIR(x->st_mode))
		number_differs(p, "links", "u", x->st_nlink, y->st_nlink);
	if (S_ISREG(x->st_mode))
		number_differs(p, "size", "u", (unsigned long long)x->st_size,
		    (unsigned long long)y->st_size);
	if (S_ISCHR(x->st_mode) || S_ISBLK(x->st_mode)) {
		snprintf(a, sizeof(a), "%u:%u", major(x->st_rdev),
		    minor(x->st_rdev));
		snprintf(b, sizeof(b), "%u:%u", major(y->st_rdev),
		    minor(y->st_rdev));
		differs(p, "device", a, b);
	}
}

static int
read_target(const char *path, char target[LINK_BYTES + 1], struct error *e)
{
	ssize_t n = readlink(path, target, LINK_BYTES);

	if (n == -1)
		return error_errno(e, "%s", path);
	target[n] = '\0';
	return 0;
}

/* "user.a=value" of all extended attributes, sorted, a line each. */
static int
read_attributes(const char *path, struct strbuf *all, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *list = mem_alloc(XATTR_LIST_MAX);
	own_free char *value = mem_alloc(XATTR_SIZE_MAX);
	ssize_t n = llistxattr(path, list, XATTR_LIST_MAX);

	if (n == -1)
		return errno == ENOTSUP ? 0 : error_errno(e, "%s", path);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1)
		strlist_add(&names, list + at);
	strlist_sort(&names);
	for (size_t i = 0; i < names.len; i++) {
		ssize_t len =
		    lgetxattr(path, names.items[i], value, XATTR_SIZE_MAX);

		if (len == -1)
			return error_errno(e, "%s: %s", path, names.items[i]);
		strbuf_printf(all, "%s%s=", i > 0 ? " " : "", names.items[i]);
		for (ssize_t k = 0; k < len; k++)
			strbuf_printf(all, "%02x", (uint8_t)value[k]);
	}
	return 0;
}

/* The first byte that differs, -1 if none does. */
static int
compare_bytes(const char *a, const char *b, long long *at, struct error *e)
{
	own_file FILE *x = fopen(a, "re"), *y = fopen(b, "re");
	own_free char *p = mem_alloc(PIECE), *q = mem_alloc(PIECE);
	long long done = 0;
	size_t n, m;

	*at = -1;
	if (x == NULL || y == NULL)
		return error_errno(e, "%s", x == NULL ? a : b);
	do {
		size_t i = 0;

		n = fread(p, 1, PIECE, x);
		m = fread(q, 1, PIECE, y);
		if (ferror(x) || ferror(y))
			return error_errno(e, "%s", ferror(x) ? a : b);
		if (n != m || memcmp(p, q, n) != 0) {
			while (i < n && i < m && p[i] == q[i])
				i++;
			*at = done + (long long)i;
			return 0;
		}
		done += (long long)n;
	} while (n == PIECE);
	return 0;
}

static int
compare_content(const struct pair *p, struct error *e)
{
	own_free char *a = path_join(p->a->tree, p->x->path + 1);
	own_free char *b = path_join(p->b->tree, p->y->path + 1);
	own(strbuf_clear) struct strbuf s = { 0 }, t = { 0 };
	char from[LINK_BYTES + 1], to[LINK_BYTES + 1];
	mode_t mode = p->x->st.st_mode;
	long long at;

	if (read_attributes(a, &s, e) == -1 || read_attributes(b, &t, e) == -1)
		return -1;
	differs(p, "attributes", strbuf_text(&s), strbuf_text(&t));
	if (S_ISLNK(mode)) {
		if (read_target(a, from, e) == -1 ||
		    read_target(b, to, e) == -1)
			return -1;
		differs(p, "target", from, to);
	}
	if (!S_ISREG(mode))
		return 0;
	if (compare_bytes(a, b, &at, e) == -1)
		return -1;
	if (at >= 0)
		value_set(p->doc, p->what, "content", value_int(p->doc, at));
	return 0;
}

static int
compare_entry(struct pair *p, struct value *changed, struct error *e)
{
	struct value *v = value_map(p->doc);

	p->what = value_map(p->doc);
	compare_stat(p);
	if ((p->x->st.st_mode & S_IFMT) == (p->y->st.st_mode & S_IFMT) &&
	    compare_content(p, e) == -1)
		return -1;
	if (p->what->len == 0)
		return 0;
	value_set(p->doc, v, "path", text_value(p->doc, p->x->path));
	value_set(p->doc, v, "what", p->what);
	value_add(p->doc, changed, v);
	return 0;
}

/* ---- both lists ------------------------------------------------------------------ */

static struct value *
three_lists(struct doc *d, struct value *list[3])
{
	static const char *const names[] = { "added", "removed", "changed" };
	struct value *map = value_map(d);

	for (size_t i = 0; i < 3; i++) {
		list[i] = value_list(d);
		value_set(d, map, names[i], list[i]);
	}
	return map;
}

static void
add_file(struct doc *d, struct value *list, const struct entry *entry)
{
	struct value *v = value_map(d);

	value_set(d, v, "path", text_value(d, entry->path));
	value_set(d, v, "type", value_string(d, type_name(entry->st.st_mode)));
	if (S_ISREG(entry->st.st_mode))
		value_set(d, v, "bytes", value_int(d, entry->st.st_size));
	value_add(d, list, v);
}

static struct value *
compare_files(
    struct doc *d, const struct side *a, const struct side *b, struct error *e)
{
	struct value *list[3], *map = three_lists(d, list);
	size_t i = 0, k = 0;

	while (i < a->len || k < b->len) {
		struct pair p = { .doc = d, .a = a, .b = b };
		int r = i == a->len ? 1
		    : k == b->len   ? -1
				    : by_path(&a->items[i], &b->items[k]);

		if (r > 0) {
			add_file(d, list[0], &b->items[k++]);
			continue;
		}
		if (r < 0) {
			add_file(d, list[1], &a->items[i++]);
			continue;
		}
		p.x = &a->items[i++];
		p.y = &b->items[k++];
		if (compare_entry(&p, list[2], e) == -1)
			return NULL;
	}
	return map;
}

static struct value *
package_value(struct doc *d, const struct installed *p)
{
	struct value *v = value_map(d);

	value_set(d, v, "name", text_value(d, p->name));
	value_set(d, v, "arch", text_value(d, p->arch));
	value_set(d, v, "version", text_value(d, p->version));
	return v;
}

static void
add_upgrade(struct doc *d, struct value *list, const struct installed *x,
    const struct installed *y)
{
	struct value *v, *both = value_list(d);

	if (strcmp(x->version, y->version) == 0)
		return;
	v = value_map(d);
	value_add(d, both, text_value(d, x->version));
	value_add(d, both, text_value(d, y->version));
	value_set(d, v, "name", text_value(d, x->name));
	value_set(d, v, "arch", text_value(d, x->arch));
	value_set(d, v, "versions", both);
	value_add(d, list, v);
}

static struct value *
compare_packages(struct doc *d, const struct installed_list *a,
    const struct installed_list *b)
{
	struct value *list[3], *map = three_lists(d, list);
	size_t i = 0, k = 0;

	while (i < a->len || k < b->len) {
		const struct installed *x = &a->items[i], *y = &b->items[k];
		int r = i == a->len ? 1
		    : k == b->len   ? -1
				    : installed_order(x, y);

		if (r == 0)
			add_upgrade(d, list[2], x, y);
		else if (r > 0)
			value_add(d, list[0], package_value(d, y));
		else
			value_add(d, list[1], package_value(d, x));
		i += r <= 0;
		k += r >= 0;
	}
	return map;
}

struct value *
differences(struct doc *d, const char *a, const char *b, struct error *e)
{
	own(side_clear) struct side x = { .tree = a }, y = { .tree = b };
	struct value *root = value_map(d), *files, *bytes = value_list(d);

	if (side_load(&x, e) == -1 || side_load(&y, e) == -1)
		return NULL;
	files = compare_files(d, &x, &y, e);
	if (files == NULL)
		return NULL;
	value_add(d, bytes, value_int(d, (long long)x.bytes));
	value_add(d, bytes, value_int(d, (long long)y.bytes));
	value_set(d, root, "bytes", bytes);
	value_set(
	    d, root, "packages", compare_packages(d, &x.packages, &y.packages));
	value_set(d, root, "files", files);
	return root;
}
