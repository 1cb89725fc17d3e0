/* SPDX-License-Identifier: Apache-2.0 */
/* Journals to bytes and back. */
#include "apply-config/journal.h"

#include <stdlib.h>
#include <string.h>

#include "apply-config/codec.h"
#include "apply-config/state.h"
#include "lib/doc.h"
#include "lib/mem.h"
#include "lib/path.h"

#define MAGIC "apply-config journal 3"
#define MAGIC_UNSEALED "apply-config journal 2" /* as 0.1.0 began */

void
journal_init(struct journal *j)
{
	*j = (struct journal){ .arena = doc_new() };
}

struct entry *
journal_add(struct journal *j, const char *path)
{
	struct entry *entry;

	j->items = mem_grow(j->items, &j->cap, j->len + 1, sizeof(*j->items));
	entry = &j->items[j->len++];
	*entry = (struct entry){ .path = mem_dup(path) };
	return entry;
}

void
journal_clear(struct journal *j)
{
	for (size_t i = 0; i < j->len; i++) {
		free(j->items[i].path);
		free(j->items[i].staged);
		free(j->items[i].on_change);
	}
	free(j->items);
	free(j->boot);
	strlist_clear(&j->folders);
	strlist_clear(&j->trees);
	doc_free(j->arena);
	*j = (struct journal){ 0 };
}

char *
generation_name(uint64_t number)
{
	return mem_printf("generations/%llu", (unsigned long long)number);
}

/* ---- where things are staged ---------------------------------------------- */

/* Whether the first n bytes of path are a tree's; these are in order. */
static bool
is_tree(const struct strlist *trees, const char *path, size_t n)
{
	size_t low = 0, high = trees->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strncmp(trees->items[mid], path, n);

		if (c == 0 && trees->items[mid][n] == '\0')
			return true;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* How much of path is the tree that it stands in; 0: it is in none. */
static size_t
tree_length(const struct strlist *trees, const char *path)
{
	if (trees->len == 0)
		return 0;
	for (const char *s = path; (s = strchr(s, '/')) != NULL; s++)
		if (is_tree(trees, path, (size_t)(s - path)))
			return (size_t)(s - path);
	return 0;
}

/* Where the file or folder at path is staged; the caller's. */
static char *
journal_staged(const struct journal *j, const char *path)
{
	size_t n = tree_length(&j->trees, path);
	own_free char *tree = NULL;
	own_free char *temp = NULL;

	if (n == 0)
		return version_temp(path);
	tree = mem_dupn(path, n);
	temp = version_temp(tree);
	return path_join(temp, path + n);
}

void
journal_place(struct journal *j)
{
	for (size_t i = 0; i < j->folders.len; i++)
		if (tree_length(&j->trees, j->folders.items[i]) == 0)
			strlist_add(&j->trees, j->folders.items[i]);
	for (size_t i = 0; i < j->len; i++) {
		struct entry *entry = &j->items[i];

		entry->in_tree = tree_length(&j->trees, entry->path) > 0;
		entry->staged = journal_staged(j, entry->path);
	}
}

/* ---- writing ------------------------------------------------------------ */

static void
encode_entry(const struct entry *entry, struct strbuf *b)
{
	const struct version *old = &entry->old;

	encode_text(b, entry->path);
	encode_text(b, entry->on_change);
	encode_number(b, entry->gone);
	encode_number(b, old->mode);
	encode_number(b, old->uid);
	encode_number(b, old->gid);
	encode_bytes(b, old->text, old->len);
	encode_bytes(b, old->xattrs, old->xattrs_len);
	encode_number(b, entry->new.mode);
	encode_number(b, entry->new.uid);
	encode_number(b, entry->new.gid);
	encode_number(b, entry->new.digest);
	encode_bytes(b, entry->new.xattrs, entry->new.xattrs_len);
}

int
journal_write(const struct journal *j, const struct state *st, const char *name,
    struct error *e)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	encode_text(&b, MAGIC);
	encode_number(&b, j->number);
	encode_number(&b, (uint64_t)j->time);
	encode_number(&b, j->base);
	encode_number(&b, j->deadline);
	encode_text(&b, j->boot);
	encode_number(&b, j->folders.len);
	for (size_t i = 0; i < j->folders.len; i++)
		encode_text(&b, j->folders.items[i]);
	encode_number(&b, j->len);
	for (size_t i = 0; i < j->len; i++)
		encode_entry(&j->items[i], &b);
	encode_end(&b);
	return state_write(st, name, &b, true, e);
}

/* ---- reading ------------------------------------------------------------ */

/* A copy that lives as long as the journal. */
static const char *
decode_kept(struct decoder *d, struct journal *j, size_t *n)
{
	const char *s = decode_bytes(d, n);

	return doc_text(j->arena, s, *n);
}

static void
decode_seal(struct decoder *d, struct journal *j, struct seal *seal)
{
	seal->mode = (mode_t)decode_number(d);
	seal->uid = (uid_t)decode_number(d);
	seal->gid = (gid_t)decode_number(d);
	seal->digest = decode_number(d);
	seal->xattrs = decode_kept(d, j, &seal->xattrs_len);
}

static void
decode_entry(struct decoder *d, struct journal *j, bool sealed)
{
	own_free char *path = decode_text(d);
	struct entry *entry = journal_add(j, path);
	struct version *old = &entry->old;

	entry->on_change = decode_text(d);
	entry->gone = decode_number(d) != 0;
	old->mode = (mode_t)decode_number(d);
	old->uid = (uid_t)decode_number(d);
	old->gid = (gid_t)decode_number(d);
	old->text = decode_kept(d, j, &old->len);
	old->xattrs = decode_kept(d, j, &old->xattrs_len);
	if (sealed)
		decode_seal(d, j, &entry->new);
}

static bool
decode(struct journal *j, const struct strbuf *raw)
{
	struct decoder d;
	own_free char *magic = NULL;
	bool sealed;

	if (!decode_begin(&d, strbuf_text(raw), raw->len))
		return false;
	magic = decode_text(&d);
	sealed = strcmp(magic, MAGIC) == 0;
	if (!sealed && strcmp(magic, MAGIC_UNSEALED) != 0)
		return false;
	j->number = decode_number(&d);
	j->time = (int64_t)decode_number(&d);
	j->base = decode_number(&d);
	j->deadline = decode_number(&d);
	j->boot = decode_text(&d);
	for (uint64_t n = decode_number(&d); n > 0 && !d.bad; n--)
		strlist_take(&j->folders, decode_text(&d));
	for (uint64_t n = decode_number(&d); n > 0 && !d.bad; n--)
		decode_entry(&d, j, sealed);
	return !d.bad;
}

int
journal_read(struct journal *j, const struct state *st, const char *name,
    struct error *e)
{
	own(strbuf_clear) struct strbuf raw = { 0 };
	int r;

	*j = (struct journal){ 0 };
	r = state_read(st, name, &raw, e);
	if (r != 1)
		return r;
	journal_init(j);
	if (!decode(j, &raw)) {
		journal_clear(j);
		return 2;
	}
	journal_place(j);
	return 1;
}
