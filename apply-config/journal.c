/* SPDX-License-Identifier: Apache-2.0 */
/* Journals to bytes and back. */
#include "apply-config/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply-config/codec.h"
#include "apply-config/output.h"
#include "apply-config/state.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"

#define MAGIC "apply-config journal 2"

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

char *
journal_staged(const struct journal *j, const char *path)
{
	size_t n = tree_length(&j->trees, path);
	own_free char *tree = NULL;
	own_free char *temp = NULL;

	if (n == 0)
		return version_temp(path);
	tree = mem_dupn(path, n);
	temp = version_temp(tree);
	return mem_printf("%s%s", temp, path + n);
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
decode_entry(struct decoder *d, struct journal *j)
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
}

static bool
decode(struct journal *j, const struct strbuf *raw)
{
	struct decoder d;
	own_free char *magic = NULL;

	if (!decode_begin(&d, strbuf_text(raw), raw->len))
		return false;
	magic = decode_text(&d);
	if (strcmp(magic, MAGIC) != 0)
		return false;
	j->number = decode_number(&d);
	j->time = (int64_t)decode_number(&d);
	j->base = decode_number(&d);
	j->deadline = decode_number(&d);
	j->boot = decode_text(&d);
	for (uint64_t n = decode_number(&d); n > 0 && !d.bad; n--)
		strlist_take(&j->folders, decode_text(&d));
	for (uint64_t n = decode_number(&d); n > 0 && !d.bad; n--)
		decode_entry(&d, j);
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

/* ---- carrying out --------------------------------------------------------- */

/* Whether entry stands in the tree. */
static bool
is_in(const struct entry *entry, const char *tree)
{
	size_t n = strlen(tree);

	return strncmp(entry->path, tree, n) == 0 && entry->path[n] == '/';
}

/* Somebody made a folder of that name meanwhile: go file by file. */
static int
merge_tree(const struct journal *j, const char *tree, struct output *o,
    struct error *e)
{
	own_free char *temp = version_temp(tree);
	own(strlist_clear) struct strlist paths = { 0 };

	for (size_t i = 0; i < j->len; i++) {
		const struct entry *entry = &j->items[i];

		if (!is_in(entry, tree))
			continue;
		if (version_move(o, entry->staged, entry->path, e) == -1)
			return -1;
		strlist_add(&paths, entry->path);
	}
	if (output_sync(o, paths.items, paths.len, false, e) == -1)
		return -1;
	return output_remove(o, temp, e);
}

/* EINVAL: this filesystem cannot tell whether the name is in use. */
static int
publish_tree(const struct journal *j, const char *tree, struct output *o,
    struct error *e)
{
	if (version_publish_folder(o, tree, e) != -1)
		return 0;
	if (e->code != EEXIST && e->code != EINVAL)
		return -1;
	return merge_tree(j, tree, o, e);
}

int
journal_forward(const struct journal *j, struct output *o, struct error *e)
{
	for (size_t i = 0; i < j->trees.len; i++)
		if (publish_tree(j, j->trees.items[i], o, e) == -1)
			return -1;
	for (size_t i = 0; i < j->len; i++) {
		const struct entry *entry = &j->items[i];
		int r = entry->gone  ? version_remove(o, entry->path, e)
		    : entry->in_tree ? 0
				     : version_publish(o, entry->path, e);

		if (r == -1)
			return -1;
	}
	return 0;
}

/* Put back what was there, unless the new file is still only staged. */
static int
restore(const struct entry *entry, struct output *o, struct error *e)
{
	struct staged staged;
	own_fd int fd = -1;

	if (!entry->gone && version_exists(o, entry->staged))
		return 0;
	if (entry->old.mode == 0)
		return version_remove(o, entry->path, e);
	if (version_stage(
		o, entry->path, entry->staged, &entry->old, &staged, e) == -1)
		return -1;
	fd = staged.fd;
	if (fd != -1 && fsync(fd) == -1)
		return error_errno(e, "%s", entry->path);
	return version_publish(o, entry->path, e) == -1 ? -1 : 0;
}

int
journal_backward(const struct journal *j, struct output *o, struct error *e)
{
	for (size_t i = 0; i < j->len; i++)
		if (restore(&j->items[i], o, e) == -1)
			return -1;
	return journal_discard(j, o, e);
}

int
journal_discard(const struct journal *j, struct output *o, struct error *e)
{
	for (size_t i = 0; i < j->trees.len; i++) {
		own_free char *temp = version_temp(j->trees.items[i]);

		if (output_remove(o, temp, e) == -1)
			return -1;
	}
	for (size_t i = 0; i < j->len; i++)
		if (!j->items[i].in_tree &&
		    version_remove(o, j->items[i].staged, e) == -1)
			return -1;
	journal_tidy(j, o);
	return 0;
}

void
journal_tidy(const struct journal *j, struct output *o)
{
	for (size_t i = j->folders.len; i-- > 0;)
		output_rmdir(o, j->folders.items[i]);
}
