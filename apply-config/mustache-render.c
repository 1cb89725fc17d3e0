/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs and a tree to text.  Recursion follows the nesting of sections,
 * partials and blocks, which is bounded together; so is the work.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apply-config/program.h"
#include "apply-config/reads.h"
#include "apply-config/secrets.h"
#include "apply-config/values.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/utf8.h"

#define STEPS_PER_NODE 4 /* a look into a frame is one */

/* A value on the context stack, or one that was looked up. */
struct frame {
	const struct value *value; /* NULL: not found */
	uint32_t place; /* of the reads, or READS_NONE */
	bool secret;
};

/* The arguments that a parent tag passes. */
struct scope {
	const struct program *program;
	const struct partial_tag *parent;
};

struct render {
	struct mustache_job *job;
	struct strbuf *out;
	size_t limit; /* of out->len */
	struct frame *frames; /* LIMIT_TEMPLATE_DEPTH + 1 of them */
	unsigned depth; /* in use */
	struct scope *scopes; /* LIMIT_TEMPLATE_DEPTH of them */
	unsigned scope_count;
	unsigned nesting;
	unsigned long steps, most_steps;
	const struct secrets *secrets;
	struct error *error;
};

static int
render(struct render *r, const struct program *p, uint32_t from, uint32_t to);

static int
too_deep(const struct render *r, const struct program *p, uint32_t at)
{
	return program_error(
	    p, at, r->error, "nested more than %d deep", LIMIT_TEMPLATE_DEPTH);
}

/* ---- names ------------------------------------------------------------- */

/* The member of a map, or, where that is allowed, the item of a list. */
static const struct value *
step(const struct render *r, const struct value *v, const char *s,
    const struct part *part)
{
	if (v->kind == VALUE_LIST && r->job->indexes)
		return values_item(v, s, part->len);
	return value_get_hashed(v, s, part->len, part->hash);
}

/* The innermost frame that has a member of that name. */
static struct frame
find_first(struct render *r, const char *s, const struct part *part)
{
	struct reads *reads = r->job->reads;
	struct frame found = { .place = READS_NONE };

	for (unsigned i = r->depth; i-- > 0;) {
		const struct frame *f = &r->frames[i];

		r->steps++;
		if (f->value->kind != VALUE_MAP)
			continue;
		found.place =
		    reads_child(reads, f->place, s, part->len, part->hash);
		found.value =
		    value_get_hashed(f->value, s, part->len, part->hash);
		found.secret = f->secret || part->secret;
		if (found.value != NULL)
			return found;
		reads_mark(reads, found.place, READ_SHAPE);
	}
	return found;
}

/*
 * The first part of a name is looked for in all frames, the others only in
 * what it names.  When one of those is missing, the result depends on the
 * first part's being there as well.
 */
static struct frame
find(struct render *r, const struct program *p, uint32_t at, uint16_t parts)
{
	const struct part *part = &p->parts[at];
	struct reads *reads = r->job->reads;
	struct frame found;
	uint32_t first;

	if (parts == 0)
		return r->frames[r->depth - 1];
	found = find_first(r, p->text + part->at, part);
	first = found.place;
	for (unsigned i = 1; i < parts && found.value != NULL; i++) {
		const char *s = p->text + (++part)->at;

		if (found.value->kind == VALUE_LIST)
			reads_mark(reads, found.place, READ_VALUE);
		found.value = step(r, found.value, s, part);
		found.place =
		    reads_child(reads, found.place, s, part->len, part->hash);
		found.secret |= part->secret != 0;
		if (found.value == NULL) {
			reads_mark(reads, first, READ_SHAPE);
			reads_mark(reads, found.place, READ_SHAPE);
		}
	}
	if (found.secret && found.value != NULL && values_truth(found.value))
		r->job->secret = true;
	return found;
}

/*
 * In strict rendering, note a name that nothing has, once.  Only a text with
 * more than one indentation has nodes that stand in the same place.
 */
static void
note_missing(struct render *r, const struct program *p, const struct node *n)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	if (r->job->missing == NULL || n->missed)
		return;
	p->nodes[n - p->nodes].missed = true;
	program_tell(p, n->at, &b);
	if (p->body->count <= 1 ||
	    !strlist_has(r->job->missing, strbuf_text(&b)))
		strlist_take(r->job->missing, strbuf_take(&b));
}

/* ---- values ------------------------------------------------------------ */

static void
add_escaped(struct strbuf *out, const char *s, size_t n)
{
	const char *end = s + n, *run = s;

	for (; s < end; s++) {
		const char *to = *s == '&' ? "&amp;"
		    : *s == '<'		   ? "&lt;"
		    : *s == '>'		   ? "&gt;"
		    : *s == '"'		   ? "&quot;"
		    : *s == '\''	   ? "&#39;"
					   : NULL;

		if (to == NULL)
			continue;
		strbuf_add(out, run, (size_t)(s - run));
		strbuf_puts(out, to);
		run = s + 1;
	}
	strbuf_add(out, run, (size_t)(end - run));
}

