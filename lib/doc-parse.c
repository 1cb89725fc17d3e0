/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text to values, in one pass.  Nesting is bounded, so that recursion
 * is; lists and maps are gathered on stacks and then stored in one piece.
 * The text is the doc's own: strings and numbers stay in it, strings without
 * their escapes and with a NUL in the place of the closing quote, numbers with
 * one behind them as soon as what stands there was read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define RECENT 16

struct parser {
	struct doc *doc;
	const char *name;
	char *at, *end;
	char *line_start; /* line breaks stand between tokens only */
	char *number_end; /* of a number that has no NUL yet */
	unsigned long line;
	unsigned depth;
	struct value **items; /* of the lists that are open */
	size_t item_count, item_cap;
	struct member *members; /* of the maps that are open */
	size_t member_count, member_cap;
	struct value *recent[RECENT]; /* maps, by what names they have */
	struct error *error;
};

static struct value *parse_value(struct parser *p);

/* Fail at the current place; returns NULL for convenience. */
static void *
bad(struct parser *p, const char *what)
{
	error_set(p->error, EINVAL, "%s:%lu:%lu: %s", p->name, p->line,
	    (unsigned long)(p->at - p->line_start) + 1, what);
	return NULL;
}

static void
blanks(struct parser *p)
{
	for (; p->at < p->end; p->at++) {
		if (*p->at == '\n') {
			p->line++;
			p->line_start = p->at + 1;
		} else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r') {
			return;
		}
	}
}

/* Step over a word if it stands here. */
static bool
word(struct parser *p, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(p->end - p->at) < n || memcmp(p->at, w, n) != 0)
		return false;
	p->at += n;
	return true;
}

