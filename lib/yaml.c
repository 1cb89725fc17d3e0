/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events turned into values as they come.  libyaml does no typing:
 * yaml-scalar.c has it.
 */
#include "lib/yaml.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

struct loader {
	struct doc *doc;
	yaml_parser_t parser;
	yaml_event_t event; /* the one that is looked at */
	const char *name;
	struct value *anchors; /* a map: what &name stands for */
	unsigned depth;
	size_t nodes;
	struct error *error;
};

static struct value *node(struct loader *l);

static void *
bad_at(struct loader *l, yaml_mark_t at, const char *what)
{
	error_set(l->error, EINVAL, "%s:%zu:%zu: %s", l->name, at.line + 1,
	    at.column + 1, what);
	return NULL;
}

/* Fail at the event that is looked at. */
static void *
bad(struct loader *l, const char *what)
{
	return bad_at(l, l->event.start_mark, what);
}

static int
parser_error(struct loader *l)
{
	const yaml_parser_t *p = &l->parser;
	const char *what = p->problem != NULL ? p->problem : "invalid YAML";

	if (p->error == YAML_READER_ERROR)
		return error_set(l->error, EINVAL, "%s: byte %zu: %s", l->name,
		    p->problem_offset, what);
	bad_at(l, p->problem_mark, what);
	return -1;
}

/* Look at the next event. */
static int
next(struct loader *l)
{
	yaml_event_delete(&l->event);
	if (yaml_parser_parse(&l->parser, &l->event))
		return 0;
	l->event = (yaml_event_t){ 0 };
	return parser_error(l);
}

/* What a tag like !!int demands of a scalar, or NULL if it is not so. */
static struct value *
tagged(struct loader *l, const char *tag, const char *text, size_t len)
{
	struct value *v = yaml_scalar(l->doc, text, len);

	if (strcmp(tag, "!") == 0 || strcmp(tag, YAML_STR_TAG) == 0 ||
	    strcmp(tag, YAML_TIMESTAMP_TAG) == 0)
		return value_stringn(l->doc, text, len);
	if (strcmp(tag, YAML_NULL_TAG) == 0)
		return value_null(l->doc);
	if (strcmp(tag, YAML_BOOL_TAG) == 0)
		return v->kind == VALUE_BOOL ? v : NULL;
	if (strcmp(tag, YAML_INT_TAG) == 0)
		return value_is_int(v) ? v : NULL;
	if (strcmp(tag, YAML_FLOAT_TAG) == 0 && v->kind == VALUE_NUMBER)
		return value_is_int(v) ? value_real(l->doc, value_to_real(v))
				       : v;
	return NULL;
}

static struct value *
scalar(struct loader *l)
{
	const char *text = (const char *)l->event.data.scalar.value;
	size_t len = l->event.data.scalar.length;
	const char *tag = (const char *)l->event.data.scalar.tag;
	struct value *v;

	if (l->event.data.scalar.plain_implicit)
		v = yaml_scalar(l->doc, text, len);
	else if (l->event.data.scalar.quoted_implicit || tag == NULL)
		v = value_stringn(l->doc, text, len);
	else
		v = tagged(l, tag, text, len);
	return v != NULL ? v : bad(l, "unknown tag, or not of its type");
}

/* The tags that change nothing. */
static bool
is_tagged_as(const yaml_char_t *tag, const char *usual)
{
	return tag == NULL || strcmp((const char *)tag, usual) == 0 ||
	    strcmp((const char *)tag, "!") == 0;
}

static struct value *
sequence(struct loader *l)
{
	struct value *list = value_list(l->doc);

	if (!is_tagged_as(l->event.data.sequence_start.tag, YAML_SEQ_TAG))
		return bad(l, "unknown tag");
	for (;;) {
		struct value *v;

		if (next(l) == -1)
			return NULL;
		if (l->event.type == YAML_SEQUENCE_END_EVENT)
			return list;
		v = node(l);
		if (v == NULL)
			return NULL;
		value_add(l->doc, list, v);
	}
}

/* Members of v that map does not have yet. */
static void
fill_in(struct loader *l, struct value *map, const struct value *v)
{
	for (uint32_t i = 0; i < v->len; i++) {
		const struct member m = value_member(v, i);

		if (value_getn(map, m.name, m.len) == NULL)
			value_setn(l->doc, map, m.name, m.len, m.value);
	}
}

/* Of several << the last counts most, of a list of maps the first. */
static void
merge_in(struct loader *l, struct value *map, const struct value *merges)
{
	for (uint32_t i = merges->len; i-- > 0;) {
		const struct value *v = merges->items[i];

		if (v->kind == VALUE_MAP)
			fill_in(l, map, v);
		else
			for (uint32_t k = 0; k < v->len; k++)
				fill_in(l, map, v->items[k]);
	}
}

static bool
can_merge(const struct value *v)
{
	if (v->kind != VALUE_LIST)
		return v->kind == VALUE_MAP;
	for (uint32_t i = 0; i < v->len; i++)
		if (v->items[i]->kind != VALUE_MAP)
			return false;
	return true;
}