static void
add_value(struct render *r, const struct value *v, bool escape)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	if (v->kind == VALUE_NULL)
		return;
	if (v->kind == VALUE_STRING && !escape) {
		strbuf_add(r->out, v->text, v->len);
	} else if (v->kind == VALUE_STRING) {
		add_escaped(r->out, v->text, v->len);
	} else if (!escape || v->kind < VALUE_STRING) {
		value_print(v, STYLE_PYTHON, r->out);
	} else {
		value_print(v, STYLE_PYTHON, &b);
		add_escaped(r->out, strbuf_text(&b), b.len);
	}
}

static void
render_value(struct render *r, const struct program *p, const struct node *n)
{
	struct frame f = find(r, p, n->part, n->parts);
	size_t start = r->out->len;

	if (f.value == NULL) {
		note_missing(r, p, n);
		return;
	}
	reads_mark(r->job->reads, f.place, READ_VALUE);
	add_value(r, f.value, r->job->html && n->kind == NODE_VALUE);
	if (!f.secret && f.value->kind > VALUE_STRING &&
	    secrets_within(r->secrets, f.value))
		r->job->secret = f.secret = true;
	if (f.secret && r->job->spans != NULL && r->out->len > start)
		spans_add(r->job->spans, start, r->out->len - start);
}

/* ---- sections ---------------------------------------------------------- */

/* Render what is inside n with f as the innermost frame. */
static int
render_inside(struct render *r, const struct program *p, const struct node *n,
    struct frame f)
{
	int result;

	r->frames[r->depth++] = f;
	result = render(r, p, (uint32_t)(n - p->nodes) + 1, n->next);
	r->depth--;
	return result;
}

static int
render_section(struct render *r, const struct program *p, const struct node *n)
{
	struct frame f = find(r, p, n->part, n->parts);
	const struct value *v = f.value;

	if (v == NULL)
		return 0;
	reads_mark(r->job->reads, f.place,
	    v->kind == VALUE_LIST ? READ_VALUE : READ_SHAPE);
	if (!values_truth(v))
		return 0;
	if (v->kind != VALUE_LIST)
		return render_inside(r, p, n, f);
	for (uint32_t i = 0; i < v->len; i++) {
		struct frame item = { .value = v->items[i],
			.place = READS_NONE,
			.secret = f.secret };

		if (render_inside(r, p, n, item) == -1)
			return -1;
	}
	return 0;
}

static int
render_inverted(struct render *r, const struct program *p, const struct node *n)
{
	struct frame f = find(r, p, n->part, n->parts);

	if (f.value != NULL)
		reads_mark(r->job->reads, f.place, READ_SHAPE);
	if (f.value != NULL && values_truth(f.value))
		return 0;
	return render(r, p, (uint32_t)(n - p->nodes) + 1, n->next);
}

/* ---- partials, parents and blocks --------------------------------------- */

/* Render what the tag n of p stands for. */
static int
render_other(struct render *r, const struct program *p, const struct node *n,
    const struct program *other)
{
	if (r->nesting == LIMIT_TEMPLATE_DEPTH)
		return too_deep(r, p, n->at);
	return render(r, other, 0, (uint32_t)other->count);
}

/* The template that a tag names; *m is NULL when there is none. */
static int
find_partial(struct render *r, const struct program *p, const struct node *n,
    struct mustache **m)
{
	const struct partial_tag *tag = &p->partials[n->more];
	const char *name = tag->name;
	size_t len = tag->len;

	*m = NULL;
	if (tag->dynamic) {
		struct frame f = find(r, p, tag->part, tag->parts);

		if (f.value != NULL)
			reads_mark(r->job->reads, f.place, READ_VALUE);
		if (f.value == NULL || f.value->kind != VALUE_STRING) {
			note_missing(r, p, n);
			return 0;
		}
		name = f.value->text;
		len = f.value->len;
	}
	if (r->job->partial != NULL &&
	    r->job->partial(r->job->ctx, name, len, m, r->error) == -1) {
		own(strbuf_clear) struct strbuf b = { 0 };

		program_tell(p, n->at, &b);
		return error_prefix(r->error, "%s", strbuf_text(&b));
	}
	if (*m == NULL)
		note_missing(r, p, n);
	return 0;
}

static int
render_partial(struct render *r, const struct program *p, const struct node *n)
{
	uint32_t white = p->partials[n->more].white;
	const char *indent = p->text + n->at - white;
	struct mustache *m;
	struct program *other;

	if (find_partial(r, p, n, &m) == -1)
		return -1;
	if (m == NULL)
		return 0;
	other = program_get(&m->body, indent, white, false, r->error);
	return other == NULL ? -1 : render_other(r, p, n, other);
}

