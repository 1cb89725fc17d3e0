/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over the template root: every file but the control files is a
 * template; symlinks to files count, symlinks to folders do not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

#define CONTROL_SUFFIX ".oac"

struct walk {
	struct templates *templates;
	struct templates
	    controls; /* control files, by their templates' paths */
};

static bool
has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

static int
add(struct templates *t, const char *path, size_t n, const struct stat *st,
    struct error *e)
{
	if (t->len == LIMIT_TEMPLATES)
		return error_set(e, E2BIG, "%s: more than %d templates", path,
		    LIMIT_TEMPLATES);
	t->items = mem_grow(t->items, &t->cap, t->len + 1, sizeof(*t->items));
	t->items[t->len++] = (struct template){ .path = mem_dupn(path, n),
		.file = identity_of(st) };
	return 0;
}

static int
visit(void *ctx, const struct tree_entry *entry, struct error *e)
{
	struct walk *w = ctx;
	struct stat st = *entry->st;
	size_t n = strlen(entry->path);

	if (S_ISLNK(st.st_mode) &&
	    fstatat(entry->dir, entry->name, &st, 0) == -1)
		st = (struct stat){ 0 };
	if (S_ISDIR(st.st_mode))
		return 0;
	if (!has_suffix(entry->name, CONTROL_SUFFIX))
		return add(w->templates, entry->path, n, &st, e);
	if (!S_ISREG(st.st_mode))
		return 0;
	return add(
	    &w->controls, entry->path, n - strlen(CONTROL_SUFFIX), &st, e);
}

static int
by_path(const void *a, const void *b)
{
	const struct template *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void
sort(struct templates *t)
{
	if (t->len > 0)
		qsort(t->items, t->len, sizeof(*t->items), by_path);
}

/* Give the templates their control files; both are in order. */
static void
join(struct templates *t, const struct templates *controls)
{
	size_t k = 0;

	for (size_t i = 0; i < t->len; i++) {
		int c = -1;

		while (k < controls->len &&
		    (c = strcmp(controls->items[k].path, t->items[i].path)) < 0)
			k++;
		if (k < controls->len && c == 0)
			t->items[i].control = controls->items[k].file;
	}
}

int
templates_load(const struct settings *s, struct templates *t, struct error *e)
{
	struct walk w = { .templates = t, .controls = { .fd = -1 } };
	int r;

	*t = (struct templates){ .fd = -1 };
	if (*s->templates == '\0')
		return 0;
	t->fd = openat(s->root, settings_below(s, s->templates),
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (t->fd == -1)
		return error_errno(e, "%s", s->templates);
	r = tree_walk(t->fd, ".", visit, &w, e);
	if (r == -1)
		error_prefix(e, "%s", s->templates);
	sort(t);
	sort(&w.controls);
	join(t, &w.controls);
	templates_clear(&w.controls);
	return r;
}

void
templates_clear(struct templates *t)
{
	for (size_t i = 0; i < t->len; i++)
		free(t->items[i].path);
	free(t->items);
	if (t->fd != -1)
		close(t->fd);
	*t = (struct templates){ .fd = -1 };
}