static bool
is_merge(const struct loader *l)
{
	return l->event.type == YAML_SCALAR_EVENT &&
	    l->event.data.scalar.plain_implicit &&
	    l->event.data.scalar.length == 2 &&
	    memcmp(l->event.data.scalar.value, "<<", 2) == 0;
}

/* Keys of our maps are text; others are written as JSON writes them. */
static int
key_text(struct loader *l, struct strbuf *text)
{
	yaml_mark_t at = l->event.start_mark;
	const struct value *v = node(l);

	if (v == NULL)
		return -1;
	if (v->kind == VALUE_LIST || v->kind == VALUE_MAP)
		return bad_at(l, at, "a list or map cannot be a key"), -1;
	if (v->kind == VALUE_STRING)
		strbuf_add(text, v->text, v->len);
	else
		value_print(v, STYLE_UTF8, text);
	return 0;
}

/* A key, which is looked at, and its value. */
static int
member(struct loader *l, struct value *map, struct value *merges)
{
	own(strbuf_clear) struct strbuf key = { 0 };
	yaml_mark_t at = l->event.start_mark;
	bool merge = is_merge(l);
	struct value *v;

	if ((!merge && key_text(l, &key) == -1) || next(l) == -1)
		return -1;
	v = node(l);
	if (v == NULL)
		return -1;
	if (!merge)
		value_setn(l->doc, map, strbuf_text(&key), key.len, v);
	else if (can_merge(v))
		value_add(l->doc, merges, v);
	else
		return bad_at(l, at, "<< wants a map or a list of maps"), -1;
	return 0;
}

static struct value *
mapping(struct loader *l)
{
	struct value *map = value_map(l->doc), *merges = value_list(l->doc);

	if (!is_tagged_as(l->event.data.mapping_start.tag, YAML_MAP_TAG))
		return bad(l, "unknown tag");
	for (;;) {
		if (next(l) == -1)
			return NULL;
		if (l->event.type == YAML_MAPPING_END_EVENT)
			break;
		if (member(l, map, merges) == -1)
			return NULL;
	}
	merge_in(l, map, merges);
	return map;
}

/* Count what an alias brings in, as if it had been written out. */
static bool
fits(struct loader *l, const struct value *v, unsigned depth)
{
	if (++l->nodes > LIMIT_YAML_NODES || depth > LIMIT_DOC_DEPTH)
		return false;
	for (uint32_t i = 0; v->kind == VALUE_LIST && i < v->len; i++)
		if (!fits(l, v->items[i], depth + 1))
			return false;
	for (uint32_t i = 0; v->kind == VALUE_MAP && i < v->len; i++)
		if (!fits(l, value_member(v, i).value, depth + 1))
			return false;
	return true;
}

/* A copy, since a later merge may change one of the two. */
static struct value *
alias(struct loader *l)
{
	const struct value *v =
	    value_get(l->anchors, (const char *)l->event.data.alias.anchor);

	if (v == NULL)
		return bad(l, "no such anchor before this alias");
	if (!fits(l, v, l->depth))
		return bad(l, "aliases expand to too much");
	return value_copy(l->doc, v);
}

/* The node whose first event is looked at; afterwards its last one is. */
static struct value *
node(struct loader *l)
{
	const yaml_event_t *e = &l->event;
	own_free char *anchor = NULL;
	struct value *v = NULL;

	if (++l->nodes > LIMIT_YAML_NODES)
		return bad(l, "too many nodes");
	if (++l->depth > LIMIT_DOC_DEPTH)
		return bad(l, "nested too deeply");
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = mem_dup((const char *)e->data.scalar.anchor);
		v = scalar(l);
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = mem_dup((const char *)e->data.sequence_start.anchor);
		v = sequence(l);
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = mem_dup((const char *)e->data.mapping_start.anchor);
		v = mapping(l);
	} else if (e->type == YAML_ALIAS_EVENT) {
		v = alias(l);
	}
	l->depth--;
	if (v != NULL && anchor != NULL)
		value_set(l->doc, l->anchors, anchor, v);
	return v;
}

/* ---- documents --------------------------------------------------------- */

/* The one document of the stream. */
static struct value *
document(struct loader *l)
{
	struct value *v;

	if (next(l) == -1 || next(l) == -1) /* the stream's start, then this */
		return NULL;
	if (l->event.type == YAML_STREAM_END_EVENT)
		return value_null(l->doc);
	if (next(l) == -1)
		return NULL;
	v = node(l);
	if (v == NULL || next(l) == -1 || next(l) == -1)
		return NULL;
	if (l->event.type != YAML_STREAM_END_EVENT)
		return bad(l, "a second document");
	return v;
}

struct value *
yaml_parse(struct doc *d, const char *text, size_t len, const char *name,
    struct error *e)
{
	struct loader l = {
		.doc = d, .name = name, .anchors = value_map(d), .error = e
	};
	struct value *v;

	if (len > LIMIT_YAML_BYTES) {
		error_set(e, EFBIG, "%s: longer than %zu bytes", name,
		    LIMIT_YAML_BYTES);
		return NULL;
	}
	if (!yaml_parser_initialize(&l.parser))
		mem_exhausted();
	yaml_parser_set_input_string(
	    &l.parser, (const unsigned char *)text, len);
	v = document(&l);
	yaml_event_delete(&l.event);
	yaml_parser_delete(&l.parser);
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
