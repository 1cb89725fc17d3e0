/* SPDX-License-Identifier: Apache-2.0 */
/* The packages that dpkg knows as installed in a tree. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/inventory.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define STATUS "var/lib/dpkg/status"
#define STATUS_BYTES MIB(256)

static void
clear_one(struct installed *p)
{
	free(p->name);
	free(p->version);
	free(p->arch);
	free(p->source);
	free(p->maintainer);
	free(p->homepage);
	*p = (struct installed){ 0 };
}

void
installed_clear(struct installed_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		clear_one(&list->items[i]);
	free(list->items);
	*list = (struct installed_list){ 0 };
}

/* A field's value if the line is that field; the first one counts. */
static void
field(const char *line, size_t n, const char *name, char **value)
{
	size_t len = strlen(name);

	if (*value != NULL || n <= len || strncmp(line, name, len) != 0)
		return;
	while (len < n && line[len] == ' ')
		len++;
	*value = mem_dupn(line + len, n - len);
}

static void
end_stanza(struct installed_list *list, struct installed *p, char **status)
{
	bool there = *status != NULL && strstr(*status, " installed") != NULL;

	free(take(*status));
	if (!there || p->name == NULL || p->version == NULL) {
		clear_one(p);
		return;
	}
	if (list->len == list->cap) {
		list->cap = list->cap > 0 ? 2 * list->cap : 256;
		list->items =
		    mem_resize(list->items, list->cap, sizeof(*list->items));
	}
	if (p->arch == NULL)
		p->arch = mem_dup("all");
	list->items[list->len++] = *p;
	*p = (struct installed){ 0 };
}

int
installed_order(const struct installed *a, const struct installed *b)
{
	int r = strcmp(a->name, b->name);

	return r != 0 ? r : strcmp(a->arch, b->arch);
}

static int
compare(const void *a, const void *b)
{
	return installed_order(a, b);
}

static void
parse(const char *text, size_t n, struct installed_list *list)
{
	const char *end = text + n;
	struct installed p = { 0 };
	char *status = NULL;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((stop != NULL ? stop : end) - text);

		if (len == 0)
			end_stanza(list, &p, &status);
		field(text, len, "Package:", &p.name);
		field(text, len, "Version:", &p.version);
		field(text, len, "Architecture:", &p.arch);
		field(text, len, "Source:", &p.source);
		field(text, len, "Maintainer:", &p.maintainer);
		field(text, len, "Homepage:", &p.homepage);
		field(text, len, "Status:", &status);
		text += len + 1;
	}
	end_stanza(list, &p, &status);
	if (list->len > 1)
		qsort(list->items, list->len, sizeof(*list->items), compare);
}

int
installed_load(const char *tree, struct installed_list *list, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	if (target_read(tree, STATUS, STATUS_BYTES, &text, e) == -1)
		return e->code == ENOENT ? 0 : -1;
	parse(strbuf_text(&text), text.len, list);
	return 0;
}
