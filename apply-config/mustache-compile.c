/* SPDX-License-Identifier: Apache-2.0 */
/* Text to programs, in one pass over the tags with a stack of open ones. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apply-config/program.h"
#include "apply-config/secrets.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"

/* A section, block or parent whose end has not come yet. */
struct open_tag {
	enum tag_kind kind;
	const char *name;
	size_t len;
	size_t begin;
	uint32_t node; /* index, or NO_NODE where nothing is kept */
	size_t content; /* where what is inside begins */
	struct delimiters delimiters; /* in force there */
	bool alone; /* the tag had its line for itself */
};

#define NO_NODE UINT32_MAX

/* A name that was split before; len 0: none. */
struct seen {
	uint32_t at, len;
	uint32_t part;
	uint16_t parts;
};

#define SEEN 64

struct compiler {
	struct program *p;
	struct scan scan;
	struct open_tag *open; /* LIMIT_TEMPLATE_DEPTH of them */
	unsigned depth;
	unsigned mute; /* open tags within which no node is made */
	struct seen seen[SEEN];
	struct error *error;
};

/* ---- nodes ------------------------------------------------------------- */

static struct node *
node_add(struct compiler *c, enum node_kind kind, size_t at)
{
	struct program *p = c->p;
	struct node *n;

	p->nodes = mem_grow(p->nodes, &p->cap, p->count + 1, sizeof(*p->nodes));
	n = &p->nodes[p->count++];
	*n = (struct node){ .kind = (uint8_t)kind,
		.at = (uint32_t)at,
		.next = (uint32_t)p->count };
	return n;
}

static void
text_add(struct compiler *c, size_t from, size_t to)
{
	struct node *n;

	if (from >= to || c->mute > 0)
		return;
	n = node_add(c, NODE_TEXT, from);
	n->len = (uint32_t)(to - from);
}

static void
part_add(struct compiler *c, const char *s, size_t len)
{
	struct program *p = c->p;

	p->parts = mem_grow(
	    p->parts, &p->part_cap, p->part_count + 1, sizeof(*p->parts));
	p->parts[p->part_count++] = (struct part){
		.at = (uint32_t)(s - p->text),
		.len = (uint32_t)len,
		.hash = value_hash(s, len),
		.secret = secrets_match(p->body->dialect.secrets, s, len),
	};
}

/*
 * Split a dotted name; "." itself has no parts.  Returns the first part's
 * index.  A name that was the last of its hash to be seen is not split again.
 */
static uint32_t
name_split(struct compiler *c, const char *s, size_t len, uint16_t *parts)
{
	struct program *p = c->p;
	struct seen *seen = &c->seen[value_hash(s, len) % SEEN];
	const char *end = s + len;

	*parts = 0;
	if (len == 1 && *s == '.')
		return 0;
	if (seen->len == len && memcmp(p->text + seen->at, s, len) == 0) {
		*parts = seen->parts;
		return seen->part;
	}
	*seen = (struct seen){ .at = (uint32_t)(s - p->text),
		.len = (uint32_t)len,
		.part = (uint32_t)p->part_count };
	while (*parts < UINT16_MAX) {
		const char *dot = memchr(s, '.', (size_t)(end - s));

		part_add(c, s, (size_t)((dot != NULL ? dot : end) - s));
		++*parts;
		if (dot == NULL)
			break;
		s = dot + 1;
	}
	seen->parts = *parts;
	return seen->part;
}

static const enum node_kind kind_of[] = {
	[TAG_VALUE] = NODE_VALUE,
	[TAG_RAW] = NODE_RAW,
	[TAG_SECTION] = NODE_SECTION,
	[TAG_INVERTED] = NODE_INVERTED,
	[TAG_PARTIAL] = NODE_PARTIAL,
	[TAG_PARENT] = NODE_PARENT,
	[TAG_BLOCK] = NODE_BLOCK,
};

/* A partial or parent: its name is as it is, or looked up after a '*'. */
static void
partial_add(struct compiler *c, struct node *n, const struct tag *t)
{
	struct program *p = c->p;
	struct partial_tag tag = { .name = t->name,
		.len = (uint32_t)t->len,
		.first = (uint32_t)p->argument_count };
	struct scan s = { .text = t->name, .len = t->len };

	if (t->kind == TAG_PARTIAL && t->line_start && t->line_end)
		tag.white = (uint32_t)t->white;
	if (c->scan.extended && t->len > 1 && *t->name == '*') {
		size_t skip = scan_blanks(&s, 1);

		tag.dynamic = true;
		tag.part =
		    name_split(c, t->name + skip, t->len - skip, &tag.parts);
	}
	p->partials = mem_grow(p->partials, &p->partial_cap,
	    p->partial_count + 1, sizeof(*p->partials));
	n->more = (uint32_t)p->partial_count;
	p->partials[p->partial_count++] = tag;
}

