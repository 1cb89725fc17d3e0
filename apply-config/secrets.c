/* SPDX-License-Identifier: Apache-2.0 */
/* Secret names, and runs of bytes in a text. */
#include "apply-config/secrets.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

void
secrets_usual(struct strlist *words)
{
	strlist_split(words,
	    "password passwd passphrase secret key token private credential",
	    " ");
}

void
secrets_init(struct secrets *s, const struct strlist *words)
{
	*s = (struct secrets){ .words = words };
	for (size_t i = 0; i < words->len; i++)
		s->initials |= 1u << (words->items[i][0] & 31);
}

/* Whether the word that ends in last goes on with c. */
static bool
goes_on(char last, char c)
{
	return islower((unsigned char)c) ||
	    (isupper((unsigned char)c) && isupper((unsigned char)last));
}

/* Whether word stands at s and ends there, perhaps in the plural. */
static bool
stands(const char *s, size_t n, const char *word)
{
	size_t len;

	if ((*s | 0x20) != (*word | 0x20))
		return false;
	len = strlen(word);
	if (len == 0 || n < len || strncasecmp(s, word, len) != 0)
		return false;
	if (n > len && (s[len] | 0x20) == 's')
		len++;
	return n == len || !goes_on(s[len - 1], s[len]);
}

/* Whether one of the words stands at s. */
static bool
begins(const struct secrets *secrets, const char *s, size_t n)
{
	if ((secrets->initials >> (*s & 31) & 1) == 0)
		return false;
	for (size_t i = 0; i < secrets->words->len; i++)
		if (stands(s, n, secrets->words->items[i]))
			return true;
	return false;
}

static bool
has_word(const struct secrets *s, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (begins(s, name + i, len - i))
			return true;
	return false;
}

/* Whether word is in the name, as a word or not. */
static bool
contains(const char *name, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if (strncasecmp(name + i, word, n) == 0)
			return true;
	return false;
}

bool
secrets_match(const struct secrets *s, const char *name, size_t len)
{
	return s != NULL && has_word(s, name, len) &&
	    !contains(name, len, "public") && !contains(name, len, "pubkey");
}

bool
secrets_within(const struct secrets *s, const struct value *v)
{
	if (s == NULL)
		return false;
	for (uint32_t i = 0; v->kind == VALUE_LIST && i < v->len; i++)
		if (secrets_within(s, v->items[i]))
			return true;
	for (uint32_t i = 0; v->kind == VALUE_MAP && i < v->len; i++) {
		const struct member m = value_member(v, i);

		if (m.value->kind != VALUE_NULL &&
		    secrets_match(s, m.name, m.len))
			return true;
		if (secrets_within(s, m.value))
			return true;
	}
	return false;
}

/* Bytes of a secret, of a line of one, that are looked for in a text. */
#define SHORTEST 4
#define SHORTEST_LINE 8

static void
add_text(struct strlist *texts, const char *s, size_t n)
{
	if (n < SHORTEST || memchr(s, '\0', n) != NULL)
		return;
	for (size_t i = 0; i < texts->len; i++)
		if (strlen(texts->items[i]) == n &&
		    memcmp(texts->items[i], s, n) == 0)
			return;
	strlist_addn(texts, s, n);
}

/* Of a key in several lines a program may show one. */
static void
add_lines(struct strlist *texts, const char *s, size_t n)
{
	const char *end = s + n, *next;

	if (memchr(s, '\n', n) == NULL)
		return;
	for (; s < end; s = next + 1) {
		next = memchr(s, '\n', (size_t)(end - s));
		if (next == NULL)
			next = end;
		if (next - s >= SHORTEST_LINE)
			add_text(texts, s, (size_t)(next - s));
	}
}

static void
add_scalar(const struct value *v, struct strlist *texts)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	if (v->kind != VALUE_STRING && v->kind != VALUE_NUMBER)
		return;
	add_text(texts, v->text, v->len);
	add_lines(texts, v->text, v->len);
	value_print(v, STYLE_PYTHON, &b);
	if (v->kind == VALUE_STRING)
		add_text(texts, b.s + 1, b.len - 2);
}

static void
add_texts(const struct secrets *s, const struct value *v, bool secret,
    struct strlist *texts)
{
	if (secret)
		add_scalar(v, texts);
	for (uint32_t i = 0; v->kind == VALUE_LIST && i < v->len; i++)
		add_texts(s, v->items[i], secret, texts);
	for (uint32_t i = 0; v->kind == VALUE_MAP && i < v->len; i++) {
		const struct member m = value_member(v, i);

		add_texts(s, m.value, secret || secrets_match(s, m.name, m.len),
		    texts);
	}
}

void
secrets_texts(
    const struct secrets *s, const struct value *v, struct strlist *texts)
{
	add_texts(s, v, false, texts);
}

void
spans_add(struct spans *s, size_t start, size_t len)
{
	s->items = mem_grow(s->items, &s->cap, s->len + 1, sizeof(*s->items));
	s->items[s->len++] = (struct span){ start, len };
}

void
spans_add_all(struct spans *s, const struct spans *from)
{
	for (size_t i = 0; i < from->len; i++)
		spans_add(s, from->items[i].start, from->items[i].len);
}

static int
by_start(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void
join(struct spans *s)
{
	size_t n = 0;

	if (s->len > 0)
		qsort(s->items, s->len, sizeof(*s->items), by_start);
	for (size_t i = 0; i < s->len; i++) {
		struct span *last = n > 0 ? &s->items[n - 1] : NULL;
		size_t end = s->items[i].start + s->items[i].len;

		if (last == NULL || s->items[i].start > last->start + last->len)
			s->items[n++] = s->items[i];
		else if (end > last->start + last->len)
			last->len = end - last->start;
	}
	s->len = n;
}

void
spans_find(
    struct spans *s, const char *text, size_t len, const struct strlist *texts)
{
	for (size_t i = 0; i < texts->len; i++) {
		const char *word = texts->items[i], *at = text;
		size_t n = strlen(word);

		while ((at = memmem(at, len - (size_t)(at - text), word, n)) !=
		    NULL) {
			spans_add(s, (size_t)(at - text), n);
			at += n;
		}
	}
	join(s);
}

void
secrets_mask(const struct strlist *texts, struct strbuf *b)
{
	own(spans_clear) struct spans spans = { 0 };
	struct strbuf to = { 0 };
	size_t at = 0;

	spans_find(&spans, strbuf_text(b), b->len, texts);
	if (spans.len == 0)
		return;
	for (size_t i = 0; i < spans.len; i++) {
		strbuf_add(&to, b->s + at, spans.items[i].start - at);
		strbuf_puts(&to, "***");
		at = spans.items[i].start + spans.items[i].len;
	}
	strbuf_add(&to, b->s + at, b->len - at);
	strbuf_clear(b);
	*b = to;
}

void
spans_clear(struct spans *s)
{
	free(s->items);
	*s = (struct spans){ 0 };
}
