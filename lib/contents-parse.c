/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text read back.  Each line is parsed, printed again and must then be
 * what it was: so there is one spelling, and no rule to forget about it.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/contents-private.h"
#include "lib/doc.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define MOST_DEPTH (PATH_MAX / 2)

struct reader {
	struct contents *c;
	const char *name; /* for messages */
	const char *at, *end; /* what is left of the text */
	const char *line; /* the current one, of len bytes without its end */
	size_t len, number;
	const char *word; /* what is left of the line */
	size_t expected; /* entries */
	size_t parents[MOST_DEPTH + 1]; /* index of the folder at each depth */
};

static int
bad(const struct reader *r, struct error *e, const char *what)
{
	return error_set(e, EBADMSG, "%s:%zu: %s", r->name, r->number, what);
}

static int
next_line(struct reader *r, struct error *e)
{
	const char *feed = memchr(r->at, '\n', (size_t)(r->end - r->at));

	r->number++;
	if (feed == NULL)
		return bad(r, e, "the text breaks off");
	if (memchr(r->at, '\0', (size_t)(feed - r->at)) != NULL)
		return bad(r, e, "a NUL");
	r->line = r->word = r->at;
	r->len = (size_t)(feed - r->at);
	r->at = feed + 1;
	return 0;
}

/* The next word of the line and its length; 0 at the end of the line. */
static size_t
next_word(struct reader *r, const char **word)
{
	const char *end = r->line + r->len, *p = r->word;

	*word = p;
	while (p < end && *p != ' ')
		p++;
	r->word = p < end ? p + 1 : end;
	return (size_t)(p - *word);
}

static bool
word_number(struct reader *r, int base, uint64_t most, uint64_t *n)
{
	const char *word;
	size_t len = next_word(r, &word);

	*n = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(word[i] - '0');

		if (digit >= (unsigned)base ||
		    *n > (most - digit) / (unsigned)base)
			return false;
		*n = *n * (unsigned)base + digit;
	}
	return len > 0 && len < 24;
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	    : c >= 'A' && c <= 'F'  ? c - 'A' + 10
				    : -1;
}

