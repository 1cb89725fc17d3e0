/* SPDX-License-Identifier: Apache-2.0 */
/* Doubling buffer; one byte beyond len is always kept for the NUL. */
#include "lib/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

char *
strbuf_reserve(struct strbuf *b, size_t n)
{
	size_t want;

	if (__builtin_add_overflow(b->len + 1, n, &want))
		want = SIZE_MAX; /* which no memory holds */
	b->s = mem_grow(b->s, &b->cap, want, 1);
	b->s[b->len] = '\0';
	return b->s + b->len;
}

void
strbuf_add(struct strbuf *b, const void *data, size_t n)
{
	if (n >= b->cap - b->len)
		strbuf_reserve(b, n);
	if (n > 0)
		memcpy(b->s + b->len, data, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void
strbuf_puts(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void
strbuf_putc(struct strbuf *b, char c)
{
	strbuf_add(b, &c, 1);
}

void
strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	int n;

	/* Most are short: the first try writes them where they belong. */
	strbuf_reserve(b, 64);
	room = b->cap - b->len;
	va_start(ap, fmt);
	n = vsnprintf(b->s + b->len, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= room) {
		strbuf_reserve(b, (size_t)n);
		va_start(ap, fmt);
		vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	if (n < 0)
		b->s[b->len] = '\0';
	else
		b->len += (size_t)n;
}

const char *
strbuf_text(const struct strbuf *b)
{
	return b->s != NULL ? b->s : "";
}

void
strbuf_cut(struct strbuf *b, size_t n)
{
	if (n >= b->len)
		return;
	b->len = n;
	b->s[n] = '\0';
}

void
strbuf_trim(struct strbuf *b)
{
	if (b->s == NULL)
		return;
	b->cap = b->len + 1;
	b->s = mem_resize(b->s, b->cap, 1);
}

char *
strbuf_take(struct strbuf *b)
{
	char *s = b->s != NULL ? b->s : mem_dup("");

	*b = (struct strbuf){ 0 };
	return s;
}

void
strbuf_clear(struct strbuf *b)
{
	free(b->s);
	*b = (struct strbuf){ 0 };
}
