/* SPDX-License-Identifier: Apache-2.0 */
/* A NULL-terminated array of owned strings. */
#include "lib/strlist.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/strbuf.h"

void
strlist_take(struct strlist *l, char *s)
{
	l->items = mem_grow(l->items, &l->cap, l->len + 2, sizeof(*l->items));
	l->items[l->len++] = s;
	l->items[l->len] = NULL;
}

void
strlist_add(struct strlist *l, const char *s)
{
	strlist_take(l, mem_dup(s));
}

void
strlist_addn(struct strlist *l, const char *s, size_t n)
{
	strlist_take(l, mem_dupn(s, n));
}

void
strlist_printf(struct strlist *l, const char *fmt, ...)
{
	char *s;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	strlist_take(l, n == -1 ? mem_dup("") : s);
}

void
strlist_add_all(struct strlist *l, const struct strlist *from)
{
	for (size_t i = 0; i < from->len; i++)
		strlist_add(l, from->items[i]);
}

void
strlist_split(struct strlist *l, const char *text, const char *seps)
{
	for (;;) {
		size_t n;

		text += strspn(text, seps);
		n = strcspn(text, seps);
		if (n == 0)
			return;
		strlist_addn(l, text, n);
		text += n;
	}
}

bool
strlist_has(const struct strlist *l, const char *s)
{
	for (size_t i = 0; i < l->len; i++)
		if (strcmp(l->items[i], s) == 0)
			return true;
	return false;
}

void
strlist_remove(struct strlist *l, size_t at)
{
	free(l->items[at]);
	memmove(l->items + at, l->items + at + 1,
	    (l->len - at) * sizeof(*l->items));
	l->len--;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
strlist_sort(struct strlist *l)
{
	if (l->len > 1)
		qsort(l->items, l->len, sizeof(*l->items), compare);
}

void
strlist_unique(struct strlist *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->len; i++) {
		if (n > 0 && strcmp(l->items[n - 1], l->items[i]) == 0)
			free(l->items[i]);
		else
			l->items[n++] = l->items[i];
	}
	l->len = n;
	if (l->items != NULL)
		l->items[n] = NULL;
}

char *
strlist_join(const struct strlist *l, const char *sep)
{
	struct strbuf b = { 0 };

	for (size_t i = 0; i < l->len; i++) {
		if (i > 0)
			strbuf_puts(&b, sep);
		strbuf_puts(&b, l->items[i]);
	}
	return strbuf_take(&b);
}

/* Where "name=" stands in the list, or its length. */
static size_t
env_find(const struct strlist *l, const char *name)
{
	size_t n = strlen(name), i;

	for (i = 0; i < l->len; i++)
		if (strncmp(l->items[i], name, n) == 0 && l->items[i][n] == '=')
			break;
	return i;
}

void
strlist_env_set(struct strlist *l, const char *name, const char *value)
{
	char *s = mem_printf("%s=%s", name, value);
	size_t i = env_find(l, name);

	if (i == l->len) {
		strlist_take(l, s);
		return;
	}
	free(l->items[i]);
	l->items[i] = s;
}

const char *
strlist_env_get(const struct strlist *l, const char *name)
{
	size_t i = env_find(l, name);

	return i == l->len ? NULL : l->items[i] + strlen(name) + 1;
}

void
strlist_env_unset(struct strlist *l, const char *name)
{
	size_t i = env_find(l, name);

	if (i < l->len)
		strlist_remove(l, i);
}

char *const *
strlist_argv(const struct strlist *l)
{
	static char *const none[] = { NULL };

	return l->items != NULL ? l->items : none;
}

void
strlist_clear(struct strlist *l)
{
	for (size_t i = 0; i < l->len; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct strlist){ 0 };
}
