/* SPDX-License-Identifier: Apache-2.0 */
/* One line of text per failure; line breaks inside it become blanks. */
#include "lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LONGEST 8192 /* what is formatted: a path, its reason and more */

/*
 * An error is one line: whatever was formatted into it must not break it.  Of
 * one that is too long the middle is left out, which is a long path's, since
 * where it begins and what happened is told at its ends.
 */
static void
put(struct error *e, const char *text)
{
	const size_t most = sizeof(e->text) - 1, half = most / 2 - 3;
	size_t n = strlen(text);

	snprintf(e->text, sizeof(e->text), "%s", text);
	if (n > most)
		snprintf(e->text + half, sizeof(e->text) - half, "...%s",
		    text + n - (most - half - 3));
	for (char *s = e->text; *s != '\0'; s++)
		if (*s == '\n' || *s == '\r')
			*s = ' ';
}

/* What is formatted, then a colon and more. */
static void __attribute__((format(printf, 2, 0)))
put_both(struct error *e, const char *fmt, va_list ap, const char *more)
{
	char text[LONGEST + sizeof(e->text) + 2];
	size_t n;

	vsnprintf(text, LONGEST, fmt, ap);
	n = strlen(text);
	snprintf(text + n, sizeof(text) - n, ": %s", more);
	put(e, text);
}

int
error_set(struct error *e, int code, const char *fmt, ...)
{
	char text[LONGEST];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	e->code = code;
	put(e, text);
	return -1;
}

int
error_errno(struct error *e, const char *fmt, ...)
{
	int code = errno;
	va_list ap;

	va_start(ap, fmt);
	put_both(e, fmt, ap, strerror(code));
	va_end(ap);
	e->code = errno = code;
	return -1;
}

int
error_prefix(struct error *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_both(e, fmt, ap, e->text);
	va_end(ap);
	return -1;
}
