/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's document tree turned into values.  libyaml does no typing; the
 * patterns of YAML 1.1, in the form that PyYAML uses, are matched here.
 */
#include "lib/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

/* ---- plain scalars ----------------------------------------------------- */

static bool
is_one_of(const char *s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

/* How many leading characters of s are in set. */
static size_t
span(const char *s, const char *set)
{
	return strspn(s, set);
}

#define DIGITS "0123456789"
#define DIGITS_ DIGITS "_"

/* Copy without underscores. */
static char *
strip(const char *s)
{
	char *copy = mem_dup(s), *to = copy;

	for (; *s != '\0'; s++)
		if (*s != '_')
			*to++ = *s;
	*to = '\0';
	return copy;
}

/* An integer in base 2, 8 or 16, exact while it fits 64 bits. */
static struct value *
based(struct doc *d, const char *s, int base, bool negative)
{
	own_free char *digits = strip(s);
	unsigned long long n;
	char text[32];

	errno = 0;
	n = strtoull(digits, NULL, base);
	if (errno != 0)
		return NULL;
	snprintf(text, sizeof(text), "%s%llu", negative && n ? "-" : "", n);
	return value_number(d, text);
}

/* 190:20:30, as YAML 1.1 has it; fraction only in the last part. */
static struct value *
sexagesimal(struct doc *d, const char *s, bool negative)
{
	double n = 0;
	bool real = strchr(s, '.') != NULL;
	const char *at = s;

	for (;;) {
		own_free char *part = mem_dupn(at, strcspn(at, ":"));
		own_free char *clean = strip(part);

		n = n * 60 + strtod(clean, NULL);
		at += strlen(part);
		if (*at == '\0')
			break;
		at++;
	}
	if (negative)
		n = -n;
	if (real)
		return value_real(d, n);
	if (n > 9e15 || n < -9e15)
		return NULL;
	return value_int(d, (long long)n);
}

/* Each part after the first is one digit, or 0 to 5 and one digit. */
static bool
is_sexagesimal(const char *s, bool real)
{
	size_t n = span(s, DIGITS_);

	if (n == 0 || !isdigit((unsigned char)*s) || (!real && *s == '0'))
		return false;
	s += n;
	if (*s != ':')
		return false;
	while (*s == ':') {
		s++;
		n = span(s, DIGITS);
		if (n < 1 || n > 2 || (n == 2 && *s > '5'))
			return false;
		s += n;
	}
	if (!real)
		return *s == '\0';
	if (*s++ != '.')
		return false;
	return s[span(s, DIGITS_)] == '\0';
}

static struct value *
integer(struct doc *d, const char *s)
{
	bool negative = *s == '-';

	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '0' && s[1] == 'b' && s[2] != '\0' &&
	    s[2 + span(s + 2, "01_")] == '\0')
		return based(d, s + 2, 2, negative);
	if (s[0] == '0' && s[1] == 'x' && s[2] != '\0' &&
	    s[2 + span(s + 2, DIGITS_ "abcdefABCDEF")] == '\0')
		return based(d, s + 2, 16, negative);
	if (s[0] == '0' && s[1] != '\0' && s[span(s, "01234567_")] == '\0')
		return based(d, s, 8, negative);
	if (strcmp(s, "0") == 0)
		return value_int(d, 0);
	if (*s >= '1' && *s <= '9' && s[span(s, DIGITS_)] == '\0') {
		own_free char *digits = strip(s);
		own_free char *text =
		    mem_printf("%s%s", negative ? "-" : "", digits);

		return value_number(d, text);
	}
	if (is_sexagesimal(s, false))
		return sexagesimal(d, s, negative);
	return NULL;
}

/* Digits, a point, digits, a signed exponent; or a point and digits. */
static bool
is_real(const char *s)
{
	bool whole = isdigit((unsigned char)*s);

	if (whole)
		s += span(s, DIGITS_);
	if (*s++ != '.')
		return false;
	if (!whole && *s == '\0')
		return false;
	if (!whole && !isdigit((unsigned char)*s) && *s != '_')
		return false;
	s += span(s, DIGITS_);
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s != '+' && *s != '-')
			return false;
		s++;
		if (!isdigit((unsigned char)*s))
			return false;
		s += span(s, DIGITS);
	}
	return *s == '\0';
}

