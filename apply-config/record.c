/* SPDX-License-Identifier: Apache-2.0 */
/* Identities and digests, and what the record answers from them. */
#include "apply-config/record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "apply-config/apply.h"
#include "apply-config/codec.h"
#include "apply-config/output.h"
#include "apply-config/reads.h"
#include "apply-config/record-private.h"
#include "apply-config/values.h"
#include "lib/bytes.h"
#include "lib/clock.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/path.h"

/* ---- identities -------------------------------------------------------------- */

bool
identity_is(const struct identity *is, const char *was)
{
	return was == NULL ? is->mode == 0 : memcmp(is, was, sizeof(*is)) == 0;
}

bool
identity_is_settled(const struct identity *i, int64_t looked)
{
	return i->modified < looked && i->changed < looked;
}

int64_t
record_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return clock_ns(&t);
}

/* What is there now. */
static struct identity
output_identity(struct output *o, const char *path)
{
	struct error ignored;
	struct stat st = { 0 };
	int dir = output_dir(o, path, &ignored);

	if (dir == -1 ||
	    fstatat(dir, path_base(path), &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (struct identity){ 0 };
	return identity_of(&st);
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
		const struct member m = value_member(v, i);

		put_le32(head, m.len);
		hash_add(h, head, 4);
		hash_add(h, m.name, m.len);
		hash_value(h, m.value);
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

const struct value *
record_step(const struct settings *s, const struct value *v, const char *name,
    uint32_t len, uint32_t hash)
{
	if (v != NULL && v->kind == VALUE_LIST && !s->compat)
		return values_item(v, name, len);
	return value_get_hashed(v, name, len, hash);
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

/* Most are asked for in order. */
const struct item *
layer_find(struct layer *l, const char *path)
{
	size_t low = 0, high = l->count;

	if (l->next < l->count && compare_path(&l->items[l->next], path) == 0)
		return &l->items[l->next++];
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare_path(&l->items[mid], path);

		if (c == 0) {
			l->next = mid + 1;
			return &l->items[mid];
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct item *
record_find(struct record *r, const char *path, const struct layer **layer)
{
	const struct item *item = NULL;

	if (r == NULL)
		return NULL;
	*layer = &r->newer;
	item = layer_find(&r->newer, path);
	if (item != NULL)
		return item;
	*layer = &r->all;
	return layer_find(&r->all, path);
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
record_is_current(struct record *r, const struct template *t, struct output *o)
{
	const struct layer *l;
	const struct item *item = record_find(r, t->path, &l);
	struct identity output;

	if (item == NULL || (t->file.mode & 0111) != 0)
		return false;
	if (!identity_is(&t->file, item->template) ||
	    !identity_is(&t->control, item->control) ||
	    !identity_is_settled(&t->file, l->started) ||
	    !identity_is_settled(&t->control, l->started) ||
	    any(&item->depends, l->changed, l->mark_count) ||
	    any(&item->partials, l->partial_changed, l->partial_count))
		return false;
	output = output_identity(o, t->path);
	return identity_is(&output, item->output) && output.modified < l->saved;
}

size_t
record_length(const struct record *r)
{
	return r == NULL ? 0 : r->all.count;
}

bool
record_spans(struct record *r, const char *path, const struct stat *st,
    struct spans *spans)
{
	const struct layer *l;
	const struct item *item = record_find(r, path, &l);
	struct identity i = identity_of(st);

	if (item == NULL || !identity_is(&i, item->output))
		return false;
	for (size_t k = 0; k + 16 <= item->spans.len; k += 16)
		spans_add(spans, get_le64(item->spans.s + k),
		    get_le64(item->spans.s + k + 8));
	return true;
}
