/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of users and groups, merged by line: pure. */
#include <string.h>

#include "image-update/machine.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

/* The line whose first field, or all, is that of line; or NULL. */
static const char *
find_line(const struct strlist *lines, const char *line, enum etc_lines kind)
{
	size_t n = strcspn(line, kind == ETC_WHOLE ? "" : ":");

	for (size_t i = 0; i < lines->len; i++)
		if (strncmp(lines->items[i], line, n) == 0 &&
		    (lines->items[i][n] == '\0' ||
			(lines->items[i][n] == ':' && kind != ETC_WHOLE)))
			return lines->items[i];
	return NULL;
}

/* One name's line; NULL: it goes. */
static const char *
choose_line(const char *old, const char *new, const char *mine,
    struct strlist *conflicts)
{
	const char *any = mine != NULL ? mine : new;

	if (mem_same(mine, old) || mem_same(mine, new))
		return new;
	if (mem_same(old, new))
		return mine;
	strlist_printf(conflicts, "%.*s: changed by both",
	    (int)strcspn(any != NULL ? any : old, ":"),
	    any != NULL ? any : old);
	return mine;
}

/* The number in the third field, or an empty text. */
static char *
number_of(const char *line)
{
	const char *p = strchr(line, ':');

	p = p != NULL ? strchr(p + 1, ':') : NULL;
	return p == NULL ? mem_dup("") : mem_dupn(p + 1, strcspn(p + 1, ":"));
}

/* Whether both lines stand in one list: then who wrote it wanted both. */
static bool
has_both(const struct strlist *lines, const char *a, const char *b)
{
	return strlist_has(lines, a) && strlist_has(lines, b);
}

/* Two names with one number that neither the image nor the machine had. */
static void
check_numbers(const struct strlist *all, const struct strlist *new,
    const struct strlist *mine, struct strlist *conflicts)
{
	for (size_t i = 0; i < all->len; i++)
		for (size_t k = 0; k < i; k++) {
			const char *a = all->items[k], *b = all->items[i];
			own_free char *one = number_of(a);
			own_free char *two = number_of(b);

			if (*one != '\0' && strcmp(one, two) == 0 &&
			    !has_both(new, a, b) && !has_both(mine, a, b))
				strlist_printf(conflicts,
				    "%.*s and %.*s have one number, %s",
				    (int)strcspn(a, ":"), a,
				    (int)strcspn(b, ":"), b, one);
		}
}

void
etc_merge_lines(const char *old, const char *new, const char *mine,
    enum etc_lines kind, struct strbuf *text, struct strlist *conflicts)
{
	own(strlist_clear) struct strlist o = { 0 }, n = { 0 }, m = { 0 },
					  all = { 0 };
	const char *line;

	strlist_split(&o, old, "\n");
	strlist_split(&n, new, "\n");
	strlist_split(&m, mine, "\n");
	for (size_t i = 0; i < n.len; i++) {
		line = choose_line(find_line(&o, n.items[i], kind), n.items[i],
		    find_line(&m, n.items[i], kind), conflicts);
		if (line != NULL)
			strlist_add(&all, line);
	}
	for (size_t i = 0; i < m.len; i++) {
		if (find_line(&n, m.items[i], kind) != NULL)
			continue;
		line = choose_line(find_line(&o, m.items[i], kind), NULL,
		    m.items[i], conflicts);
		if (line != NULL)
			strlist_add(&all, line);
	}
	if (kind == ETC_NUMBERED)
		check_numbers(&all, &n, &m, conflicts);
	for (size_t i = 0; i < all.len; i++)
		strbuf_printf(text, "%s\n", all.items[i]);
}
