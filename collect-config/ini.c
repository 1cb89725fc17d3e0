/* SPDX-License-Identifier: Apache-2.0 */
/* oslo.config's line rules, one line at a time. */
#include "collect-config/ini.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

struct parser {
	const char *name;
	unsigned line;
	ini_assign *assign;
	void *ctx;
	char *section; /* NULL before the first one */
	char *key; /* of an assignment that may go on, or NULL */
	struct strbuf value;
};

static void
parser_clear(struct parser *p)
{
	free(p->section);
	free(p->key);
	strbuf_clear(&p->value);
}

static int
wrong(const struct parser *p, const char *what, struct error *e)
{
	return error_set(e, 0, "%s:%u: %s", p->name, p->line, what);
}

static bool
is_blank(char c)
{
	return isspace((unsigned char)c) || (c >= 0x1c && c <= 0x1f);
}

/* Narrow *s and *n to what stands between blanks. */
static void
trim(const char **s, size_t *n)
{
	while (*n > 0 && is_blank((*s)[*n - 1]))
		--*n;
	while (*n > 0 && is_blank(**s)) {
		++*s;
		--*n;
	}
}

/* Hand the assignment over, if one is open. */
static int
flush(struct parser *p, struct error *e)
{
	int r;

	if (p->key == NULL)
		return 0;
	if (p->section == NULL)
		return wrong(p, "assignment before any [section]", e);
	r = p->assign(p->ctx, p->section, p->key, strbuf_text(&p->value), e);
	free(take(p->key));
	return r == -1 ? error_prefix(e, "%s:%u", p->name, p->line) : 0;
}

static int
section_line(struct parser *p, const char *s, size_t n, struct error *e)
{
	if (s[n - 1] != ']')
		return wrong(p, "a section must end with ]", e);
	if (n <= 2)
		return wrong(p, "empty section name", e);
	free(p->section);
	p->section = mem_dupn(s + 1, n - 2);
	if (strcmp(p->section, "DEFAULT") != 0)
		for (char *c = p->section; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
	return 0;
}

static int
assignment_line(struct parser *p, const char *s, size_t n, struct error *e)
{
	size_t at = 0, key_len, value_len;
	const char *value;

	while (at < n && s[at] != '=' && s[at] != ':')
		at++;
	if (at == n)
		return wrong(p, "no ':' or '=' in this line", e);
	value = s + at + 1;
	value_len = n - at - 1;
	key_len = at;
	trim(&s, &key_len);
	trim(&value, &value_len);
	if (key_len == 0)
		return wrong(p, "empty key", e);
	if (value_len > 0 && (*value == '"' || *value == '\'') &&
	    value[value_len - 1] == *value) {
		value_len -= value_len > 1 ? 2 : 1;
		value++;
	}
	p->key = mem_dupn(s, key_len);
	strbuf_cut(&p->value, 0);
	strbuf_add(&p->value, value, value_len);
	return 0;
}

static int
one_line(struct parser *p, const char *s, size_t n, struct error *e)
{
	while (n > 0 && is_blank(s[n - 1]))
		n--;
	if (n == 0)
		return flush(p, e);
	if (*s == ' ' || *s == '\t') {
		if (p->key == NULL)
			return wrong(p, "unexpected continuation line", e);
		trim(&s, &n);
		strbuf_putc(&p->value, '\n');
		strbuf_add(&p->value, s, n);
		return 0;
	}
	if (flush(p, e) == -1)
		return -1;
	if (*s == '[')
		return section_line(p, s, n, e);
	if (*s == '#' || *s == ';')
		return 0;
	return assignment_line(p, s, n, e);
}

int
ini_parse(const char *text, size_t len, const char *name, ini_assign *assign,
    void *ctx, struct error *e)
{
	own(parser_clear) struct parser p = {
		.name = name, .assign = assign, .ctx = ctx
	};
	const char *at = text, *end = text + len;

	if (len > 0 && memchr(text, '\0', len) != NULL)
		return error_set(e, 0, "%s: holds a NUL byte", name);
	while (at < end) {
		const char *stop = at;

		while (stop < end && *stop != '\n' && *stop != '\r')
			stop++;
		p.line++;
		if (one_line(&p, at, (size_t)(stop - at), e) == -1)
			return -1;
		if (end - stop > 1 && stop[0] == '\r' && stop[1] == '\n')
			stop++;
		at = stop + 1;
	}
	return flush(&p, e);
}