static struct value *
real(struct doc *d, const char *s)
{
	static const char *const inf[] = { ".inf", ".Inf", ".INF", NULL };
	static const char *const nan[] = { ".nan", ".NaN", ".NAN", NULL };
	bool negative = *s == '-';
	own_free char *clean = NULL;

	if (is_one_of(s, nan))
		return value_number(d, "NaN");
	if (*s == '-' || *s == '+')
		s++;
	if (is_one_of(s, inf))
		return value_number(d, negative ? "-Infinity" : "Infinity");
	if (is_sexagesimal(s, true))
		return sexagesimal(d, s, negative);
	if (!is_real(s))
		return NULL;
	clean = strip(s);
	return value_real(
	    d, negative ? -strtod(clean, NULL) : strtod(clean, NULL));
}

struct value *
yaml_scalar(struct doc *d, const char *text, size_t len)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL",
		NULL };
	static const char *const yes[] = { "yes", "Yes", "YES", "true", "True",
		"TRUE", "on", "On", "ON", NULL };
	static const char *const no[] = { "no", "No", "NO", "false", "False",
		"FALSE", "off", "Off", "OFF", NULL };
	struct value *v = NULL;

	if (strlen(text) != len)
		return value_stringn(d, text, len);
	if (is_one_of(text, nulls))
		return value_null(d);
	if (is_one_of(text, yes))
		return value_bool(d, true);
	if (is_one_of(text, no))
		return value_bool(d, false);
	if (*text != '\0' && strchr("-+.0123456789", *text) != NULL) {
		v = integer(d, text);
		if (v == NULL)
			v = real(d, text);
	}
	return v != NULL ? v : value_stringn(d, text, len);
}

/* ---- nodes ------------------------------------------------------------- */

struct loader {
	struct doc *doc;
	yaml_document_t *yaml;
	const char *name;
	unsigned depth;
	size_t nodes;
	struct error *error;
};

static struct value *convert(struct loader *l, int id);

static void *
bad(struct loader *l, const yaml_node_t *n, const char *what)
{
	error_set(l->error, EINVAL, "%s:%zu:%zu: %s", l->name,
	    n->start_mark.line + 1, n->start_mark.column + 1, what);
	return NULL;
}

static struct value *
scalar(struct loader *l, const yaml_node_t *n)
{
	const char *text = (const char *)n->data.scalar.value;
	const char *tag = (const char *)n->tag;
	size_t len = n->data.scalar.length;
	bool plain = n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	/* libyaml gives untagged scalars, quoted or not, the tag str. */
	if (tag == NULL || strcmp(tag, YAML_STR_TAG) == 0)
		return plain ? yaml_scalar(l->doc, text, len)
			     : value_stringn(l->doc, text, len);
	if (strcmp(tag, YAML_NULL_TAG) == 0)
		return value_null(l->doc);
	if (strcmp(tag, YAML_BOOL_TAG) == 0 || strcmp(tag, YAML_INT_TAG) == 0 ||
	    strcmp(tag, YAML_FLOAT_TAG) == 0)
		return yaml_scalar(l->doc, text, len);
	return bad(l, n, "unknown tag");
}

static struct value *
sequence(struct loader *l, const yaml_node_t *n)
{
	struct value *list = value_list(l->doc);

	for (yaml_node_item_t *i = n->data.sequence.items.start;
	     i < n->data.sequence.items.top; i++) {
		struct value *v = convert(l, *i);

		if (v == NULL)
			return NULL;
		value_add(l->doc, list, v);
	}
	return list;
}

/* Keys of our maps are text; others are written as JSON writes them. */
static int
key_text(struct loader *l, int id, struct strbuf *text)
{
	struct value *v = convert(l, id);

	if (v == NULL)
		return -1;
	if (v->kind == VALUE_LIST || v->kind == VALUE_MAP) {
		bad(l, yaml_document_get_node(l->yaml, id),
		    "a list or map cannot be a key");
		return -1;
	}
	if (v->kind == VALUE_STRING)
		strbuf_add(text, v->text, v->len);
	else
		value_print(v, STYLE_UTF8, text);
	return 0;
}

/* Members of v that map does not have yet. */
static void
fill_in(struct loader *l, struct value *map, const struct value *v)
{
	for (uint32_t i = 0; i < v->len; i++) {
		const struct member *m = value_member(v, i);

		if (value_getn(map, m->name, m->len) == NULL)
			value_setn(l->doc, map, m->name, m->len, m->value);
	}
}

