/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Find the next tag in a template.  What counts as one is what the pattern
 * of pystache's parser matches, without its accidents: there, a tag with no
 * name swallows the text up to the next end of a tag.
 */
#include <string.h>

#include "apply-config/program.h"
#include "lib/utf8.h"

/* Whether code is white space to Python's regular expressions. */
static bool
is_space(uint32_t code)
{
	return (code >= 0x09 && code <= 0x0d) ||
	    (code >= 0x1c && code <= 0x20) || code == 0x85 || code == 0xa0 ||
	    code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
	    code == 0x2028 || code == 0x2029 || code == 0x202f ||
	    code == 0x205f || code == 0x3000;
}

size_t
scan_blanks(const struct scan *s, size_t at)
{
	while (at < s->len) {
		uint32_t code = (unsigned char)s->text[at];
		size_t n = 1;

		if (code > 0x20 && code < 0x80)
			break;
		if (code >= 0x80)
			n = utf8_decode(s->text + at, s->len - at, &code);
		if (!is_space(code))
			break;
		at += n;
	}
	return at;
}

/* The end of text from start to end without the blanks at its end. */
static size_t
trim(const struct scan *s, size_t start, size_t end)
{
	while (end > start) {
		size_t at = end - 1;
		uint32_t code;

		while (
		    at > start && ((unsigned char)s->text[at] & 0xc0) == 0x80)
			at--;
		if (at + utf8_decode(s->text + at, end - at, &code) != end ||
		    !is_space(code))
			break;
		end = at;
	}
	return end;
}

size_t
scan_newline(const struct scan *s, size_t at)
{
	if (at < s->len && s->text[at] == '\r')
		at++;
	if (at < s->len && s->text[at] == '\n')
		at++;
	return at;
}

static bool
closes(const struct scan *s, size_t at)
{
	const struct delimiters *d = &s->delimiters;

	return s->len - at >= d->close_len &&
	    memcmp(s->text + at, d->close, d->close_len) == 0;
}

/* Where the closing delimiter next stands, or len. */
static size_t
find_close(const struct scan *s, size_t at)
{
	const struct delimiters *d = &s->delimiters;
	const char *p =
	    memmem(s->text + at, s->len - at, d->close, d->close_len);

	return p == NULL ? s->len : (size_t)(p - s->text);
}

/*
 * For {{{name}}} and {{=a b=}}: find the byte mark, blanks and the closing
 * delimiter on this line, after at least one byte of name.  *none keeps the
 * search from being repeated in a line that has no such end.
 */
static bool
find_mark(const struct scan *s, size_t start, char mark, size_t *none,
    size_t *name_end, size_t *end)
{
	size_t at = start;

	if (start < *none)
		return false;
	while (at < s->len && s->text[at] != '\n') {
		size_t after;

		if (s->text[at++] != mark || at == start + 1)
			continue;
		after = scan_blanks(s, at);
		if (!closes(s, after))
			continue;
		*name_end = at - 1;
		*end = after + s->delimiters.close_len;
		return true;
	}
	*none = at;
	return false;
}

static void
set_name(const struct scan *s, struct tag *t, size_t start, size_t end)
{
	t->name = s->text + start;
	t->len = trim(s, start, end) - start;
}

/* A tag that ends at the next closing delimiter; at is after its sigil. */
static int
plain_tag(struct scan *s, struct tag *t, size_t at, const char **what)
{
	size_t start = scan_blanks(s, at);
	size_t close = find_close(s, t->kind == TAG_COMMENT ? at : start);

	if (close == s->len)
		return 0;
	if (close == start && t->kind != TAG_COMMENT) {
		*what = "a tag without a name";
		return -1;
	}
	t->end = close + s->delimiters.close_len;
	set_name(s, t, start < close ? start : close, close);
	return 1;
}

/* Returns 1, 0 when no tag begins here, -1. */
static int
read_tag(struct scan *s, struct tag *t, const char **what)
{
	size_t at = t->begin + s->delimiters.open_len;
	size_t start = scan_blanks(s, at), name_end;
	char c = start < s->len ? s->text[start] : '\0';

	if (closes(s, start) && start == at)
		return 0;
	if (closes(s, start)) { /* blanks are a name that nothing has */
		t->kind = TAG_VALUE;
		t->name = s->text + at;
		t->len = start - at;
		t->end = start + s->delimiters.close_len;
		return 1;
	}
	if (c == '{' || c == '=') {
		size_t name = scan_blanks(s, start + 1);

		t->kind = c == '{' ? TAG_RAW : TAG_DELIMITERS;
		if (name < s->len &&
		    find_mark(s, name, c == '{' ? '}' : '=',
			c == '{' ? &s->no_brace : &s->no_equals, &name_end,
			&t->end)) {
			set_name(s, t, name, name_end);
			return 1;
		}
		if (c == '=' && find_close(s, start) != s->len) {
			*what = "delimiters do not end in '='";
			return -1;
		}
	}
	if (c != '\0' && strchr(s->extended ? "!>&/#^<$" : "!>&/#^", c)) {
		t->kind = (enum tag_kind)c;
		return plain_tag(s, t, start + 1, what);
	}
	t->kind = TAG_VALUE;
	return plain_tag(s, t, start, what);
}

/* How the tag stands on its line. */
static void
look_around(const struct scan *s, struct tag *t)
{
	size_t at = t->begin;

	while (
	    at > s->at && (s->text[at - 1] == ' ' || s->text[at - 1] == '\t'))
		at--;
	t->white = t->begin - at;
	t->line_start =
	    at == 0 || s->text[at - 1] == '\n' || s->text[at - 1] == '\r';
	t->line_end = t->end == s->len || s->text[t->end] == '\n' ||
	    s->text[t->end] == '\r';
}

int
scan_next(struct scan *s, struct tag *t, const char **what)
{
	const struct delimiters *d = &s->delimiters;
	size_t from = s->at;

	for (;;) {
		const char *p =
		    memmem(s->text + from, s->len - from, d->open, d->open_len);
		int r;

		if (p == NULL)
			return 0;
		t->begin = (size_t)(p - s->text);
		r = read_tag(s, t, what);
		if (r == -1)
			return -1;
		if (r == 1)
			break;
		if (find_close(s, t->begin) == s->len)
			return 0;
		from = t->begin + 1;
	}
	look_around(s, t);
	return 1;
}