static int
hex4(struct parser *p, uint32_t *code)
{
	uint32_t n = 0;

	if (p->end - p->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p->at[i];

		n <<= 4;
		if (c >= '0' && c <= '9')
			n |= (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n |= (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			n |= (uint32_t)(c - 'A' + 10);
		else
			return -1;
	}
	p->at += 4;
	*code = n;
	return 0;
}

/* After "\u": one code point, from two escapes if they make a pair. */
static int
escape_u(struct parser *p, char **to)
{
	uint32_t code, low;

	if (hex4(p, &code) == -1)
		return -1;
	if (code >= 0xd800 && code < 0xdc00 && p->end - p->at >= 6 &&
	    p->at[0] == '\\' && p->at[1] == 'u') {
		char *back = p->at;

		p->at += 2;
		if (hex4(p, &low) == -1)
			return -1;
		if (low >= 0xdc00 && low < 0xe000)
			code =
			    0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		else
			p->at = back;
	}
	*to += utf8_encode(code, *to);
	return 0;
}

static int
escape(struct parser *p, char **to)
{
	static const char from[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *s;

	if (p->at == p->end)
		return -1;
	if (*p->at == 'u') {
		p->at++;
		return escape_u(p, to);
	}
	s = memchr(from, *p->at, sizeof(from) - 1);
	if (s == NULL)
		return -1;
	*(*to)++ = meant[s - from];
	p->at++;
	return 0;
}

/* Step over bytes that stand for themselves, as far as they are ASCII. */
static void
skip_plain(struct parser *p)
{
	const unsigned char *s = (const unsigned char *)p->at,
			    *end = (const unsigned char *)p->end;

	while (s < end && *s >= 0x20 && *s < 0x80 && *s != '"' && *s != '\\')
		s++;
	p->at += s - (const unsigned char *)p->at;
}

/* Step over plain bytes and characters; 0, or -1 at one that is malformed. */
static int
skip_run(struct parser *p)
{
	for (;;) {
		size_t n;

		skip_plain(p);
		if (p->at == p->end || (unsigned char)*p->at < 0x80)
			return 0;
		n = utf8_length(p->at, (size_t)(p->end - p->at));
		if (n == 0)
			return -1;
		p->at += n;
	}
}

/*
 * The bytes up to the closing quote, in the place where they stand; what
 * the escapes leave over is used by nobody.
 */
static int
parse_text(struct parser *p, const char **text, size_t *len)
{
	char *start = ++p->at, *to = start;

	for (;;) {
		char *run = p->at;

		if (skip_run(p) == -1)
			return bad(p, "invalid UTF-8"), -1;
		if (to != run)
			memmove(to, run, (size_t)(p->at - run));
		to += p->at - run;
		if (p->at == p->end)
			return bad(p, "string does not end"), -1;
		if (*p->at == '"')
			break;
		if (*p->at != '\\')
			return bad(p, "control character in string"), -1;
		p->at++;
		if (escape(p, &to) == -1)
			return bad(p, "invalid escape in string"), -1;
	}
	*to = '\0';
	p->at++;
	*text = start;
	*len = (size_t)(to - start);
	return 0;
}

static struct value *
parse_string(struct parser *p)
{
	struct value *v = doc_alloc(p->doc, sizeof(*v));
	size_t len;

	if (parse_text(p, &v->text, &len) == -1)
		return NULL;
	v->kind = VALUE_STRING;
	v->len = (uint32_t)len;
	return v;
}

/* Called when the byte after the last number was read. */
static void
end_number(struct parser *p)
{
	if (p->number_end != NULL)
		*p->number_end = '\0';
	p->number_end = NULL;
}

static size_t
digits(struct parser *p)
{
	const char *s = p->at;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return (size_t)(p->at - s);
}

static struct value *
parse_number(struct parser *p)
{
	const char *start = p->at;
	struct value *v;

	if (*p->at == '-')
		p->at++;
	if (word(p, "Infinity"))
		return value_number(
		    p->doc, *start == '-' ? "-Infinity" : "Infinity");
	if (p->at < p->end && *p->at == '0')
		p->at++;
	else if (digits(p) == 0)
		return bad(p, "not a value");
	if (p->at + 1 < p->end && *p->at == '.' && p->at[1] >= '0' &&
	    p->at[1] <= '9') {
		p->at++;
		digits(p);
	}
	if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
		char *back = p->at++;

		if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
			p->at++;
		if (digits(p) == 0)
			p->at = back;
	}
	v = doc_alloc(p->doc, sizeof(*v));
	v->kind = VALUE_NUMBER;
	v->len = (uint32_t)(p->at - start);
	v->text = start;
	p->number_end = p->at;
	return v;
}

static struct value *
end_list(struct parser *p, size_t first)
{
	size_t n = p->item_count - first;

	p->at++;
	p->item_count = first;
	if (n == 0)
		return value_list(p->doc);
	return value_list_of(p->doc, p->items + first, n);
}

static struct value *
parse_list(struct parser *p)
{
	size_t first = p->item_count;

	p->at++;
	blanks(p);
	if (p->at < p->end && *p->at == ']')
		return end_list(p, first);
	for (;;) {
		struct value *v = parse_value(p);

		if (v == NULL)
			return NULL;
		p->items = mem_grow(p->items, &p->item_cap, p->item_count + 1,
		    sizeof(struct value *));
		p->items[p->item_count++] = v;
		blanks(p);
		if (p->at == p->end)
			return bad(p, "list does not end");
		if (*p->at == ']')
			return end_list(p, first);
		if (*p->at != ',')
			return bad(p, "expected ',' or ']'");
		p->at++;
	}
}

static int
parse_member(struct parser *p)
{
	struct member m = { 0 };
	size_t len;

	end_number(p);
	blanks(p);
	if (p->at == p->end || *p->at != '"')
		return bad(p, "expected a name in double quotes"), -1;
	if (parse_text(p, &m.name, &len) == -1)
		return -1;
	m.len = (uint32_t)len;
	m.hash = value_hash(m.name, len);
	blanks(p);
	if (p->at == p->end || *p->at != ':')
		return bad(p, "expected ':'"), -1;
	p->at++;
	m.value = parse_value(p);
	if (m.value == NULL)
		return -1;
	p->members = mem_grow(p->members, &p->member_cap, p->member_count + 1,
	    sizeof(*p->members));
	p->members[p->member_count++] = m;
	return 0;
}

static struct value *
end_map(struct parser *p, size_t first)
{
	const struct member *members;
	size_t n = p->member_count - first;
	struct value **recent;
	uint32_t names = 0;

	p->at++;
	p->member_count = first;
	if (n == 0)
		return value_map(p->doc); /* members may be NULL yet */
	members = p->members + first;
	for (size_t i = 0; i < n; i++)
		names += members[i].hash;
	recent = &p->recent[names % RECENT];
	*recent = value_map_of(p->doc, members, n, *recent);
	return *recent;
}

static struct value *
parse_map(struct parser *p)
{
	size_t first = p->member_count;

	p->at++;
	blanks(p);
	if (p->at < p->end && *p->at == '}')
		return end_map(p, first);
	for (;;) {
		if (parse_member(p) == -1)
			return NULL;
		blanks(p);
		if (p->at == p->end)
			return bad(p, "map does not end");
		if (*p->at == '}')
			return end_map(p, first);
		if (*p->at != ',')
			return bad(p, "expected ',' or '}'");
		p->at++;
	}
}

static struct value *
parse_nested(struct parser *p, struct value *(*parse)(struct parser *))
{
	struct value *v;

	if (++p->depth > LIMIT_DOC_DEPTH)
		return bad(p, "nested too deeply");
	v = parse(p);
	p->depth--;
	return v;
}

static struct value *
parse_value(struct parser *p)
{
	end_number(p);
	blanks(p);
	if (p->at == p->end)
		return bad(p, "a value is missing");
	switch (*p->at) {
	case '{':
		return parse_nested(p, parse_map);
	case '[':
		return parse_nested(p, parse_list);
	case '"':
		return parse_string(p);
	case 't':
		if (word(p, "true"))
			return value_bool(p->doc, true);
		break;
	case 'f':
		if (word(p, "false"))
			return value_bool(p->doc, false);
		break;
	case 'n':
		if (word(p, "null"))
			return value_null(p->doc);
		break;
	case 'N':
		if (word(p, "NaN"))
			return value_number(p->doc, "NaN");
		break;
	case '-':
	case 'I':
	case '0' ... '9':
		return parse_number(p);
	}
	return bad(p, "not a value");
}

/* Parse what is in the doc's own text. */
static struct value *
parse(struct doc *d, char *text, size_t len, const char *name, struct error *e)
{
	struct parser p = { .doc = d,
		.name = name,
		.at = text,
		.end = text + len,
		.line_start = text,
		.line = 1,
		.error = e };
	struct value *v = NULL;

	/* Lengths and counts are kept in 32 bits. */
	if (len > LIMIT_DOC_BYTES)
		error_set(e, EFBIG, "%s: longer than %zu bytes", name,
		    LIMIT_DOC_BYTES);
	else
		v = parse_value(&p);
	free(p.items);
	free(p.members);
	if (v == NULL)
		return NULL;
	blanks(&p);
	if (p.at != p.end)
		return bad(&p, "something follows the value");
	end_number(&p);
	return v;
}

struct value *
doc_parse(struct doc *d, const char *text, size_t len, const char *name,
    struct error *e)
{
	return parse(d, doc_text(d, text, len), len, name, e);
}

struct value *
doc_parse_taken(
    struct doc *d, struct strbuf *text, const char *name, struct error *e)
{
	size_t len = text->len;
	char *s = strbuf_take(text);

	doc_keep(d, s, len);
	return parse(d, s, len, name, e);
}

struct value *
doc_load(struct doc *d, int dir, const char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	if (file_read(dir, path, LIMIT_DOC_BYTES, &text, e) == -1)
		return NULL;
	return doc_parse_taken(d, &text, path, e);
}
