/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing list of strings that it owns.  { 0 } is an empty one.  items ends
 * with a NULL once something was added, so it serves as an argv or environ.
 */
#ifndef LIB_STRLIST_H
#define LIB_STRLIST_H

#include <stdbool.h>
#include <stddef.h>

struct strlist {
	char **items;
	size_t len;
	size_t cap;
};

void strlist_add(struct strlist *l, const char *s); /* a copy */
void strlist_addn(struct strlist *l, const char *s, size_t n);
void strlist_take(struct strlist *l, char *s); /* s itself; now owned */
void strlist_printf(struct strlist *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void strlist_add_all(struct strlist *l, const struct strlist *from);

/* Add the parts of text between any of the bytes in seps; none is empty. */
void strlist_split(struct strlist *l, const char *text, const char *seps);

bool strlist_has(const struct strlist *l, const char *s);
void strlist_remove(struct strlist *l, size_t at);
void strlist_sort(struct strlist *l); /* byte order */
void strlist_unique(struct strlist *l); /* of a sorted list: each once */

/* The items with sep between them; the caller's. */
char *strlist_join(const struct strlist *l, const char *sep);

/*
 * The list as an environment: "NAME=value" items.  set replaces or adds,
 * get returns the value, borrowed, or NULL; unset removes.
 */
void strlist_env_set(struct strlist *l, const char *name, const char *value);
const char *strlist_env_get(const struct strlist *l, const char *name);
void strlist_env_unset(struct strlist *l, const char *name);

/* Never NULL: an empty list gives an array of one NULL. */
char *const *strlist_argv(const struct strlist *l);

void strlist_clear(struct strlist *l);

#endif
