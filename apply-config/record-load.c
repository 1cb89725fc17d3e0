/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the record, comparing it with what is, and answering from it. */
#include "apply-config/record-private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "apply-config/apply.h"
#include "apply-config/codec.h"
#include "apply-config/output.h"
#include "apply-config/reads.h"
#include "apply-config/state.h"
#include "apply-config/values.h"
#include "lib/bytes.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/path.h"

/* ---- identities -------------------------------------------------------------- */

/* was is an identity in the record, or NULL. */
static bool
is_same(const struct identity *is, const char *was)
{
	return was == NULL ? is->mode == 0 : memcmp(is, was, sizeof(*is)) == 0;
}

/*
 * A file that was changed twice within one tick of the clock has the same
 * times: only times before the look at it are to be trusted.
 */
static bool
is_settled(const struct identity *i, int64_t looked)
{
	return i->modified < looked && i->changed < looked;
}

int64_t
record_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct identity
record_made(const struct stat *st)
{
	struct identity i = identity_of(st);

	i.changed = 0;
	return i;
}

struct identity
record_output(struct output *o, const char *path)
{
	struct error ignored;
	struct stat st = { 0 };
	int dir = output_dir(o, path, &ignored);

	if (dir == -1 ||
	    fstatat(dir, path_base(path), &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (struct identity){ 0 };
	return record_made(&st);
}

/* ---- digests of values ------------------------------------------------------- */

static void
hash_value(struct hash *h, const struct value *v)
{
	uint8_t head[8] = { v->kind, v->truth };

	put_le32(head + 4, v->len);
	hash_add(h, head, sizeof(head));
	if (v->kind == VALUE_NUMBER || v->kind == VALUE_STRING)
		hash_add(h, v->text, v->len);
	for (uint32_t i = 0; v->kind == VALUE_LIST && i < v->len; i++)
		hash_value(h, v->items[i]);
	for (uint32_t i = 0; v->kind == VALUE_MAP && i < v->len; i++) {
		const struct member *m = value_member(v, i);

		put_le32(head, m->len);
		hash_add(h, head, 4);
		hash_add(h, m->name, m->len);
		hash_value(h, m->value);
	}
}

/* A shape is a small number. */
uint64_t
record_digest(const struct value *v, uint32_t mark, const uint8_t *key)
{
	struct hash h;

	if (v == NULL)
		return 0;
	if (mark % 2 == READ_SHAPE)
		return 1 + v->kind * 2u + values_truth(v);
	hash_begin(&h, key);
	hash_value(&h, v);
	return hash_end(&h);
}

const struct value **
record_resolve(const struct settings *s, const struct reads *reads,
    const struct value *root)
{
	size_t n = reads_count(reads);
	const struct value **values = mem_alloc(n * sizeof(*values));

	values[0] = root;
	for (uint32_t i = 1; i < n; i++) {
		uint32_t len;
		const char *name = reads_name(reads, i, &len);
		const struct value *v = values[reads_parent(reads, i)];

		if (v == NULL)
			continue;
		values[i] = v->kind == VALUE_LIST && !s->compat
		    ? values_item(v, name, len)
		    : value_getn(v, name, len);
	}
	return values;
}

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

/* The places, as the run's reads number them. */
static uint32_t *
decode_places(struct decoder *d, struct reads *reads, size_t *count)
{
	uint64_t n = decode_number(d);
	uint32_t *places;

	*count = 0;
	if (d->bad || n > (uint64_t)(d->end - d->at) / PLACE_BYTES + 1)
		return NULL;
	places = mem_alloc((n + 1) * sizeof(*places));
	for (uint64_t i = 1; i < n && !d->bad; i++) {
		uint64_t parent = decode_number(d);
		struct run name = decode_run(d);

		if (parent >= i)
			d->bad = true;
		else
			places[i] = reads_child(reads, places[parent], name.s,
			    (uint32_t)name.len, value_hash(name.s, name.len));
	}
	*count = n;
	return places;
}

/* The dependencies, each compared with what is there now. */
static void
decode_marks(struct decoder *d, struct record *r, const uint32_t *places,
    size_t place_count, const struct value *const *values, const uint8_t *key)
{
	uint64_t n = decode_number(d);

	if (d->bad || n > (uint64_t)(d->end - d->at) / MARK_BYTES)
		n = 0;
	r->mark_count = n;
	r->marks = mem_alloc((n + 1) * sizeof(*r->marks));
	r->changed = mem_alloc(n + 1);
	for (uint64_t i = 0; i < n && !d->bad; i++) {
		uint64_t mark = decode_number(d), was = decode_number(d);

		if (mark / 2 >= place_count) {
			d->bad = true;
			return;
		}
		r->marks[i] = places[mark / 2] * 2 + mark % 2;
		r->changed[i] = record_digest(values[places[mark / 2]],
				    r->marks[i], key) != was;
	}
}

static void
decode_partials(struct decoder *d, struct record *r, struct renderer *renderer)
{
	uint64_t n = decode_number(d);

	if (d->bad || n > (uint64_t)(d->end - d->at) / PARTIAL_BYTES)
		n = 0;
	r->partial_count = n;
	r->partials = mem_alloc((n + 1) * sizeof(*r->partials));
	r->partial_changed = mem_alloc(n + 1);
	for (uint64_t i = 0; i < n && !d->bad; i++) {
		struct run name = decode_run(d);
		const char *was = decode_identity(d);
		struct identity is;

		r->partials[i] = renderer_partial(renderer, name.s, name.len);
		is = identity_of(
		    renderer_partial_stat(renderer, r->partials[i]));
		r->partial_changed[i] =
		    !is_same(&is, was) || !is_settled(&is, r->started);
	}
}

static void
decode_items(struct decoder *d, struct record *r)
{
	uint64_t n = decode_number(d);

	if (d->bad || n > (uint64_t)(d->end - d->at) / ITEM_BYTES)
		n = 0;
	r->count = n;
	r->items = mem_alloc((n + 1) * sizeof(*r->items));
	for (uint64_t i = 0; i < n && !d->bad; i++) {
		struct item *item = &r->items[i];

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
decode(struct record *r, const struct settings *s, const struct value *root,
    struct renderer *renderer, struct reads *reads)
{
	own(strbuf_clear) struct strbuf settings = { 0 };
	own_free uint32_t *places = NULL;
	own_free const struct value **values = NULL;
	struct decoder d;
	struct run head, key;
	size_t place_count;

	record_add_settings(s, &settings);
	if (!decode_begin(&d, strbuf_text(&r->raw), r->raw.len))
		return false;
	head = decode_run(&d);
	key = decode_run(&d);
	if (d.bad || head.len != settings.len || key.len != RECORD_KEY ||
	    memcmp(head.s, settings.s, head.len) != 0)
		return false;
	r->started = (int64_t)decode_number(&d);
	r->saved = (int64_t)decode_number(&d);
	places = decode_places(&d, reads, &place_count);
	if (places == NULL || d.bad)
		return false;
	values = record_resolve(s, reads, root);
	decode_marks(
	    &d, r, places, place_count, values, (const uint8_t *)key.s);
	decode_partials(&d, r, renderer);
	decode_items(&d, r);
	return !d.bad;
}

struct record *
record_load(const struct settings *s, const struct state *st,
    const struct value *root, struct renderer *renderer, struct reads *reads)
{
	ownp(record_free) struct record *r = mem_alloc(sizeof(*r));
	struct error ignored;

	if (state_read(st, "record", &r->raw, &ignored) != 1 ||
	    !decode(r, s, root, renderer, reads))
		return NULL;
	return take(r);
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	strbuf_clear(&r->raw);
	free(r->marks);
	free(r->changed);
	free(r->partial_changed);
	free(r->partials);
	free(r->items);
	free(r);
}

size_t
record_length(const struct record *r)
{
	return r == NULL ? 0 : r->count;
}

/* ---- asking --------------------------------------------------------------------- */

static int
compare_path(const struct item *item, const char *path)
{
	size_t n = strlen(path);
	int r =
	    memcmp(item->path.s, path, n < item->path.len ? n : item->path.len);

	return r != 0 ? r : item->path.len < n ? -1 : item->path.len > n;
}

const struct item *
record_find(const struct record *r, const char *path)
{
	size_t low = 0, high = r == NULL ? 0 : r->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare_path(&r->items[mid], path);

		if (c == 0)
			return &r->items[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static bool
any(const struct run *numbers, const bool *changed, size_t n)
{
	for (size_t i = 0; i + 4 <= numbers->len; i += 4) {
		uint32_t at = get_le32(numbers->s + i);

		if (at >= n || changed[at])
			return true;
	}
	return false;
}

bool
record_is_current(
    const struct record *r, const struct template *t, struct output *o)
{
	const struct item *item = record_find(r, t->path);
	struct identity output;

	if (item == NULL || (t->file.mode & 0111) != 0)
		return false;
	if (!is_same(&t->file, item->template) ||
	    !is_same(&t->control, item->control) ||
	    !is_settled(&t->file, r->started) ||
	    !is_settled(&t->control, r->started) ||
	    any(&item->depends, r->changed, r->mark_count) ||
	    any(&item->partials, r->partial_changed, r->partial_count))
		return false;
	output = record_output(o, t->path);
	return is_same(&output, item->output) && is_settled(&output, r->saved);
}

bool
record_spans(const struct record *r, const char *path, const struct stat *st,
    struct spans *spans)
{
	const struct item *item = record_find(r, path);
	struct identity i = record_made(st);

	if (item == NULL || !is_same(&i, item->output))
		return false;
	for (size_t k = 0; k + 16 <= item->spans.len; k += 16)
		spans_add(spans, get_le64(item->spans.s + k),
		    get_le64(item->spans.s + k + 8));
	return true;
}
