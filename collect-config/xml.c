/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the document.  Open elements are remembered by where their
 * names stand; how many of them, from the root, are those of the path tells
 * when to begin to listen.
 */
#include "collect-config/xml.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define DEPTH 64

struct name {
	const char *s;
	size_t len;
};

struct reader {
	const char *at, *end;
	const char *path; /* the part that is to come next */
	struct name open[DEPTH];
	size_t depth; /* open elements */
	size_t matched; /* how many of them, from the root, are the path's */
	bool inside; /* of the element that is looked for */
	bool done;
	struct strbuf *out;
};

static bool
starts(const struct reader *r, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(r->end - r->at) >= n && memcmp(r->at, s, n) == 0;
}

/* Move behind the next occurrence of s. */
static int
skip_past(struct reader *r, const char *s, struct error *e)
{
	size_t n = strlen(s);
	const char *p = memmem(r->at, (size_t)(r->end - r->at), s, n);

	if (p == NULL)
		return error_set(e, EPROTO, "XML: no %s", s);
	r->at = p + n;
	return 0;
}

static bool
is_name_char(char c)
{
	return isalnum((unsigned char)c) || (c & 0x80) != 0 ||
	    (c != '\0' && strchr("_-.:", c) != NULL);
}

/* The name at r->at; its length is 0 if there is none. */
static struct name
read_name(struct reader *r)
{
	struct name n = { .s = r->at };

	while (r->at < r->end && is_name_char(*r->at))
		r->at++;
	n.len = (size_t)(r->at - n.s);
	return n;
}

/* ---- text --------------------------------------------------------------- */

static int
put_code(struct strbuf *b, const char *digits, size_t n, struct error *e)
{
	char text[12] = "", utf8[4];
	bool hex = n > 0 && *digits == 'x';
	unsigned long code;
	char *end;

	if (n - hex == 0 || n >= sizeof(text) ||
	    !isxdigit((unsigned char)digits[hex]))
		return error_set(e, EPROTO, "XML: bad character reference");
	memcpy(text, digits + hex, n - hex);
	code = strtoul(text, &end, hex ? 16 : 10);
	if (*end != '\0' || code == 0 || code > 0x10ffff ||
	    (code & 0x1ff800) == 0xd800)
		return error_set(e, EPROTO, "XML: bad character reference");
	strbuf_add(b, utf8, utf8_encode((uint32_t)code, utf8));
	return 0;
}

/* What stands between & and ; */
static int
put_reference(struct strbuf *b, const char *s, size_t n, struct error *e)
{
	static const struct {
		const char *name;
		char c;
	} known[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' },
		{ "quot", '"' }, { "apos", '\'' } };

	if (n > 1 && *s == '#')
		return put_code(b, s + 1, n - 1, e);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i].name) == n &&
		    memcmp(known[i].name, s, n) == 0) {
			strbuf_putc(b, known[i].c);
			return 0;
		}
	return error_set(e, EPROTO, "XML: unknown entity");
}

/* Character data up to the next tag. */
static int
read_text(struct reader *r, struct error *e)
{
	while (r->at < r->end && *r->at != '<') {
		size_t left = (size_t)(r->end - r->at);
		const char *stop;

		if (*r->at != '&') {
			if (r->inside)
				strbuf_putc(r->out, *r->at);
			r->at++;
			continue;
		}
		stop = memchr(r->at, ';', left < 16 ? left : 16);
		if (stop == NULL)
			return error_set(e, EPROTO, "XML: stray &");
		if (r->inside &&
		    put_reference(
			r->out, r->at + 1, (size_t)(stop - r->at - 1), e) == -1)
			return -1;
		r->at = stop + 1;
	}
	return 0;
}

static int
read_cdata(struct reader *r, struct error *e)
{
	const char *start = r->at += strlen("<![CDATA[");

	if (skip_past(r, "]]>", e) == -1)
		return -1;
	if (r->inside)
		strbuf_add(r->out, start, (size_t)(r->at - start) - 3);
	return 0;
}