/* What replaces a block is indented as its tag is; see block_close(). */
static void
block_add(struct compiler *c, struct node *n, const struct tag *t)
{
	struct program *p = c->p;
	struct block b = { .name = t->name,
		.len = (uint32_t)t->len,
		.indent = p->text + t->begin - t->white,
		.indent_len = t->line_start ? (uint32_t)t->white : 0,
		.inside = !(t->line_start && t->line_end) };

	p->blocks =
	    mem_grow(p->blocks, &p->block_cap, p->block_count + 1, sizeof(b));
	n->more = (uint32_t)p->block_count;
	p->blocks[p->block_count++] = b;
}

static struct node *
tag_node(struct compiler *c, const struct tag *t)
{
	struct node *n;

	if (c->mute > 0)
		return NULL;
	n = node_add(c, kind_of[t->kind], t->begin);
	if (t->kind == TAG_PARTIAL || t->kind == TAG_PARENT)
		partial_add(c, n, t);
	else if (t->kind == TAG_BLOCK)
		block_add(c, n, t);
	else
		n->part = name_split(c, t->name, t->len, &n->parts);
	return n;
}

/* ---- opening ----------------------------------------------------------- */

/* Whether the innermost open tag is a parent's that counts. */
static bool
in_parent(const struct compiler *c)
{
	return c->mute == 1 && c->depth > 0 &&
	    c->open[c->depth - 1].kind == TAG_PARENT;
}

static int
tag_open(struct compiler *c, const struct tag *t, size_t content)
{
	struct node *n;
	struct open_tag *o;

	if (c->depth == LIMIT_TEMPLATE_DEPTH)
		return program_error(c->p, (uint32_t)t->begin, c->error,
		    "nested more than %d deep", LIMIT_TEMPLATE_DEPTH);
	n = tag_node(c, t);
	o = &c->open[c->depth];
	*o = (struct open_tag){ .kind = t->kind,
		.name = t->name,
		.len = t->len,
		.begin = t->begin,
		.node = n == NULL ? NO_NODE : (uint32_t)(n - c->p->nodes),
		.content = content,
		.delimiters = c->scan.delimiters,
		.alone = t->line_start && t->line_end };
	/* All in a parent but its blocks is passed over. */
	if (c->mute > 0 || t->kind == TAG_PARENT)
		c->mute++;
	if (c->mute > 0 && t->kind == TAG_BLOCK)
		o->content =
		    t->line_end ? scan_newline(&c->scan, t->end) : t->end;
	c->depth++;
	return 0;
}

/* ---- closing ----------------------------------------------------------- */

/* How many blanks s begins with. */
static size_t
blanks(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (s[i] == ' ' || s[i] == '\t'))
		i++;
	return i;
}

/* Copy lines without the indentation that the first one has. */
static char *
dedent(const char *s, size_t n, bool lines, size_t *len)
{
	char *text = mem_resize(NULL, n + 1, 1), *to = text;
	size_t margin = lines ? blanks(s, n) : 0;
	const char *first = s, *end = s + n;

	while (s < end) {
		const char *lf = memchr(s, '\n', (size_t)(end - s));
		const char *stop = lf == NULL ? end : lf + 1;
		size_t skip = 0;

		while (
		    skip < margin && s + skip < stop && s[skip] == first[skip])
			skip++;
		memcpy(to, s + skip, (size_t)(stop - s) - skip);
		to += (size_t)(stop - s) - skip;
		s = stop;
	}
	*to = '\0';
	*len = (size_t)(to - text);
	return text;
}

/* A block right inside a parent that counts: keep its text for later. */
static void
argument_add(struct compiler *c, const struct open_tag *o, const struct tag *t)
{
	struct program *p = c->p;
	struct argument *a = mem_alloc(sizeof(*a));
	struct place place = program_place(p, (uint32_t)o->content);
	size_t end = t->line_start ? t->begin - t->white : t->begin;
	bool lines = o->content > 0 && p->text[o->content - 1] == '\n';

	if (end < o->content)
		end = o->content;
	a->name = o->name;
	a->len = (uint32_t)o->len;
	a->body = (struct body){ .name = p->body->name,
		.line = place.line,
		.column = place.column,
		.delimiters = o->delimiters,
		.dialect = p->body->dialect };
	a->body.text =
	    dedent(p->text + o->content, end - o->content, lines, &a->body.len);
	p->arguments = mem_grow(p->arguments, &p->argument_cap,
	    p->argument_count + 1, sizeof(struct argument *));
	p->arguments[p->argument_count++] = a;
}

/* A block's replacement is indented as its default content is. */
static void
block_close(struct compiler *c, const struct open_tag *o, const struct tag *t)
{
	struct program *p = c->p;
	struct block *b = &p->blocks[p->nodes[o->node].more];

	if (!o->alone || o->content >= t->begin - t->white)
		return;
	b->indent = p->text + o->content;
	b->indent_len = (uint32_t)blanks(b->indent, t->begin - o->content);
}

/*
 * A parent stands alone when nothing is before its first tag and after its
 * last: the blanks before it, added as text meanwhile, are its indentation,
 * and the end of the line goes.
 */
