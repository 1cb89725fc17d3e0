/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements by name, and the expansion of the caller's list.
 *
 * The expansion follows diskimage-builder's: a queue of names, each popped
 * once, with what it provides recorded before what it depends on is queued.
 * Two things are made definite that are random there: a name that is not an
 * element waits until the queue has run dry, since a provider of it may still
 * come; and the result is in one stable order.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

/* ---- the index --------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct element *)a)->name,
	    ((const struct element *)b)->name);
}

struct element *
elements_find(const struct elements *all, const char *name)
{
	struct element key = { .name = (char *)(uintptr_t)name };

	if (all->len == 0)
		return NULL;
	return bsearch(&key, all->items, all->len, sizeof(key), compare);
}

static void
element_clear(struct element *el)
{
	free(el->name);
	free(el->path);
	strlist_clear(&el->deps);
	strlist_clear(&el->provides);
}

static struct element *
append(struct elements *all, unsigned rank)
{
	all->items =
	    mem_grow(all->items, &all->cap, all->len + 1, sizeof(*all->items));
	all->items[all->len] = (struct element){ .rank = rank };
	return &all->items[all->len++];
}

/*
 * One entry of a search folder.  An element is known by the last part of its
 * real path, so a symlink registers what it points to.
 */
static int
add_entry(
    struct elements *all, const char *dir, const char *entry, struct error *e)
{
	own_free char *path = path_join(dir, entry);
	own_free char *real = NULL;
	struct element *new;

	if (*entry == '.' || !file_is_dir(AT_FDCWD, path))
		return 0;
	if (all->len >= LIMIT_ELEMENTS)
		return error_set(e, E2BIG, "%s: too many elements", dir);
	real = realpath(path, NULL);
	if (real == NULL)
		return error_errno(e, "%s", path);
	new = append(all, (unsigned)all->path.len);
	new->name = mem_dup(path_base(real));
	new->path = take(real);
	return 0;
}

static int
add_folder(struct elements *all, const char *dir, struct error *e)
{
	own_dir DIR *d = opendir(dir);
	struct dirent *entry;

	if (d == NULL)
		return error_set(e, errno,
		    "ELEMENTS_PATH entry '%s' is not a directory", dir);
	while ((entry = readdir(d)) != NULL)
		if (add_entry(all, dir, entry->d_name, e) == -1)
			return -1;
	strlist_add(&all->path, dir);
	return 0;
}

/* By name, and of one name the folder searched first. */
static int
compare_ranked(const void *a, const void *b)
{
	const struct element *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	if (r == 0)
		r = (x->rank > y->rank) - (x->rank < y->rank);
	return r != 0 || x->path == NULL ? r : strcmp(x->path, y->path);
}

/* Sort; of each name keep the first and say which it overrides. */
static void
settle(struct elements *all)
{
	size_t n = 0;

	qsort(all->items, all->len, sizeof(*all->items), compare_ranked);
	for (size_t i = 0; i < all->len; i++) {
		struct element *el = &all->items[i];

		if (n == 0 || strcmp(all->items[n - 1].name, el->name) != 0) {
			all->items[n++] = *el;
			continue;
		}
		/* One folder, found in the search path and as built in. */
		if (el->builtin != NULL && el->path != NULL &&
		    strcmp(all->items[n - 1].path, el->path) == 0)
			all->items[n - 1].builtin = el->builtin;
		else if (el->path != NULL)
			strlist_printf(&all->overridden,
			    "Element %s overrides %s", all->items[n - 1].path,
			    el->path);
		element_clear(el);
	}
	all->len = n;
}

/* Where a built-in element's files are, or NULL: it has none. */
static char *
builtin_folder(const struct builtin *builtin, const char *data)
{
	static const char *const places[] = { "elements",
		"image-build/builtin" };

	for (size_t i = 0; i < 2; i++) {
		own_free char *dir =
		    mem_printf("%s/%s/%s", data, places[i], builtin->name);

		if (file_is_dir(AT_FDCWD, dir))
			return take(dir);
	}
	return NULL;
}

int
elements_index(
    struct elements *all, const char *path, const char *data, struct error *e)
{
	for (const char *s = path;; s++) {
		size_t n = strcspn(s, ":");
		own_free char *dir = mem_dupn(s, n);

		if (add_folder(all, dir, e) == -1)
			return -1;
		s += n;
		if (*s == '\0')
			break;
	}
	for (size_t i = 0; builtins[i] != NULL; i++) {
		struct element *new = append(all, UINT_MAX);

		new->name = mem_dup(builtins[i]->name);
		new->builtin = builtins[i];
		new->path = builtin_folder(builtins[i], data);
	}
	settle(all);
	return 0;
}

