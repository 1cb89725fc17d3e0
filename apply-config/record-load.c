/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the record and comparing it with the metadata. */
#include <stdlib.h>
#include <string.h>

#include "apply-config/apply.h"
#include "apply-config/codec.h"
#include "apply-config/reads.h"
#include "apply-config/record-private.h"
#include "apply-config/state.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"

/* ---- loading ------------------------------------------------------------------- */

void
record_add_settings(const struct settings *s, struct strbuf *b)
{
	encode_text(b, RECORD_MAGIC);
	encode_text(b, s->templates);
	encode_text(b, s->partials);
	encode_text(b, s->subhash);
	encode_number(b,
	    (uint64_t)s->compat | (uint64_t)s->html << 1 |
		(uint64_t)s->strict << 2);
	for (size_t i = 0; i < s->secret_words.len; i++)
		encode_text(b, s->secret_words.items[i]);
}

/* The least that one of each takes: what says it holds more is damaged. */
#define PLACE_BYTES 2
#define MARK_BYTES 2
#define PARTIAL_BYTES 2
#define ITEM_BYTES 7

static struct run
decode_run(struct decoder *d)
{
	struct run r;

	r.s = decode_bytes(d, &r.len);
	return r;
}

/* Where it is in the record; NULL when there was no such file. */
static const char *
decode_identity(struct decoder *d)
{
	size_t n;
	const char *s = decode_bytes(d, &n);

	if (n == sizeof(struct identity))
		return s;
	if (n != 0)
		d->bad = true;
	return NULL;
}

/* The places that a file has, by its own numbers. */
struct places {
	size_t count;
	uint32_t *numbers; /* as the run's reads have them */
	const struct value **values; /* what stands there now, or NULL */
};

static void
places_clear(struct places *p)
{
	free(p->numbers);
	free(p->values);
}

static void
decode_places(struct decoder *d, const struct settings *s,
    const struct value *root, struct reads *reads, struct places *p)
{
	uint64_t n = decode_number(d);

	if (d->bad || n > (uint64_t)(d->end - d->at) / PLACE_BYTES + 1)
		n = 0;
	p->count = n;
	p->numbers = mem_alloc((n + 1) * sizeof(*p->numbers));
	p->values = mem_alloc((n + 1) * sizeof(*p->values));
	p->values[0] = root;
	for (uint64_t i = 1; i < n && !d->bad; i++) {
		uint64_t parent = decode_number(d);
		struct run name = decode_run(d);
		uint32_t len = (uint32_t)name.len;
		uint32_t hash = value_hash(name.s, name.len);

		if (parent >= i) {
			d->bad = true;
			return;
		}
		p->numbers[i] =
		    reads_child(reads, p->numbers[parent], name.s, len, hash);
		p->values[i] =
		    record_step(s, p->values[parent], name.s, len, hash);
	}
}

/* The dependencies, each compared with what is there now. */
static void
decode_marks(struct decoder *d, struct layer *l, const struct places *p,
    const uint8_t *key)
{
	uint64_t n = decode_number(d);

	if (d->bad || n > (uint64_t)(d->end - d->at) / MARK_BYTES)
		n = 0;
	l->mark_count = n;
	l->marks = mem_alloc((n + 1) * sizeof(*l->marks));
	l->changed = mem_alloc(n + 1);
	for (uint64_t i = 0; i < n && !d->bad; i++) {
		uint64_t mark = decode_number(d), was = decode_number(d);
		uint64_t place = mark / 2;

		if (place >= p->count) {
			d->bad = true;
			return;
		}
		l->marks[i] = p->numbers[place] * 2 + mark % 2;
		l->changed[i] =
		    record_digest(p->values[place], l->marks[i], key) != was;
	}
}

static void
decode_partials(struct decoder *d, struct layer *l, struct renderer *renderer)
{
	uint64_t n = decode_number(d);

	if (d->bad || n > (uint64_t)(d->end - d->at) / PARTIAL_BYTES)
		n = 0;
	l->partial_count = n;
	l->partials = mem_alloc((n + 1) * sizeof(*l->partials));
	l->partial_changed = mem_alloc(n + 1);
	for (uint64_t i = 0; i < n && !d->bad; i++) {
		struct run name = decode_run(d);
		const char *was = decode_identity(d);
		struct identity is;

		l->partials[i] = renderer_partial(renderer, name.s, name.len);
		is = identity_of(
		    renderer_partial_stat(renderer, l->partials[i]));
		l->partial_changed[i] = !identity_is(&is, was) ||
		    !identity_is_settled(&is, l->started);
	}
}

static void
decode_items(struct decoder *d, struct layer *l)
{
	uint64_t n = decode_number(d);

	if (d->bad || n > (uint64_t)(d->end - d->at) / ITEM_BYTES)
		n = 0;
	l->count = n;
	l->items = mem_alloc((n + 1) * sizeof(*l->items));
	for (uint64_t i = 0; i < n && !d->bad; i++) {
		struct item *item = &l->items[i];

		item->path = decode_run(d);
		item->template = decode_identity(d);
		item->control = decode_identity(d);
		item->output = decode_identity(d);
		item->depends = decode_run(d);
		item->partials = decode_run(d);
		item->spans = decode_run(d);
	}
}

static bool
decode(struct layer *l, const struct settings *s, const struct value *root,
    struct renderer *renderer, struct reads *reads)
{
	own(strbuf_clear) struct strbuf settings = { 0 };
	own(places_clear) struct places places = { 0 };
	struct decoder d;
	struct run head, key;

	record_add_settings(s, &settings);
	if (!decode_begin(&d, strbuf_text(&l->raw), l->raw.len))
		return false;
	head = decode_run(&d);
	key = decode_run(&d);
	if (d.bad || head.len != settings.len || key.len != RECORD_KEY ||
	    memcmp(head.s, settings.s, head.len) != 0)
		return false;
	l->started = (int64_t)decode_number(&d);
	l->saved = (int64_t)decode_number(&d);
	decode_places(&d, s, root, reads, &places);
	decode_marks(&d, l, &places, (const uint8_t *)key.s);
	decode_partials(&d, l, renderer);
	decode_items(&d, l);
	return !d.bad;
}

static void
layer_clear(struct layer *l)
{
	strbuf_clear(&l->raw);
	free(l->marks);
	free(l->changed);
	free(l->partial_changed);
	free(l->partials);
	free(l->items);
	*l = (struct layer){ 0 };
}

struct record *
record_load(const struct settings *s, const struct state *st,
    const struct value *root, struct renderer *renderer, struct reads *reads)
{
	ownp(record_free) struct record *r = mem_alloc(sizeof(*r));
	struct error ignored;

	if (state_read(st, RECORD_ALL, &r->all.raw, &ignored) != 1 ||
	    !decode(&r->all, s, root, renderer, reads))
		return NULL;
	if (state_read(st, RECORD_NEWER, &r->newer.raw, &ignored) == 1 &&
	    !decode(&r->newer, s, root, renderer, reads))
		layer_clear(&r->newer);
	return take(r);
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	layer_clear(&r->all);
	layer_clear(&r->newer);
	free(r);
}
