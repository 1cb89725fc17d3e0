/* SPDX-License-Identifier: Apache-2.0 */
/* What an image's tree says of itself, for the head of its contents. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/contents-private.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define KERNEL "boot/vmlinuz-"
#define INITRD "boot/initrd.img-"
#define CMDLINE "etc/kernel/cmdline"
#define STATE "usr/lib/ingot/state"
#define PRESERVE "usr/lib/ingot/preserve.d"
#define RESTART "usr/lib/ingot/restart.d"

static bool
is_file(const struct contents *c, const char *path)
{
	const struct contents_entry *t = contents_find(c, path);

	return t != NULL && t->type == 'f';
}

static void
replace(char **text, char *with)
{
	free(*text);
	*text = with;
}

static void
describe_kernel(struct contents *c)
{
	const size_t n = strlen(KERNEL);
	const char *best = NULL;
	own_free char *initrd = NULL;

	for (size_t i = 0; i < c->n; i++) {
		const char *path = c->entries[i].path;

		if (strncmp(path, KERNEL, n) == 0 && is_file(c, path) &&
		    (best == NULL || strverscmp(path, best) > 0))
			best = path;
	}
	replace(&c->kernel, NULL);
	replace(&c->initrd, NULL);
	if (best == NULL)
		return;
	replace(&c->kernel, mem_dup(best));
	initrd = mem_printf(INITRD "%s", best + n);
	if (is_file(c, initrd))
		c->initrd = take(initrd);
}

/* A small file of the tree, if the list has it. */
static int
read_small(const struct contents *c, int dir, const char *path,
    struct strbuf *text, struct error *e)
{
	return is_file(c, path) ? file_read(dir, path, KIB(64), text, e) : 0;
}

static int
describe_cmdline(struct contents *c, int dir, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist words = { 0 };

	if (read_small(c, dir, CMDLINE, &text, e) == -1)
		return -1;
	strlist_split(&words, strbuf_text(&text), " \t\n");
	replace(&c->cmdline, words.len > 0 ? strlist_join(&words, " ") : NULL);
	if (c->cmdline != NULL && strlen(c->cmdline) >= 2048)
		return error_set(e, E2BIG, CMDLINE ": longer than a kernel's");
	return 0;
}

static int
describe_state(struct contents *c, int dir, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist words = { 0 };
	char *end[2] = { NULL, NULL };
	unsigned long n[2] = { 0, 0 };

	if (read_small(c, dir, STATE, &text, e) == -1)
		return -1;
	c->state_oldest = c->state_newest = 0;
	strlist_split(&words, strbuf_text(&text), " \t\n");
	if (words.len == 0)
		return 0;
	for (size_t i = 0; i < 2 && i < words.len; i++)
		n[i] = strtoul(words.items[i], &end[i], 10);
	if (words.len != 2 || *end[0] != '\0' || *end[1] != '\0' ||
	    n[0] > n[1] || n[1] == 0 || n[1] > UINT32_MAX)
		return error_set(
		    e, EINVAL, STATE ": not two numbers, oldest and newest");
	c->state_oldest = (uint32_t)n[0];
	c->state_newest = (uint32_t)n[1];
	return 0;
}

/* One line of a .d folder's file: "PATH" or "PATH UNIT". */
static int
add_line(
    struct strlist *list, unsigned words, const char *line, struct error *e)
{
	own(strlist_clear) struct strlist part = { 0 };
	const char *path;

	strlist_split(&part, line, " \t");
	if (part.len == 0 || *part.items[0] == '#')
		return 0;
	path = path_relative(part.items[0]);
	if (part.len != words || !path_is_inside(path))
		return error_set(e, EINVAL, "\"%s\" is not a path%s", line,
		    words > 1 ? " and a unit" : "");
	strlist_printf(list, "%s%s%s", path, words > 1 ? " " : "",
	    words > 1 ? part.items[1] : "");
	return 0;
}

static int
describe_list(struct contents *c, int dir, const char *folder, unsigned words,
    struct strlist *list, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	strlist_clear(list);
	if (contents_find(c, folder) == NULL)
		return 0;
	if (file_names(dir, folder, &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		own_free char *path = path_join(folder, names.items[i]);
		own(strbuf_clear) struct strbuf text = { 0 };
		own(strlist_clear) struct strlist lines = { 0 };

		if (read_small(c, dir, path, &text, e) == -1)
			return -1;
		strlist_split(&lines, strbuf_text(&text), "\n");
		for (size_t k = 0; k < lines.len; k++)
			if (add_line(list, words, lines.items[k], e) == -1)
				return error_prefix(e, "%s", path);
	}
	strlist_sort(list);
	strlist_unique(list);
	return 0;
}

int
contents_describe(struct contents *c, int dir, struct error *e)
{
	describe_kernel(c);
	if (describe_cmdline(c, dir, e) == -1 ||
	    describe_state(c, dir, e) == -1 ||
	    describe_list(c, dir, PRESERVE, 1, &c->preserve, e) == -1)
		return -1;
	return describe_list(c, dir, RESTART, 2, &c->restart, e);
}