void
elements_clear(struct elements *all)
{
	for (size_t i = 0; i < all->len; i++)
		element_clear(&all->items[i]);
	free(all->items);
	strlist_clear(&all->path);
	strlist_clear(&all->overridden);
	*all = (struct elements){ 0 };
}

/* ---- element-deps and element-provides --------------------------------- */

/* One name a line; blanks around it, empty lines and # comments are nothing. */
static int
read_names(
    const char *dir, const char *file, struct strlist *names, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist lines = { 0 };
	own_free char *path = path_join(dir, file);

	if (!file_exists(AT_FDCWD, path))
		return 0;
	if (file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	if (memchr(strbuf_text(&text), '\0', text.len) != NULL)
		return error_set(e, EINVAL, "%s: this is no text", path);
	strlist_split(&lines, strbuf_text(&text), "\n");
	for (size_t i = 0; i < lines.len; i++) {
		char *s = lines.items[i] + strspn(lines.items[i], " \t\r\f\v");
		size_t n = strlen(s);

		while (n > 0 && strchr(" \t\r\f\v", s[n - 1]) != NULL)
			n--;
		s[n] = '\0';
		if (n > 0 && *s != '#' && !strlist_has(names, s))
			strlist_add(names, s);
	}
	return 0;
}

int
elements_names(const struct element *el, struct strlist *deps,
    struct strlist *provides, struct error *e)
{
	if (el->builtin != NULL && deps != NULL)
		strlist_split(deps, el->builtin->deps, " ");
	if (el->path == NULL)
		return 0;
	if (deps != NULL && read_names(el->path, "element-deps", deps, e) == -1)
		return -1;
	if (provides != NULL &&
	    read_names(el->path, "element-provides", provides, e) == -1)
		return -1;
	return 0;
}

static int
element_load(struct element *el, struct error *e)
{
	if (el->loaded)
		return 0;
	el->loaded = true;
	if (elements_names(el, &el->deps, &el->provides, e) == -1)
		return error_prefix(e, "element %s", el->name);
	return 0;
}

/* ---- expansion --------------------------------------------------------- */

/* A set of names that remembers what came with each. */
struct set {
	struct strlist names; /* sorted */
	struct strlist notes; /* parallel; for provided: by whom */
};

static size_t
set_place(const struct set *s, const char *name, bool *found)
{
	size_t low = 0, high = s->names.len;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = strcmp(name, s->names.items[mid]);

		if (r == 0) {
			*found = true;
			return mid;
		}
		if (r < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool
set_has(const struct set *s, const char *name)
{
	bool found;

	set_place(s, name, &found);
	return found;
}

/* Put s at a place of a list. */
static void
insert(struct strlist *l, size_t at, const char *s)
{
	char *copy;

	strlist_add(l, s);
	copy = l->items[l->len - 1];
	memmove(l->items + at + 1, l->items + at,
	    (l->len - 1 - at) * sizeof(*l->items));
	l->items[at] = copy;
}

static void
set_add(struct set *s, const char *name, const char *note)
{
	bool found;
	size_t at = set_place(s, name, &found);

	if (found)
		return;
	insert(&s->names, at, name);
	insert(&s->notes, at, note);
}

static const char *
set_note(const struct set *s, const char *name)
{
	bool found;
	size_t at = set_place(s, name, &found);

	return found ? s->notes.items[at] : "";
}

static void
set_clear(struct set *s)
{
	strlist_clear(&s->names);
	strlist_clear(&s->notes);
}

struct expansion {
	const struct elements *all;
	struct set final, provided;
	struct strlist queue, unknown;
};

static void
expansion_clear(struct expansion *x)
{
	set_clear(&x->final);
	set_clear(&x->provided);
	strlist_clear(&x->queue);
	strlist_clear(&x->unknown);
}

/*
 * Scripts get names and paths in a bash definition to evaluate, and use them
 * without quotes: what is more than text there cannot be an element.
 */
static int
check_plain(const struct element *el, struct error *e)
{
	static const char bad[] = " \t\n\r\f\v'\"`$&;|<>()[]{}*?!#\\";
	const char *s = el->path != NULL ? el->path : el->name;

	if (*el->name == '-')
		return error_set(e, EINVAL,
		    "element %s: a name cannot begin with a dash", el->name);
	if (s[strcspn(s, bad)] == '\0')
		return 0;
	return error_set(e, EINVAL,
	    "element %s: blanks, quotes and other signs of the shell cannot "
	    "be in an element's path: %s",
	    el->name, s);
}

static int
expand_one(struct expansion *x, const char *name, struct error *e)
{
	struct element *el;

	if (set_has(&x->provided, name))
		return 0;
	el = elements_find(x->all, name);
	if (el == NULL) {
		strlist_add(&x->unknown, name);
		return 0;
	}
	if (check_plain(el, e) == -1 || element_load(el, e) == -1)
		return -1;
	for (size_t i = 0; i < el->provides.len; i++) {
		const char *p = el->provides.items[i];

		if (set_has(&x->provided, p))
			return error_set(e, EINVAL,
			    "%s: already provided by [%s] (and by %s)", p,
			    set_note(&x->provided, p), name);
		set_add(&x->provided, p, name);
	}
	for (size_t i = 0; i < el->deps.len; i++) {
		const char *d = el->deps.items[i];

		if (!set_has(&x->final, d) && !set_has(&x->provided, d))
			strlist_add(&x->queue, d);
		set_add(&x->final, d, name);
	}
	return 0;
}

/* What is left unknown after everything that could be provided was. */
static int
expand_end(const struct expansion *x, const struct strlist *wanted,
    bool need_os, struct error *e)
{
	for (size_t i = 0; i < x->unknown.len; i++) {
		const char *name = x->unknown.items[i],
			   *by = set_note(&x->final, name);
		own_free char *hint = NULL;

		if (set_has(&x->provided, name))
			continue;
		hint = hint_for(x->all, name);
		return error_set(e, ENOENT, "Element '%s' not found%s%s%s%s",
		    name, *by ? " (wanted by element " : "", by, *by ? ")" : "",
		    hint);
	}
	for (size_t i = 0; i < wanted->len; i++)
		if (set_has(&x->provided, wanted->items[i]))
			return error_set(e, EINVAL,
			    "%s : already provided by [%s]", wanted->items[i],
			    set_note(&x->provided, wanted->items[i]));
	if (need_os && !set_has(&x->provided, "operating-system"))
		return error_set(
		    e, EINVAL, "Please include an operating system element");
	return 0;
}

static int
expand(struct expansion *x, const struct strlist *wanted, bool need_os,
    struct error *e)
{
	for (size_t i = 0; i < wanted->len; i++) {
		set_add(&x->final, wanted->items[i], "");
		strlist_add(&x->queue, wanted->items[i]);
	}
	for (size_t i = 0; i < x->queue.len; i++)
		if (expand_one(x, x->queue.items[i], e) == -1)
			return -1;
	return expand_end(x, wanted, need_os, e);
}

/* ---- order ------------------------------------------------------------- */

struct order {
	const struct expansion *x;
	struct element **items; /* not yet placed, sorted by name */
	size_t len;
	struct set placed;
};

/* Who stands for a name in the result: its provider, or itself. */
static const char *
stands_for(const struct expansion *x, const char *name)
{
	return set_has(&x->provided, name) ? set_note(&x->provided, name)
					   : name;
}

static bool
is_free(const struct order *o, const struct element *el)
{
	for (size_t i = 0; i < el->deps.len; i++) {
		const char *d = stands_for(o->x, el->deps.items[i]);

		if (strcmp(d, el->name) != 0 && !set_has(&o->placed, d))
			return false;
	}
	return true;
}

/*
 * Take the first by name whose dependencies are placed; in a cycle, where
 * there is none, the first by name.
 */
static struct element *
next_placed(struct order *o)
{
	struct element *el;
	size_t at = 0;

	while (at < o->len && !is_free(o, o->items[at]))
		at++;
	if (at == o->len)
		at = 0;
	el = o->items[at];
	memmove(o->items + at, o->items + at + 1,
	    (o->len - at - 1) * sizeof(struct element *));
	o->len--;
	set_add(&o->placed, el->name, "");
	return el;
}

static void
sort(const struct expansion *x, struct element ***chosen, size_t *n)
{
	struct order o = { .x = x };
	size_t total;

	o.items = mem_alloc((x->final.names.len + 1) * sizeof(*o.items));
	for (size_t i = 0; i < x->final.names.len; i++)
		if (!set_has(&x->provided, x->final.names.items[i]))
			o.items[o.len++] =
			    elements_find(x->all, x->final.names.items[i]);
	total = o.len;
	*chosen = mem_alloc((total + 1) * sizeof(**chosen));
	for (size_t i = 0; i < total; i++)
		(*chosen)[i] = next_placed(&o);
	*n = total;
	set_clear(&o.placed);
	free(o.items);
}

int
elements_resolve(const struct elements *all, const struct strlist *wanted,
    bool need_os, struct element ***chosen, size_t *n, struct error *e)
{
	own(expansion_clear) struct expansion x = { .all = all };

	if (expand(&x, wanted, need_os, e) == -1)
		return -1;
	sort(&x, chosen, n);
	return 0;
}
