/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the record: templates first, since they say what else is in it. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "apply-config/apply.h"
#include "apply-config/codec.h"
#include "apply-config/reads.h"
#include "apply-config/record-private.h"
#include "apply-config/state.h"
#include "lib/bytes.h"
#include "lib/doc.h"
#include "lib/mem.h"

/*
 * Those rendered since the record of all was saved are kept beside it until
 * they are more than one in so many.
 */
#define NEWER_SHARE 8

struct saver {
	const struct record_run *run;
	bool newer; /* only what differs from the record of all */
	struct strbuf items;
	struct strbuf piece; /* empty but while one of them is put together */
	uint32_t *number; /* of a mark in the new record, from 1; 0: none */
	uint32_t *marks; /* by that number less 1 */
	size_t mark_count, mark_cap;
	uint32_t
	    *place; /* of a place in the new record; 0: none but the root */
	const struct value **values; /* what stands there */
};

static uint32_t
number_of(struct saver *v, uint32_t mark)
{
	if (v->number[mark] == 0) {
		v->marks = mem_grow(v->marks, &v->mark_cap, v->mark_count + 1,
		    sizeof(*v->marks));
		v->marks[v->mark_count++] = mark;
		v->number[mark] = (uint32_t)v->mark_count;
	}
	return v->number[mark] - 1;
}

static void
add_u32(struct strbuf *b, uint32_t n)
{
	char bytes[4];

	put_le32(bytes, n);
	strbuf_add(b, bytes, sizeof(bytes));
}

static void
add_u64(struct strbuf *b, uint64_t n)
{
	char bytes[8];

	put_le64(bytes, n);
	strbuf_add(b, bytes, sizeof(bytes));
}

static void
encode_buffer(struct strbuf *to, struct strbuf *b)
{
	encode_bytes(to, strbuf_text(b), b->len);
	strbuf_cut(b, 0);
}

static void
encode_identity(struct strbuf *b, const struct identity *i)
{
	encode_bytes(b, i, i->mode == 0 ? 0 : sizeof(*i));
}

/* The same of one that stands in the old record, or NULL. */
static void
copy_identity(struct strbuf *b, const char *old)
{
	encode_bytes(b, old, old == NULL ? 0 : sizeof(struct identity));
}

/* A template that was not rendered: what the old record says of it. */
static void
encode_kept(struct saver *v, const struct item *item, const struct layer *old)
{
	struct strbuf *b = &v->piece;

	copy_identity(&v->items, item->template);
	copy_identity(&v->items, item->control);
	copy_identity(&v->items, item->output);
	for (size_t i = 0; i + 4 <= item->depends.len; i += 4)
		add_u32(
		    b, number_of(v, old->marks[get_le32(item->depends.s + i)]));
	encode_buffer(&v->items, b);
	for (size_t i = 0; i + 4 <= item->partials.len; i += 4)
		add_u32(b, old->partials[get_le32(item->partials.s + i)]);
	encode_buffer(&v->items, b);
	encode_bytes(&v->items, item->spans.s, item->spans.len);
}

static void
encode_rendered(struct saver *v, const struct rendered *rendered)
{
	struct strbuf *b = &v->piece;
	const struct template *t = rendered->template;
	struct identity template = t->file,
			output = identity_of(&rendered->made);

	/* Whom a name means may change: such a file is looked at each time. */
	if (rendered->control.uid != (uid_t)-1 ||
	    rendered->control.gid != (gid_t)-1)
		template = (struct identity){ 0 };
	encode_identity(&v->items, &template);
	encode_identity(&v->items, &t->control);
	encode_identity(&v->items, &output);
	for (size_t i = 0; i < rendered->mark_count; i++)
		add_u32(b, number_of(v, rendered->marks[i]));
	encode_buffer(&v->items, b);
	for (size_t i = 0; i < rendered->partial_count; i++)
		add_u32(b, rendered->partials[i]);
	encode_buffer(&v->items, b);
	for (size_t i = 0; i < rendered->spans.len; i++) {
		add_u64(b, rendered->spans.items[i].start);
		add_u64(b, rendered->spans.items[i].len);
	}
	encode_buffer(&v->items, b);
}

/* What the record says of a template that was not rendered; NULL: it was. */
static const struct item *
kept_item(const struct record_run *run, size_t i, const struct layer **layer)
{
	if (run->rendered[i] != NULL)
		return NULL;
	return record_find(run->old, run->templates->items[i].path, layer);
}

/* Whether a template goes into a record of what is newer. */
static bool
is_newer(const struct record_run *run, size_t i)
{
	const struct layer *layer = NULL;

	return kept_item(run, i, &layer) == NULL || layer == &run->old->newer;
}

static size_t
count_newer(const struct record_run *run)
{
	size_t n = 0;

	for (size_t i = 0; i < run->templates->len; i++)
		n += is_newer(run, i);
	return n;
}

