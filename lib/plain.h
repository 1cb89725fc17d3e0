/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign text made harmless for a terminal, a table or a log: a console's
 * lines, a report's names, the output of hooks.
 */
#ifndef LIB_PLAIN_H
#define LIB_PLAIN_H

#include <stddef.h>

struct strbuf;

/*
 * Add the n bytes at s to b without what could steer a terminal or break a
 * line.  Escape sequences (ECMA-48) vanish; line feeds and carriage returns
 * become blanks; other control characters, direction overrides and malformed
 * UTF-8 become "?".  Tabs stay.
 */
void plain_add(struct strbuf *b, const char *s, size_t n);

/*
 * The same for a page: what has a meaning in HTML is escaped, and after so
 * many columns (0: any number) comes an ellipsis.
 */
void plain_add_html(struct strbuf *b, const char *s, size_t n, size_t columns);

/* How many columns s takes, one for each character. */
size_t plain_width(const char *s);

/* How many leading bytes of s fit in so many columns. */
size_t plain_fit(const char *s, size_t columns);

#endif