static int
render_parent(struct render *r, const struct program *p, const struct node *n)
{
	int result;

	if (r->scope_count == LIMIT_TEMPLATE_DEPTH)
		return program_error(p, n->at, r->error, "nested too deeply");
	r->scopes[r->scope_count++] =
	    (struct scope){ .program = p, .parent = &p->partials[n->more] };
	result = render_partial(r, p, n);
	r->scope_count--;
	return result;
}

/* The outermost template that replaces a block wins. */
static struct argument *
find_argument(const struct render *r, const struct block *b)
{
	for (unsigned i = 0; i < r->scope_count; i++) {
		const struct scope *s = &r->scopes[i];

		for (uint32_t k = 0; k < s->parent->count; k++) {
			struct argument *a =
			    s->program->arguments[s->parent->first + k];

			if (a->len == b->len &&
			    memcmp(a->name, b->name, b->len) == 0)
				return a;
		}
	}
	return NULL;
}

static int
render_block(struct render *r, const struct program *p, const struct node *n)
{
	const struct block *b = &p->blocks[n->more];
	struct argument *a = find_argument(r, b);
	struct program *other;

	if (a == NULL)
		return render(r, p, (uint32_t)(n - p->nodes) + 1, n->next);
	other = program_get(
	    &a->body, b->indent, b->indent_len, b->inside, r->error);
	return other == NULL ? -1 : render_other(r, p, n, other);
}

/* ---- the walk ---------------------------------------------------------- */

static int
render_node(struct render *r, const struct program *p, const struct node *n)
{
	switch (n->kind) {
	case NODE_TEXT:
		strbuf_add(r->out, p->text + n->at, n->len);
		return 0;
	case NODE_VALUE:
	case NODE_RAW:
		render_value(r, p, n);
		return 0;
	case NODE_SECTION:
		return render_section(r, p, n);
	case NODE_INVERTED:
		return render_inverted(r, p, n);
	case NODE_PARTIAL:
		return render_partial(r, p, n);
	case NODE_PARENT:
		return render_parent(r, p, n);
	default:
		return render_block(r, p, n);
	}
}

/* Count work, and see that neither it nor the text grows without end. */
static int
count_step(struct render *r, const struct program *p, uint32_t at)
{
	r->steps += STEPS_PER_NODE;
	if (r->steps > r->most_steps)
		return program_error(
		    p, at, r->error, "does not come to an end");
	if (r->out->len > r->limit)
		return program_error(p, at, r->error,
		    "the text becomes longer than %zu bytes",
		    LIMIT_RENDERED_BYTES);
	return 0;
}

static int
render(struct render *r, const struct program *p, uint32_t from, uint32_t to)
{
	uint32_t at = from > 0 ? p->nodes[from - 1].at : 0;

	if (r->nesting == LIMIT_TEMPLATE_DEPTH)
		return too_deep(r, p, at);
	if (count_step(r, p, at) == -1)
		return -1;
	r->nesting++;
	for (uint32_t i = from; i < to; i = p->nodes[i].next) {
		const struct node *n = &p->nodes[i];

		if (render_node(r, p, n) == -1 || count_step(r, p, n->at) == -1)
			return -1;
	}
	r->nesting--;
	return 0;
}

/* What was rendered must be text: UTF-8 without NUL bytes. */
static int
check(const struct mustache *m, const struct strbuf *out, size_t from,
    struct error *e)
{
	const char *s = strbuf_text(out) + from;
	size_t n = out->len - from;

	if (memchr(s, '\0', n) != NULL)
		return error_set(
		    e, EINVAL, "%s: a NUL byte is in the text", m->name);
	if (!utf8_valid(s, n))
		return error_set(e, EINVAL,
		    "%s: half of a surrogate pair is in the text", m->name);
	return 0;
}

int
mustache_render(struct mustache *m, struct mustache_job *job,
    struct strbuf *out, struct error *e)
{
	struct program *p = program_get(&m->body, "", 0, false, e);
	struct frame frames[LIMIT_TEMPLATE_DEPTH + 1];
	struct scope scopes[LIMIT_TEMPLATE_DEPTH];
	size_t start = out->len;
	struct render r = { .job = job,
		.out = out,
		.limit = start + LIMIT_RENDERED_BYTES,
		.frames = frames,
		.depth = 1,
		.scopes = scopes,
		.most_steps =
		    job->steps != 0 ? job->steps : LIMIT_TEMPLATE_STEPS,
		.secrets = m->body.dialect.secrets,
		.error = e };

	if (p == NULL)
		return -1;
	frames[0] = (struct frame){ .value = job->root,
		.place = job->reads != NULL ? READS_ROOT : READS_NONE };
	if (render(&r, p, 0, (uint32_t)p->count) == -1)
		return -1;
	return check(m, out, start, e);
}