/* Whether the record of all has the templates that there are. */
static bool
has_all(const struct record_run *run)
{
	const struct templates *t = run->templates;

	if (record_length(run->old) != t->len)
		return false;
	for (size_t i = 0; i < t->len; i++)
		if (run->rendered[i] != NULL &&
		    layer_find(&run->old->all, t->items[i].path) == NULL)
			return false;
	return true;
}

static void
encode_items(struct saver *v, size_t count)
{
	const struct record_run *run = v->run;
	const struct templates *t = run->templates;

	encode_number(&v->items, count);
	for (size_t i = 0; i < t->len; i++) {
		const struct layer *layer = NULL;
		const struct item *item = kept_item(run, i, &layer);

		if (v->newer && !is_newer(run, i))
			continue;
		encode_text(&v->items, t->items[i].path);
		if (item == NULL)
			encode_rendered(v, run->rendered[i]);
		else
			encode_kept(v, item, layer);
	}
}

/* Number the places that something depends on, and those on the way there. */
static uint32_t
number_places(struct saver *v)
{
	const struct reads *reads = v->run->reads;
	size_t n = reads_count(reads);
	own_free bool *used = mem_alloc(n);
	uint32_t count = 1;

	for (size_t i = 0; i < v->mark_count; i++)
		for (uint32_t p = v->marks[i] / 2; p != READS_ROOT && !used[p];
		     p = reads_parent(reads, p))
			used[p] = true;
	for (uint32_t p = 1; p < n; p++)
		if (used[p])
			v->place[p] = count++;
	return count;
}

static void
encode_places(struct saver *v, struct strbuf *b)
{
	const struct record_run *run = v->run;
	uint32_t count = number_places(v);

	v->values = mem_alloc(count * sizeof(*v->values));
	v->values[0] = run->root;
	encode_number(b, count);
	for (uint32_t p = 1; p < reads_count(run->reads); p++) {
		uint32_t len, parent = v->place[reads_parent(run->reads, p)];
		const char *name = reads_name(run->reads, p, &len);

		if (v->place[p] == 0)
			continue;
		encode_number(b, parent);
		encode_bytes(b, name, len);
		v->values[v->place[p]] = record_step(run->settings,
		    v->values[parent], name, len, value_hash(name, len));
	}
}

static void
encode_marks(const struct saver *v, struct strbuf *b, const uint8_t *key)
{
	encode_number(b, v->mark_count);
	for (size_t i = 0; i < v->mark_count; i++) {
		uint32_t place = v->place[v->marks[i] / 2];

		encode_number(b, place * 2 + v->marks[i] % 2);
		encode_number(
		    b, record_digest(v->values[place], v->marks[i], key));
	}
}

static void
encode_partials(const struct saver *v, struct strbuf *b)
{
	struct renderer *r = v->run->renderer;
	size_t n = renderer_partial_count(r);

	encode_number(b, n);
	for (uint32_t i = 0; i < n; i++) {
		size_t len;
		const char *name = renderer_partial_name(r, i, &len);
		struct identity is = identity_of(renderer_partial_stat(r, i));

		encode_bytes(b, name, len);
		encode_identity(b, &is);
	}
}

static void
encode(struct saver *v, size_t count, const uint8_t *key, struct strbuf *b)
{
	const struct record_run *run = v->run;
	own(strbuf_clear) struct strbuf head = { 0 };

	encode_items(v, count);
	record_add_settings(run->settings, &head);
	encode_buffer(b, &head);
	encode_bytes(b, key, RECORD_KEY);
	encode_number(b, (uint64_t)run->started);
	encode_number(b, (uint64_t)record_clock());
	encode_places(v, b);
	encode_marks(v, b, key);
	encode_partials(v, b);
	strbuf_add(b, strbuf_text(&v->items), v->items.len);
	encode_end(b);
}

static void
saver_clear(struct saver *v)
{
	strbuf_clear(&v->items);
	strbuf_clear(&v->piece);
	free(v->number);
	free(v->marks);
	free(v->place);
	free(v->values);
}

int
record_save(
    const struct record_run *run, const struct state *st, struct error *e)
{
	own(saver_clear) struct saver v = { .run = run };
	own(strbuf_clear) struct strbuf b = { 0 };
	size_t all = run->templates->len, newer = count_newer(run);
	size_t places = reads_count(run->reads);
	uint8_t key[RECORD_KEY];

	/* Nobody can make two values with one digest without the key. */
	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return 0;
	v.number = mem_alloc(places * 2 * sizeof(*v.number));
	v.place = mem_alloc(places * sizeof(*v.place));
	v.newer = newer * NEWER_SHARE <= all && has_all(run);
	encode(&v, v.newer ? newer : all, key, &b);
	if (v.newer)
		return state_write(st, RECORD_NEWER, &b, false, e);
	if (state_write(st, RECORD_ALL, &b, false, e) == -1)
		return -1;
	return state_remove(st, RECORD_NEWER, e);
}
