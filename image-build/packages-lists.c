/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Package lists of the old form: files package-installs-ELEMENT in a phase's
 * folder, one package a line; one with a dash in front is only for the build:
 * installed at the start of the phase, removed at its end.
 */
#include <fcntl.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define PREFIX "package-installs-"

struct list {
	const char *element;
	bool removal;
	struct package_list *packages;
};

static void
add(const struct list *l, const char *name)
{
	struct package_list *p = l->packages;

	p->items = mem_grow(p->items, &p->cap, p->len + 1, sizeof(*p->items));
	p->items[p->len++] = (struct package){ .name = mem_dup(name),
		.element = mem_dup(l->element) };
}

static void
add_line(const struct list *l, char *line)
{
	own(strlist_clear) struct strlist words = { 0 };

	line[strcspn(line, "#")] = '\0';
	strlist_split(&words, line, " \t\r");
	for (size_t i = 0; i < words.len; i++) {
		const char *name = words.items[i];
		bool dashed = *name == '-';

		if (name[dashed] != '\0' && (dashed || !l->removal))
			add(l, name + dashed);
	}
}

static int
add_file(const struct list *l, const char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist lines = { 0 };

	if (file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	strlist_split(&lines, strbuf_text(&text), "\n");
	for (size_t i = 0; i < lines.len; i++)
		add_line(l, lines.items[i]);
	return 0;
}

int
packages_lists(const struct build *b, const char *phase, bool removal,
    struct package_list *packages, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *dir = mem_printf("%s/%s.d", b->hooks, phase);

	if (!file_is_dir(AT_FDCWD, dir))
		return 0;
	if (file_names(AT_FDCWD, dir, &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		own_free char *path = path_join(dir, names.items[i]);
		const struct list l = { names.items[i] + strlen(PREFIX),
			removal, packages };

		if (strncmp(names.items[i], PREFIX, strlen(PREFIX)) == 0 &&
		    !file_is_dir(AT_FDCWD, path) && add_file(&l, path, e) == -1)
			return -1;
	}
	return 0;
}