static int
merge_key(struct loader *l, const yaml_node_t *n, struct value *map, int id)
{
	struct value *v = convert(l, id);

	if (v == NULL)
		return -1;
	if (v->kind == VALUE_MAP) {
		fill_in(l, map, v);
		return 0;
	}
	if (v->kind != VALUE_LIST)
		return bad(l, n, "<< wants a map or a list of maps"), -1;
	for (uint32_t i = 0; i < v->len; i++) {
		if (v->items[i]->kind != VALUE_MAP)
			return bad(l, n, "<< wants a list of maps"), -1;
		fill_in(l, map, v->items[i]);
	}
	return 0;
}

static bool
is_merge(struct loader *l, int id)
{
	const yaml_node_t *k = yaml_document_get_node(l->yaml, id);

	return k->type == YAML_SCALAR_NODE && k->data.scalar.length == 2 &&
	    k->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    memcmp(k->data.scalar.value, "<<", 2) == 0;
}

static struct value *
mapping(struct loader *l, const yaml_node_t *n)
{
	struct value *map = value_map(l->doc);
	yaml_node_pair_t *start = n->data.mapping.pairs.start,
			 *top = n->data.mapping.pairs.top;

	for (yaml_node_pair_t *i = start; i < top; i++) {
		own(strbuf_clear) struct strbuf key = { 0 };
		struct value *v;

		if (is_merge(l, i->key))
			continue;
		if (key_text(l, i->key, &key) == -1 ||
		    (v = convert(l, i->value)) == NULL)
			return NULL;
		value_setn(l->doc, map, strbuf_text(&key), key.len, v);
	}
	for (yaml_node_pair_t *i = start; i < top; i++)
		if (is_merge(l, i->key) && merge_key(l, n, map, i->value) == -1)
			return NULL;
	return map;
}

/* Each node is converted as often as it is named, within the bounds. */
static struct value *
convert(struct loader *l, int id)
{
	const yaml_node_t *n = yaml_document_get_node(l->yaml, id);
	struct value *v = NULL;

	if (++l->nodes > LIMIT_YAML_NODES)
		return bad(l, n, "too many nodes");
	if (++l->depth > LIMIT_DOC_DEPTH)
		return bad(l, n, "nested too deeply");
	if (n->type == YAML_SCALAR_NODE)
		v = scalar(l, n);
	else if (n->type == YAML_SEQUENCE_NODE)
		v = sequence(l, n);
	else if (n->type == YAML_MAPPING_NODE)
		v = mapping(l, n);
	l->depth--;
	return v;
}

/* ---- documents --------------------------------------------------------- */

static int
parser_error(yaml_parser_t *p, const char *name, struct error *e)
{
	const char *what = p->problem != NULL ? p->problem : "invalid YAML";

	if (p->error == YAML_READER_ERROR)
		return error_set(e, EINVAL, "%s: byte %zu: %s", name,
		    p->problem_offset, what);
	return error_set(e, EINVAL, "%s:%zu:%zu: %s", name,
	    p->problem_mark.line + 1, p->problem_mark.column + 1, what);
}

static struct value *
convert_document(
    struct doc *d, yaml_document_t *yaml, const char *name, struct error *e)
{
	struct loader l = { .doc = d, .yaml = yaml, .name = name, .error = e };
	yaml_node_t *root = yaml_document_get_root_node(yaml);

	return root == NULL ? value_null(d) : convert(&l, 1);
}

/* Whether something other than the stream's end comes next. */
static int
expect_end(yaml_parser_t *p, const char *name, struct error *e)
{
	yaml_document_t next;
	bool more;

	if (!yaml_parser_load(p, &next))
		return parser_error(p, name, e);
	more = yaml_document_get_root_node(&next) != NULL;
	if (more)
		error_set(e, EINVAL, "%s:%zu: a second document", name,
		    next.start_mark.line + 1);
	yaml_document_delete(&next);
	return more ? -1 : 0;
}

struct value *
yaml_parse(struct doc *d, const char *text, size_t len, const char *name,
    struct error *e)
{
	own(yaml_parser_delete) yaml_parser_t parser = { 0 };
	yaml_document_t yaml;
	struct value *v;

	if (!yaml_parser_initialize(&parser)) {
		error_set(e, ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &yaml)) {
		parser_error(&parser, name, e);
		return NULL;
	}
	v = convert_document(d, &yaml, name, e);
	if (v != NULL && yaml_document_get_root_node(&yaml) != NULL &&
	    expect_end(&parser, name, e) == -1)
		v = NULL;
	yaml_document_delete(&yaml);
	return v;
}

struct value *
yaml_load(struct doc *d, int dir, const char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	if (file_read(dir, path, LIMIT_YAML_BYTES, &text, e) == -1)
		return NULL;
	return yaml_parse(d, strbuf_text(&text), text.len, path, e);
}
