/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text to values, in one pass.  Nesting is bounded, so that recursion
 * is; lists and maps are gathered on a stack and then stored in one piece.
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

struct parser {
	struct doc *doc;
	const char *name;
	const char *start, *at, *end;
	unsigned depth;
	struct strbuf text; /* a string with escapes is built here */
	struct error *error;
};

static struct value *parse_value(struct parser *p);

/* Fail at the current place; returns NULL for convenience. */
static void *
bad(struct parser *p, const char *what)
{
	unsigned long line = 1, column = 1;

	for (const char *s = p->start; s < p->at; s++) {
		column++;
		if (*s == '\n') {
			line++;
			column = 1;
		}
	}
	error_set(
	    p->error, EINVAL, "%s:%lu:%lu: %s", p->name, line, column, what);
	return NULL;
}

static void
blanks(struct parser *p)
{
	while (p->at < p->end &&
	    (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' ||
		*p->at == '\r'))
		p->at++;
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
escape_u(struct parser *p)
{
	uint32_t code, low;
	char bytes[4];

	if (hex4(p, &code) == -1)
		return -1;
	if (code >= 0xd800 && code < 0xdc00 && p->end - p->at >= 6 &&
	    p->at[0] == '\\' && p->at[1] == 'u') {
		const char *back = p->at;

		p->at += 2;
		if (hex4(p, &low) == -1)
			return -1;
		if (low >= 0xdc00 && low < 0xe000)
			code =
			    0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		else
			p->at = back;
	}
	strbuf_add(&p->text, bytes, utf8_encode(code, bytes));
	return 0;
}

static int
escape(struct parser *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *s;

	if (p->at == p->end)
		return -1;
	if (*p->at == 'u') {
		p->at++;
		return escape_u(p);
	}
	s = memchr(from, *p->at, sizeof(from) - 1);
	if (s == NULL)
		return -1;
	strbuf_putc(&p->text, to[s - from]);
	p->at++;
	return 0;
}

/*
 * The bytes up to the closing quote.  *text is borrowed: from the input, or
 * from p->text when there were escapes.
 */
static int
parse_text(struct parser *p, const char **text, size_t *len)
{
	const char *run = ++p->at;

	strbuf_cut(&p->text, 0);
	for (;;) {
		unsigned char c;
		size_t n;

		if (p->at == p->end)
			return bad(p, "string does not end"), -1;
		c = (unsigned char)*p->at;
		if (c == '"' || c == '\\') {
			bool whole = c == '"' && p->text.len == 0;

			if (whole) {
				*text = run;
				*len = (size_t)(p->at++ - run);
				return 0;
			}
			strbuf_add(&p->text, run, (size_t)(p->at - run));
			p->at++;
			if (c == '"')
				break;
			if (escape(p) == -1)
				return bad(p, "invalid escape in string"), -1;
			run = p->at;
		} else if (c < 0x20) {
			return bad(p, "control character in string"), -1;
		} else if (c < 0x80) {
			p->at++;
		} else {
			n = utf8_length(p->at, (size_t)(p->end - p->at));
			if (n == 0)
				return bad(p, "invalid UTF-8"), -1;
			p->at += n;
		}
	}
	*text = strbuf_text(&p->text);
	*len = p->text.len;
	return 0;
}

static struct value *
parse_string(struct parser *p)
{
	const char *text;
	size_t len;

	if (parse_text(p, &text, &len) == -1)
		return NULL;
	return value_stringn(p->doc, text, len);
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
		const char *back = p->at++;

		if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
			p->at++;
		if (digits(p) == 0)
			p->at = back;
	}
	v = doc_alloc(p->doc, sizeof(*v));
	v->kind = VALUE_NUMBER;
	v->len = (uint32_t)(p->at - start);
	v->text = doc_text(p->doc, start, v->len);
	return v;
}

static struct value *
parse_list(struct parser *p)
{
	struct value *list = value_list(p->doc);

	p->at++;
	blanks(p);
	if (p->at < p->end && *p->at == ']') {
		p->at++;
		return list;
	}
	for (;;) {
		struct value *v = parse_value(p);

		if (v == NULL)
			return NULL;
		value_add(p->doc, list, v);
		blanks(p);
		if (p->at == p->end)
			return bad(p, "list does not end");
		if (*p->at == ']')
			break;
		if (*p->at != ',')
			return bad(p, "expected ',' or ']'");
		p->at++;
	}
	p->at++;
	return list;
}

static int
parse_member(struct parser *p, struct value *map)
{
	const char *text;
	char *name;
	size_t len;
	struct value *v;

	blanks(p);
	if (p->at == p->end || *p->at != '"')
		return bad(p, "expected a name in double quotes"), -1;
	if (parse_text(p, &text, &len) == -1)
		return -1;
	name = doc_text(p->doc, text, len);
	blanks(p);
	if (p->at == p->end || *p->at != ':')
		return bad(p, "expected ':'"), -1;
	p->at++;
	v = parse_value(p);
	if (v == NULL)
		return -1;
	value_setn(p->doc, map, name, len, v);
	return 0;
}

static struct value *
parse_map(struct parser *p)
{
	struct value *map = value_map(p->doc);

	p->at++;
	blanks(p);
	if (p->at < p->end && *p->at == '}') {
		p->at++;
		return map;
	}
	for (;;) {
		if (parse_member(p, map) == -1)
			return NULL;
		blanks(p);
		if (p->at == p->end)
			return bad(p, "map does not end");
		if (*p->at == '}')
			break;
		if (*p->at != ',')
			return bad(p, "expected ',' or '}'");
		p->at++;
	}
	p->at++;
	return map;
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

struct value *
doc_parse(struct doc *d, const char *text, size_t len, const char *name,
    struct error *e)
{
	own(strbuf_clear) struct strbuf scratch = { 0 };
	struct parser p = { .doc = d,
		.name = name,
		.start = text,
		.at = text,
		.end = text + len,
		.error = e };
	struct value *v;

	if (len > LIMIT_DOC_BYTES) {
		error_set(e, EFBIG, "%s: longer than %zu bytes", name,
		    LIMIT_DOC_BYTES);
		return NULL;
	}
	v = parse_value(&p);
	scratch = p.text;
	if (v == NULL)
		return NULL;
	blanks(&p);
	if (p.at != p.end)
		return bad(&p, "something follows the value");
	return v;
}

struct value *
doc_load(struct doc *d, int dir, const char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	if (file_read(dir, path, LIMIT_DOC_BYTES, &text, e) == -1)
		return NULL;
	return doc_parse(d, strbuf_text(&text), text.len, path, e);
}
