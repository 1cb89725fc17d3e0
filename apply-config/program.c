/* SPDX-License-Identifier: Apache-2.0 */
/* Programs and the texts that they are made of; places in them. */
#include "apply-config/program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

/* ---- places ------------------------------------------------------------ */

/*
 * Most places are asked for in order, so the search goes on from the last.  A
 * column counts characters, from 0.
 */
struct place
program_place(const struct program *p, uint32_t at)
{
	struct place *last = p->place;

	if (at < last->at || last->line == 0)
		*last = (struct place){ .line = p->body->line,
			.column = p->body->column };
	for (; last->at < at; last->at++) {
		unsigned char c = (unsigned char)p->text[last->at];

		if (c == '\n') {
			last->line++;
			last->column = 0;
		} else {
			last->column += (c & 0xc0) != 0x80;
		}
	}
	return *last;
}

/* The tag at that place, shortened, without line breaks. */
static int
tag_length(const struct program *p, uint32_t at)
{
	const struct delimiters *d = &p->body->delimiters;
	const char *s = p->text + at;
	size_t n = p->len - at, max = n < 60 ? n : 60;
	const char *close = memmem(s, max, d->close, d->close_len);
	const char *lf = memchr(s, '\n', max);

	if (close != NULL)
		max = (size_t)(close - s) + d->close_len;
	if (close != NULL && max < n && s[2] == '{' && s[max] == '}')
		max++;
	if (lf != NULL && lf < s + max)
		max = (size_t)(lf - s);
	while (max > 0 && max < n && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return (int)max;
}

void
program_tell(const struct program *p, uint32_t at, struct strbuf *b)
{
	struct place place = program_place(p, at);
	uint32_t column = place.column;

	if (column >= p->indent_len)
		column -= (uint32_t)p->indent_len;
	strbuf_printf(b, "%s:%u:%u: %.*s", p->body->name, place.line,
	    column + 1, tag_length(p, at), p->text + at);
}

int
program_error(
    const struct program *p, uint32_t at, struct error *e, const char *fmt, ...)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	program_tell(p, at, &b);
	return error_set(e, EINVAL, "%s: %s", strbuf_text(&b), text);
}

/* ---- programs and bodies ----------------------------------------------- */

/* Put indent before each line that is not empty. */
static char *
indented(const struct body *b, const char *indent, size_t n, bool inside,
    size_t *len)
{
	struct strbuf to = { 0 };
	const char *s = b->text, *end = s + b->len;
	bool skip = inside;

	while (s < end && to.len <= LIMIT_TEMPLATE_BYTES) {
		const char *lf = memchr(s, '\n', (size_t)(end - s));
		const char *stop = lf == NULL ? end : lf + 1;

		if (*s != '\n' && !skip)
			strbuf_add(&to, indent, n);
		strbuf_add(&to, s, (size_t)(stop - s));
		skip = false;
		s = stop;
	}
	*len = to.len;
	return strbuf_take(&to);
}

static void
program_free(struct program *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->argument_count; i++) {
		body_clear(&p->arguments[i]->body);
		free(p->arguments[i]);
	}
	if (p->text != p->body->text)
		free(p->text);
	free(p->indent);
	free(p->nodes);
	free(p->parts);
	free(p->partials);
	free(p->blocks);
	free(p->arguments);
	free(p->place);
	free(p);
}

static struct program *
program_new(struct body *b, const char *indent, size_t n, bool inside)
{
	struct program *p = mem_alloc(sizeof(*p));

	p->body = b;
	p->place = mem_alloc(sizeof(*p->place));
	p->text = b->text;
	p->len = b->len;
	p->inside = inside;
	if (n == 0)
		return p;
	p->indent = mem_dupn(indent, n);
	p->indent_len = n;
	p->text = indented(b, indent, n, inside, &p->len);
	return p;
}

/* Give back the room that growing left. */
static void
program_trim(struct program *p)
{
	p->nodes = mem_resize(p->nodes, p->count, sizeof(*p->nodes));
	p->parts = mem_resize(p->parts, p->part_count, sizeof(*p->parts));
	p->cap = p->count;
	p->part_cap = p->part_count;
}

struct program *
program_get(
    struct body *b, const char *indent, size_t n, bool inside, struct error *e)
{
	struct program *p;

	for (size_t i = 0; i < b->count; i++) {
		p = b->programs[i];
		if (p->indent_len == n && (n == 0 || p->inside == inside) &&
		    (n == 0 || memcmp(p->indent, indent, n) == 0))
			return p;
	}
	p = program_new(b, indent, n, inside);
	if (program_compile(p, e) == -1) {
		program_free(p);
		return NULL;
	}
	program_trim(p);
	b->programs = mem_grow(
	    b->programs, &b->cap, b->count + 1, sizeof(struct program *));
	b->programs[b->count++] = p;
	return p;
}

void
body_clear(struct body *b)
{
	for (size_t i = 0; i < b->count; i++)
		program_free(b->programs[i]);
	free(b->programs);
	free(b->text);
}

struct mustache *
mustache_compile(const char *name, char *text, size_t len,
    const struct mustache_dialect *dialect, struct error *e)
{
	static const struct delimiters usual = { "{{", "}}", 2, 2 };
	ownp(mustache_free) struct mustache *m = mem_alloc(sizeof(*m));

	m->name = mem_dup(name);
	m->body = (struct body){ .name = m->name,
		.text = text,
		.len = len,
		.line = 1,
		.delimiters = usual,
		.dialect = *dialect };
	if (!utf8_valid(text, len)) {
		error_set(e, EINVAL, "%s: is not UTF-8", name);
		return NULL;
	}
	if (program_get(&m->body, "", 0, false, e) == NULL)
		return NULL;
	return take(m);
}

void
mustache_free(struct mustache *m)
{
	if (m == NULL)
		return;
	body_clear(&m->body);
	free(m->name);
	free(m);
}
