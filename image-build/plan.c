/* SPDX-License-Identifier: Apache-2.0 */
/* --dry-run: what a build would do, without doing any of it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/strbuf.h"

struct line {
	char *name, *text;
};

struct lines {
	struct line *items;
	size_t len, cap;
};

static void
lines_clear(struct lines *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->items[i].name);
		free(l->items[i].text);
	}
	free(l->items);
}

static void
add(struct lines *l, const char *name, char *text)
{
	l->items = mem_grow(l->items, &l->cap, l->len + 1, sizeof(*l->items));
	l->items[l->len++] =
	    (struct line){ .name = mem_dup(name), .text = text };
}

static int
compare(const void *a, const void *b)
{
	return parts_compare(
	    ((const struct line *)a)->name, ((const struct line *)b)->name);
}

/* The steps that one element brings to a phase. */
static int
element_steps(const struct element *el, const struct phase *p,
    struct lines *lines, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *folder = mem_printf("%s.d", p->name);
	own_free char *dir = NULL;

	if (el->builtin != NULL) {
		for (const struct native_step *n = el->builtin->steps;
		     n != NULL && n->name != NULL; n++)
			if (strcmp(n->phase, p->name) == 0)
				add(lines, n->name,
				    mem_printf("%s (built in)", el->name));
	}
	if (el->path == NULL)
		return 0;
	dir = path_join(el->path, folder);
	if (parts_list(dir, getenv("RUN_PARTS_REGEX"), &names, NULL, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		add(lines, names.items[i], path_join(dir, names.items[i]));
	return 0;
}

static int
print_phase(const struct build *b, const struct phase *p, struct error *e)
{
	own(lines_clear) struct lines lines = { 0 };

	for (size_t i = 0; i < b->nchosen; i++)
		if (element_steps(b->chosen[i], p, &lines, e) == -1)
			return -1;
	if (lines.len == 0)
		return 0;
	qsort(lines.items, lines.len, sizeof(*lines.items), compare);
	printf("phase %s (%s)\n", p->name, p->chroot ? "target" : "host");
	for (size_t i = 0; i < lines.len; i++)
		printf(
		    "  %-32s %s\n", lines.items[i].name, lines.items[i].text);
	return 0;
}

static void
print_list(const char *phase, const char *what, const struct package_list *l)
{
	for (size_t i = 0; i < l->len; i++)
		printf("package %s (%s, %s.d, element %s)\n", l->items[i].name,
		    what, phase, l->items[i].element);
}

/*
 * Conditions are judged by the environment as the caller set it; one that
 * hangs on what environment.d will set cannot be judged yet.
 */
static void
print_packages(const struct build *b)
{
	static const char *const names[] = { "pre-install", "install",
		"post-install" };
	struct package_plan plan = { 0 };
	struct error e;

	if (packages_plan(b, &b->env, &plan, &e) == -1)
		printf("packages are known only in the build: %s\n", e.text);
	for (int p = 0; p < PACKAGES_N; p++) {
		print_list(names[p], "install", &plan.install[p]);
		print_list(names[p], "remove", &plan.uninstall[p]);
	}
	packages_clear(&plan);
}

int
plan_print(const struct build *b, struct error *e)
{
	own(strbuf_clear) struct strbuf disk = { 0 };

	for (size_t i = 0; i < b->nchosen; i++)
		printf("element %-24s %s\n", b->chosen[i]->name,
		    b->chosen[i]->builtin == NULL ? b->chosen[i]->path
						  : "(built in)");
	for (const struct phase *p = phases; p->name != NULL; p++)
		if (print_phase(b, p, e) == -1)
			return -1;
	print_packages(b);
	layout_print(&b->layout, &disk);
	fputs(strbuf_text(&disk), stdout);
	for (size_t i = 0; i < b->settings->formats.len; i++)
		printf("image %s.%s\n", b->settings->name,
		    b->settings->formats.items[i]);
	return 0;
}
