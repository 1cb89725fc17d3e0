/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing run of bytes that is always NUL-terminated once it has room.
 * { 0 } is an empty one; strbuf_text() of an empty one is "".
 */
#ifndef LIB_STRBUF_H
#define LIB_STRBUF_H

#include <stddef.h>

struct strbuf {
	char *s;
	size_t len;
	size_t cap;
};

void strbuf_add(struct strbuf *b, const void *data, size_t n);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_printf(struct strbuf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Make room for n more bytes; returns where they go.  len is unchanged. */
char *strbuf_reserve(struct strbuf *b, size_t n);

/* The bytes as a string, borrowed until the next change. */
const char *strbuf_text(const struct strbuf *b);

/* Keep only the first n bytes. */
void strbuf_cut(struct strbuf *b, size_t n);

/* Give back the room that growing left. */
void strbuf_trim(struct strbuf *b);

/* Hand the string over to the caller (never NULL) and become empty. */
char *strbuf_take(struct strbuf *b);
void strbuf_clear(struct strbuf *b);

#endif