static bool
word_sum(struct reader *r, uint8_t sum[DIGEST_BYTES])
{
	const char *word;

	if (next_word(r, &word) != DIGEST_BYTES * 2)
		return false;
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		int high = hex(word[2 * i]), low = hex(word[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		sum[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* A percent-encoded word of at most PATH_MAX - 1 bytes; NULL if it is none. */
static const char *
word_text(struct reader *r)
{
	char text[PATH_MAX];
	const char *word;
	size_t len = next_word(r, &word), n = 0;

	for (size_t i = 0; i < len; i++, n++) {
		int c = (unsigned char)word[i];

		if (n == sizeof(text) - 1)
			return NULL;
		if (c == '%') {
			if (len - i < 3 || hex(word[i + 1]) < 0 ||
			    hex(word[i + 2]) < 0)
				return NULL;
			c = hex(word[i + 1]) << 4 | hex(word[i + 2]);
			i += 2;
		}
		if (c == '\0')
			return NULL;
		text[n] = (char)c;
	}
	return n > 0 ? doc_text(r->c->memory, text, n) : NULL;
}

/* ---- entries --------------------------------------------------------------- */

/* Depth of a path whose parts are all names; 0 for ".", -1 if it is none. */
static int
path_depth(const char *path)
{
	int depth = 0;

	if (strcmp(path, ".") == 0)
		return 0;
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, "/");

		if (n == 0 || n > NAME_MAX || (n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.') ||
		    ++depth > MOST_DEPTH)
			return -1;
		p += n;
		if (*p == '\0')
			return depth;
	}
}

/* It follows what was there, and its folder is a folder. */
static bool
has_place(struct reader *r, const struct contents_entry *t)
{
	const struct contents_entry *before, *parent;
	size_t n;

	if (t->depth == 0)
		return r->c->n == 1 && t->type == 'd';
	if (r->c->n < 2)
		return false;
	before = t - 1;
	if (contents_order(before->path, t->path) >= 0 ||
	    t->depth > before->depth + 1)
		return false;
	parent = &r->c->entries[r->parents[t->depth - 1]];
	if (parent->type != 'd')
		return false;
	n = strlen(parent->path);
	return t->depth == 1 ||
	    (strncmp(t->path, parent->path, n) == 0 && t->path[n] == '/');
}

static bool
read_link(struct reader *r, struct contents_entry *t)
{
	const struct contents_entry *first;

	t->target = word_text(r);
	if (t->target == NULL || contents_order(t->target, t->path) >= 0)
		return false;
	r->c->n--; /* it cannot be a name of itself */
	first = contents_find(r->c, t->target);
	r->c->n++;
	return first != NULL && first->type != 'd' && first->type != 'h';
}

static bool
read_device(struct reader *r, struct contents_entry *t)
{
	const char *word;
	char *end;
	size_t len = next_word(r, &word);
	unsigned long high, low;

	if (len < 3 || len > 24)
		return false;
	high = strtoul(word, &end, 10);
	if (*end != ':')
		return false;
	low = strtoul(end + 1, NULL, 10);
	t->size = makedev((unsigned)high, (unsigned)low);
	return true;
}

static bool
read_rest(struct reader *r, struct contents_entry *t)
{
	uint64_t mode, uid, gid;

	if (t->type == 'h')
		return read_link(r, t);
	if (!word_number(r, 8, 07777, &mode) ||
	    !word_number(r, 10, UINT32_MAX - 1, &uid) ||
	    !word_number(r, 10, UINT32_MAX - 1, &gid))
		return false;
	t->mode = (uint16_t)mode;
	t->uid = (uint32_t)uid;
	t->gid = (uint32_t)gid;
	if (t->type == 'f' && !word_number(r, 10, INT64_MAX, &t->size))
		return false;
	if (t->type == 'f' || t->type == 'd')
		return word_sum(r, t->sum);
	if (t->type == 'l')
		return (t->target = word_text(r)) != NULL;
	return t->type == 'p' || read_device(r, t);
}

/* " name=base64" of each, in order; what they hold the kernel will judge. */
static bool
read_xattrs(struct reader *r, struct contents_entry *t)
{
	const char *end = r->line + r->len, *start = r->word - 1, *word;
	const char *last = NULL;
	size_t last_len = 0, len;

	if (r->word == end)
		return end[-1] != ' ';
	if (end[-1] == ' ')
		return false;
	while (r->word < end) {
		len = next_word(r, &word);
		if (len < 2 || memchr(word, '=', len) == NULL || word[0] == '=')
			return false;
		if (last != NULL &&
		    (strncmp(last, word, last_len < len ? last_len : len) > 0))
			return false;
		last = word;
		last_len = len;
	}
	t->xattrs = doc_text(r->c->memory, start, (size_t)(end - start));
	return true;
}

static int
read_entry(struct reader *r, struct error *e)
{
	own(strbuf_clear) struct strbuf again = { 0 };
	struct contents_entry *t = contents_add(r->c);
	const char *word;
	int depth;

	t->path = word_text(r);
	depth = t->path != NULL ? path_depth(t->path) : -1;
	if (depth == -1)
		return bad(r, e, "no path inside the image");
	t->depth = (uint16_t)depth;
	if (next_word(r, &word) != 1 || strchr("dflcbph", *word) == NULL)
		return bad(r, e, "no such type");
	t->type = *word;
	if (!has_place(r, t))
		return bad(r, e, "out of order, or not in a folder");
	if (!read_rest(r, t) || !read_xattrs(r, t))
		return bad(r, e, "no entry");
	contents_print_entry(t, &again);
	if (again.len != r->len + 1 || memcmp(again.s, r->line, r->len) != 0)
		return bad(r, e, "not in canonical form");
	r->parents[t->depth] = r->c->n - 1;
	return 0;
}

/* ---- the head ---------------------------------------------------------------- */

/* Whether the line begins with name and a blank, which are then passed. */
static bool
is_field(struct reader *r, const char *name)
{
	size_t n = strlen(name);

	if (r->len <= n || memcmp(r->line, name, n) != 0 || r->line[n] != ' ')
		return false;
	r->word = r->line + n + 1;
	return true;
}

static int
read_name(struct reader *r, struct error *e)
{
	const char *name;

	if (next_line(r, e) == -1)
		return -1;
	if (r->len != strlen(CONTENTS_MAGIC) ||
	    memcmp(r->line, CONTENTS_MAGIC, r->len) != 0)
		return bad(r, e, "this is no list of an image's contents");
	if (next_line(r, e) == -1)
		return -1;
	if (!is_field(r, "name") || (name = word_text(r)) == NULL)
		return bad(r, e, "no name");
	free(r->c->name);
	r->c->name = mem_dup(name);
	return 0;
}

/* "FIELD SHA-256 PATH", then on to the next line; else nothing. */
static int
read_file(struct reader *r, const char *field, uint8_t sum[DIGEST_BYTES],
    char **path, struct error *e)
{
	const char *text;

	if (!is_field(r, field))
		return 0;
	if (!word_sum(r, sum) || (text = word_text(r)) == NULL)
		return bad(r, e, "no digest and path");
	*path = mem_dup(text);
	return next_line(r, e);
}

/* "FIELD PATH" or "FIELD PATH UNIT", each line after the one before it. */
static int
read_list(struct reader *r, const char *field, unsigned words,
    struct strlist *list, struct error *e)
{
	while (is_field(r, field)) {
		const char *path = word_text(r);
		const char *unit = words > 1 ? word_text(r) : "";

		if (path == NULL || !path_is_inside(path) || unit == NULL ||
		    strchr(unit, ' ') != NULL || list->len >= LIMIT_PARTS)
			return bad(r, e, "no path, or no unit");
		strlist_printf(
		    list, "%s%s%s", path, words > 1 ? " " : "", unit);
		if (list->len > 1 &&
		    strcmp(list->items[list->len - 2],
			list->items[list->len - 1]) >= 0)
			return bad(r, e, "out of order");
		if (next_line(r, e) == -1)
			return -1;
	}
	return 0;
}

/* What the head says of the image besides; every line of it may be missing. */
static int
read_about(struct reader *r, struct error *e)
{
	struct contents *c = r->c;
	uint64_t oldest, newest;
	const char *text;

	if (read_file(r, "kernel", c->kernel_sum, &c->kernel, e) == -1 ||
	    read_file(r, "initrd", c->initrd_sum, &c->initrd, e) == -1)
		return -1;
	if (is_field(r, "cmdline")) {
		if ((text = word_text(r)) == NULL)
			return bad(r, e, "no command line");
		c->cmdline = mem_dup(text);
		if (next_line(r, e) == -1)
			return -1;
	}
	if (is_field(r, "state")) {
		if (!word_number(r, 10, UINT32_MAX, &oldest) ||
		    !word_number(r, 10, UINT32_MAX, &newest) || newest == 0 ||
		    oldest > newest)
			return bad(r, e, "no range");
		c->state_oldest = (uint32_t)oldest;
		c->state_newest = (uint32_t)newest;
		if (next_line(r, e) == -1)
			return -1;
	}
	if (read_list(r, "preserve", 1, &c->preserve, e) == -1)
		return -1;
	return read_list(r, "restart", 2, &c->restart, e);
}

static int
read_numbers(struct reader *r, struct error *e)
{
	uint64_t n;

	if (next_line(r, e) == -1)
		return -1;
	if (!is_field(r, "version") ||
	    !word_number(r, 10, INT64_MAX, &r->c->version))
		return bad(r, e, "no version");
	if (next_line(r, e) == -1)
		return -1;
	if (is_field(r, "expires")) {
		if (!word_number(r, 10, INT64_MAX, &n) || n == 0)
			return bad(r, e, "no time");
		r->c->expires = (int64_t)n;
		if (next_line(r, e) == -1)
			return -1;
	}
	if (read_about(r, e) == -1)
		return -1;
	if (!is_field(r, "root") || !word_sum(r, r->c->root))
		return bad(r, e, "no digest of the root");
	if (next_line(r, e) == -1)
		return -1;
	if (!is_field(r, "entries") ||
	    !word_number(r, 10, LIMIT_TAR_ENTRIES, &n) || n == 0)
		return bad(r, e, "no number of entries");
	r->expected = (size_t)n;
	return 0;
}

/* One spelling here, too: spare bits of base64 must not be free to change. */
static bool
is_base64(const char *text, size_t len)
{
	own(strbuf_clear) struct strbuf data = { 0 }, again = { 0 };
	struct error none;

	if (base64_decode(text, len, &data, &none) == -1)
		return false;
	base64_encode(strbuf_text(&data), data.len, &again);
	return again.len == len && memcmp(strbuf_text(&again), text, len) == 0;
}

static int
read_signature(struct reader *r, struct error *e)
{
	const char *word;
	size_t len;

	if (next_line(r, e) == -1)
		return -1;
	if (is_field(r, "signature")) {
		len = next_word(r, &word);
		if (len == 0 || len > 1024 || word + len != r->line + r->len ||
		    !is_base64(word, len))
			return bad(r, e, "no signature");
		r->c->signature = mem_dupn(word, len);
		if (next_line(r, e) == -1)
			return -1;
	}
	return r->len == 0 ? 0 : bad(r, e, "an empty line is missing");
}

/* The head as it is printed must be how the text begins. */
static int
check_head(struct reader *r, const char *text, struct error *e)
{
	own(strbuf_clear) struct strbuf head = { 0 };
	size_t n = r->c->n;

	r->c->n = r->expected;
	contents_print_head(r->c, &head);
	r->c->n = n;
	if (head.len > (size_t)(r->end - text) ||
	    memcmp(head.s, text, head.len) != 0)
		return bad(r, e, "the head is not in canonical form");
	return 0;
}

static bool
is_nowhere(const struct contents *c, const char *path)
{
	const struct contents_entry *t =
	    path != NULL ? contents_find(c, path) : NULL;

	return path != NULL && (t == NULL || t->type != 'f');
}

/* Seal it anew: digests that were false do not come back. */
static int
check_sums(struct reader *r, const char *entries, struct error *e)
{
	own(strbuf_clear) struct strbuf again = { 0 };
	own(strbuf_clear) struct strbuf before = { 0 }, after = { 0 };

	contents_print_head(r->c, &before);
	contents_seal(r->c);
	contents_print_head(r->c, &after);
	if (before.len != after.len ||
	    memcmp(before.s, after.s, before.len) != 0)
		return error_set(
		    e, EBADMSG, "%s: the entries are not the head's", r->name);
	if (is_nowhere(r->c, r->c->kernel) || is_nowhere(r->c, r->c->initrd))
		return error_set(e, EBADMSG,
		    "%s: kernel or initrd is no file in it", r->name);
	for (size_t i = 0; i < r->c->n; i++) {
		strbuf_cut(&again, 0);
		contents_print_entry(&r->c->entries[i], &again);
		if (memcmp(again.s, entries, again.len) != 0)
			return error_set(e, EBADMSG, "%s: %s: wrong digest",
			    r->name, r->c->entries[i].path);
		entries += again.len;
	}
	return 0;
}

struct contents *
contents_parse(const char *text, size_t len, const char *name, struct error *e)
{
	ownp(contents_free) struct contents *c = contents_new("");
	own_free struct reader *r = mem_alloc(sizeof(*r));
	const char *entries;

	*r = (struct reader){
		.c = c, .name = name, .at = text, .end = text + len
	};
	if (read_name(r, e) == -1 || read_numbers(r, e) == -1 ||
	    read_signature(r, e) == -1 || check_head(r, text, e) == -1)
		return NULL;
	entries = r->at;
	for (size_t i = 0; i < r->expected; i++)
		if (next_line(r, e) == -1 || read_entry(r, e) == -1)
			return NULL;
	if (r->at != r->end) {
		bad(r, e, "more than the entries");
		return NULL;
	}
	return check_sums(r, entries, e) == 0 ? take(c) : NULL;
}

struct contents *
contents_load(int dir, const char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	if (file_read(dir, path, LIMIT_CONTENTS_BYTES, &text, e) == -1)
		return NULL;
	return contents_parse(strbuf_text(&text), text.len, path, e);
}