/* ---- elements ----------------------------------------------------------- */

/* Whether a name, without its prefix, is the next part of the path. */
static bool
is_next(const struct reader *r, struct name n)
{
	const char *colon = memchr(n.s, ':', n.len);
	size_t len = strcspn(r->path, "/");

	if (colon != NULL) {
		n.len -= (size_t)(colon + 1 - n.s);
		n.s = colon + 1;
	}
	return n.len == len && memcmp(n.s, r->path, len) == 0;
}

static void
open_element(struct reader *r, struct name n)
{
	if (r->matched == r->depth && !r->inside && is_next(r, n)) {
		r->matched++;
		r->path += strcspn(r->path, "/");
		if (*r->path == '/')
			r->path++;
		else
			r->inside = true;
	}
	r->open[r->depth++] = n;
}

static void
close_element(struct reader *r)
{
	r->depth--;
	if (r->inside && r->depth < r->matched)
		r->done = true;
	if (r->matched <= r->depth || r->done)
		return;
	/* One of the path's elements ended without the next: go back. */
	r->matched--;
	r->path--;
	while (r->path[-1] != '/' && r->path[-1] != '\0')
		r->path--;
}

/* Attributes up to > or />; their values may hold both. */
static int
skip_attributes(struct reader *r, bool *empty, struct error *e)
{
	char quote = '\0';

	*empty = false;
	for (; r->at < r->end; r->at++) {
		if (quote != '\0') {
			if (*r->at == quote)
				quote = '\0';
		} else if (*r->at == '"' || *r->at == '\'') {
			quote = *r->at;
		} else if (*r->at == '>') {
			*empty = r->at[-1] == '/';
			r->at++;
			return 0;
		}
	}
	return error_set(e, EPROTO, "XML: a tag does not end");
}

static int
read_start(struct reader *r, struct error *e)
{
	struct name n;
	bool empty;

	r->at++;
	n = read_name(r);
	if (n.len == 0)
		return error_set(e, EPROTO, "XML: a tag without a name");
	if (r->depth == DEPTH)
		return error_set(e, EPROTO, "XML: nested too deeply");
	if (skip_attributes(r, &empty, e) == -1)
		return -1;
	open_element(r, n);
	if (empty)
		close_element(r);
	return 0;
}

static int
read_end(struct reader *r, struct error *e)
{
	struct name n, last;

	r->at += 2;
	n = read_name(r);
	if (r->depth == 0)
		return error_set(e, EPROTO, "XML: a tag too many");
	last = r->open[r->depth - 1];
	if (n.len != last.len || memcmp(n.s, last.s, n.len) != 0)
		return error_set(e, EPROTO, "XML: <%.*s> ends as </%.*s>",
		    (int)(last.len > 40 ? 40 : last.len), last.s,
		    (int)(n.len > 40 ? 40 : n.len), n.s);
	close_element(r);
	return skip_past(r, ">", e);
}

static int
read_markup(struct reader *r, struct error *e)
{
	if (starts(r, "<?"))
		return skip_past(r, "?>", e);
	if (starts(r, "<!--"))
		return skip_past(r, "-->", e);
	if (starts(r, "<![CDATA["))
		return read_cdata(r, e);
	if (starts(r, "<!"))
		return error_set(e, EPROTO, "XML: has a document type");
	return starts(r, "</") ? read_end(r, e) : read_start(r, e);
}

int
xml_find(const char *text, size_t n, const char *path, struct strbuf *b,
    struct error *e)
{
	/* A NUL in front lets close_element() find the path's start. */
	char marked[256];
	struct reader r = { .at = text, .end = text + n, .out = b };

	snprintf(marked, sizeof(marked), "%c%s", '\0', path);
	r.path = marked + 1;
	while (r.at < r.end && !r.done)
		if (read_text(&r, e) == -1 ||
		    (r.at < r.end && read_markup(&r, e) == -1))
			return -1;
	if (!r.done && r.depth > 0)
		return error_set(e, EPROTO, "XML: cut short");
	return r.done ? 0 : 1;
}