static void
parent_close(struct compiler *c, const struct open_tag *o, const struct tag *t,
    size_t *end)
{
	struct program *p = c->p;
	struct partial_tag *parent = &p->partials[p->nodes[o->node].more];
	size_t at = o->begin;

	parent->count = (uint32_t)p->argument_count - parent->first;
	while (at > 0 && (p->text[at - 1] == ' ' || p->text[at - 1] == '\t'))
		at--;
	if (!t->line_end ||
	    (at > 0 && p->text[at - 1] != '\n' && p->text[at - 1] != '\r'))
		return;
	*end = scan_newline(&c->scan, t->end);
	parent->white = (uint32_t)(o->begin - at);
	if (parent->white > 0)
		p->nodes[o->node - 1].len -= parent->white;
}

static int
tag_close(struct compiler *c, const struct tag *t, size_t *end)
{
	struct program *p = c->p;
	struct open_tag *o;

	if (c->depth == 0)
		return program_error(p, (uint32_t)t->begin, c->error,
		    "Section end tag mismatch: none is open");
	o = &c->open[c->depth - 1];
	if (o->len != t->len || memcmp(o->name, t->name, t->len) != 0)
		return program_error(p, (uint32_t)t->begin, c->error,
		    "Section end tag mismatch: %.*s != %.*s", (int)t->len,
		    t->name, (int)o->len, o->name);
	c->depth--;
	if (c->mute > 0)
		c->mute--;
	if (o->kind == TAG_BLOCK && in_parent(c))
		argument_add(c, o, t);
	if (o->node == NO_NODE)
		return 0;
	if (o->kind == TAG_BLOCK)
		block_close(c, o, t);
	if (o->kind == TAG_PARENT)
		parent_close(c, o, t, end);
	p->nodes[o->node].next = (uint32_t)p->count;
	return 0;
}

/* ---- the pass ---------------------------------------------------------- */

/* {{=<% %>=}}: two words without blanks or '=' in them. */
static int
set_delimiters(struct compiler *c, const struct tag *t)
{
	struct delimiters *d = &c->scan.delimiters;
	const char *s = t->name, *end = t->name + t->len, *mid = s, *close;

	while (mid < end && *mid != ' ' && *mid != '\t')
		mid++;
	close = mid + blanks(mid, (size_t)(end - mid));
	if (mid == end || mid - s > DELIMITER_MAX ||
	    end - close > DELIMITER_MAX ||
	    memchr(close, ' ', (size_t)(end - close)) != NULL)
		return program_error(c->p, (uint32_t)t->begin, c->error,
		    "wants two delimiters of at most %d bytes", DELIMITER_MAX);
	d->open_len = (uint8_t)(mid - s);
	d->close_len = (uint8_t)(end - close);
	memcpy(d->open, s, d->open_len);
	memcpy(d->close, close, d->close_len);
	c->scan.no_brace = c->scan.no_equals = 0;
	return 0;
}

/* Act on a tag; *end is where the text after it begins. */
static int
take_tag(struct compiler *c, const struct tag *t, size_t *end)
{
	switch (t->kind) {
	case TAG_COMMENT:
		return 0;
	case TAG_DELIMITERS:
		return set_delimiters(c, t);
	case TAG_SECTION:
	case TAG_INVERTED:
	case TAG_PARENT:
	case TAG_BLOCK:
		return tag_open(c, t, *end);
	case TAG_CLOSE:
		return tag_close(c, t, end);
	default:
		tag_node(c, t);
		return 0;
	}
}

static int
compile(struct compiler *c)
{
	struct scan *s = &c->scan;
	struct tag t;
	const char *what;
	int r;

	while ((r = scan_next(s, &t, &what)) == 1) {
		bool alone = t.line_start && t.line_end &&
		    t.kind != TAG_VALUE && t.kind != TAG_RAW &&
		    t.kind != TAG_PARENT;
		size_t end = alone ? scan_newline(s, t.end) : t.end;

		text_add(c, s->at, alone ? t.begin - t.white : t.begin);
		if (take_tag(c, &t, &end) == -1)
			return -1;
		s->at = end;
	}
	if (r == -1)
		return program_error(
		    c->p, (uint32_t)t.begin, c->error, "%s", what);
	text_add(c, s->at, s->len);
	if (c->depth > 0)
		return program_error(c->p,
		    (uint32_t)c->open[c->depth - 1].begin, c->error,
		    "is not closed");
	return 0;
}

int
program_compile(struct program *p, struct error *e)
{
	struct open_tag open[LIMIT_TEMPLATE_DEPTH];
	struct compiler c = { .p = p, .open = open, .error = e };

	if (p->len > LIMIT_TEMPLATE_BYTES)
		return error_set(e, EFBIG, "%s: longer than %zu bytes",
		    p->body->name, LIMIT_TEMPLATE_BYTES);
	c.scan = (struct scan){ .text = p->text,
		.len = p->len,
		.delimiters = p->body->delimiters,
		.extended = p->body->dialect.extended };
	return compile(&c);
}
