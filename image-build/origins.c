/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each step's changes are a layer, so the topmost layer that has a path tells
 * which step wrote it.  What no step did (fstab, the resolver) is the
 * program's own.
 */
#include "image-build/origins.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image-build/image-build.h"
#include "image-build/layers.h"
#include "image-build/snapshot.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/inodes.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define ENDING "origins"
#define KEEP "/+:@,=" /* not escaped in a path */

struct origin {
	char *path;
	size_t writer;
};

void
origins_clear(struct origins *o)
{
	for (size_t i = 0; i < o->len; i++)
		free(o->items[i].path);
	for (size_t i = 0; i < o->nwriters; i++) {
		free(o->writers[i].element);
		free(o->writers[i].script);
	}
	free(o->items);
	free(o->writers);
	*o = (struct origins){ 0 };
}

/* ---- the layers --------------------------------------------------------------- */

static int
add_path(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct origins *o = ctx;

	(void)e;
	o->items = mem_grow(o->items, &o->cap, o->len + 1, sizeof(*o->items));
	o->items[o->len++] =
	    (struct origin){ .path = mem_dup(t->path), .writer = o->nwriters };
	return 0;
}

/* "web install.d/50-web"; "" for what no step wrote. */
static void
add_writer(struct origins *o, const char *text)
{
	size_t n = strcspn(text, " ");

	o->writers =
	    mem_resize(o->writers, o->nwriters + 1, sizeof(*o->writers));
	o->writers[o->nwriters++] =
	    (struct writer){ .element = *text == '\0' ? mem_dup("-")
						      : mem_dupn(text, n),
		    .script = mem_dup(text[n] == ' ' ? text + n + 1 : "-") };
}

static int
add_layer(struct origins *o, const char *folder, const char *inside,
    const char *writer, struct error *e)
{
	own_free char *tree = path_join(folder, inside);

	if (file_is_dir(AT_FDCWD, tree) &&
	    tree_walk(AT_FDCWD, tree, add_path, o, e) == -1)
		return -1;
	add_writer(o, writer);
	return 0;
}

/* By path; the last writer first. */
static int
by_path(const void *a, const void *b)
{
	const struct origin *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	if (order != 0)
		return order;
	return x->writer < y->writer ? 1 : x->writer > y->writer ? -1 : 0;
}

/* Of each path only the last writer stays. */
static void
sort(struct origins *o)
{
	size_t kept = 0;

	if (o->len > 0)
		qsort(o->items, o->len, sizeof(*o->items), by_path);
	for (size_t i = 0; i < o->len; i++)
		if (kept > 0 &&
		    strcmp(o->items[kept - 1].path, o->items[i].path) == 0)
			free(o->items[i].path);
		else
			o->items[kept++] = o->items[i];
	o->len = kept;
}

static int
path_order(const void *path, const void *item)
{
	return strcmp(path, ((const struct origin *)item)->path);
}

static struct writer *
writer_of(const struct origins *o, const char *path)
{
	const struct origin *found = o->len == 0
	    ? NULL
	    : bsearch(path, o->items, o->len, sizeof(*o->items), path_order);

	return found == NULL ? NULL : &o->writers[found->writer];
}

/* ---- the tree ------------------------------------------------------------------- */

struct count {
	struct origins *origins;
	struct inodes linked;
};

static int
count_file(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct count *c = ctx;
	const struct stat *st = t->st;
	uint64_t held = (uint64_t)st->st_blocks * 512;
	struct writer *w;

	(void)e;
	if (!S_ISREG(st->st_mode) ||
	    (st->st_nlink > 1 &&
		(*inodes_at(&c->linked, st->st_dev, st->st_ino))++ > 0))
		return 0;
	if ((uint64_t)st->st_size < held)
		held = (uint64_t)st->st_size;
	c->origins->bytes += held;
	w = writer_of(c->origins, t->path);
	if (w != NULL)
		w->bytes += held;
	return 0;
}

int
origins_load(const struct build *b, struct origins *o, struct error *e)
{
	struct count c = { .origins = o };
	int r;

	if (b->snapshots != NULL) {
		const struct layers *l = snapshot_layers(b);
		const char *inside = path_relative(b->tree + strlen(b->work));

		for (size_t i = 0; i < l->stack.len; i++)
			if (add_layer(o, l->stack.items[i], inside,
				l->writers.items[i], e) == -1)
				return -1;
		if (add_layer(o, l->upper, inside, "", e) == -1)
			return -1;
		sort(o);
	}
	r = tree_walk(AT_FDCWD, b->tree, count_file, &c, e);
	inodes_clear(&c.linked);
	return r;
}

/* ---- the file ---------------------------------------------------------------------- */

struct listing {
	const struct origins *origins;
	struct strbuf text;
};

static int
list_path(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct listing *l = ctx;
	const struct writer *w = writer_of(l->origins, t->path);

	(void)e;
	if (w == NULL || *t->path == '\0')
		return 0;
	percent_encode(t->path, KEEP, &l->text);
	strbuf_printf(&l->text, " %s %s\n", w->element, w->script);
	return 0;
}

int
origins_write(const struct build *b, const struct origins *o, struct error *e)
{
	struct listing l = { .origins = o };
	own_free char *path = mem_printf("%s." ENDING, b->settings->name);
	int r = tree_walk(AT_FDCWD, b->tree, list_path, &l, e);

	if (r == 0)
		r = file_replace(
		    AT_FDCWD, path, 0644, strbuf_text(&l.text), l.text.len, e);
	strbuf_clear(&l.text);
	return r;
}

char *
origins_beside(const char *image)
{
	const char *base = path_base(image);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error none;

	/* The ending may have dots of its own, and so may the name. */
	for (size_t n = strlen(base); n > 0; n--) {
		own_free char *path = NULL;

		if (base[n - 1] != '.')
			continue;
		path = mem_printf(
		    "%.*s" ENDING, (int)(base - image + (ptrdiff_t)n), image);
		if (file_read(AT_FDCWD, path, LIMIT_CONTENTS_BYTES, &text,
			&none) == 0)
			return strbuf_take(&text);
	}
	return NULL;
}

/* What follows "PATH " at the start of a line, or NULL. */
static const char *
find_line(const char *text, const char *path)
{
	own(strbuf_clear) struct strbuf start = { 0 };
	const char *at;

	strbuf_putc(&start, '\n');
	percent_encode(path, KEEP, &start);
	strbuf_putc(&start, ' ');
	if (strncmp(text, start.s + 1, start.len - 1) == 0)
		return text + start.len - 1;
	at = strstr(text, start.s);
	return at == NULL ? NULL : at + start.len;
}

char *
origins_find(const char *text, const char *path)
{
	own(strlist_clear) struct strlist words = { 0 };
	const char *at = find_line(text, path);
	own_free char *line =
	    at == NULL ? NULL : mem_dupn(at, strcspn(at, "\n"));

	if (line != NULL)
		strlist_split(&words, line, " ");
	if (words.len != 2 || strcmp(words.items[0], "-") == 0)
		return NULL;
	return mem_printf("element %s, %s", words.items[0], words.items[1]);
}
