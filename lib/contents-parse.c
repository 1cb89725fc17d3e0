/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text read back.  Each line is parsed, printed again and must then be
 * what it was: so there is one spelling, and no rule to forget about it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/contents-private.h"
#include "lib/contents-reader.h"
#include "lib/doc.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/strbuf.h"

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
		    ++depth > CONTENTS_DEEPEST)
			return -1;
		p += n;
		if (*p == '\0')
			return depth;
	}
}

/* It follows what was there, and its folder is a folder. */
static bool
has_place(struct contents_reader *r, const struct contents_entry *t)
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
read_link(struct contents_reader *r, struct contents_entry *t)
{
	const struct contents_entry *first;

	t->target = reader_text(r);
	if (t->target == NULL || contents_order(t->target, t->path) >= 0)
		return false;
	r->c->n--; /* it cannot be a name of itself */
	first = contents_find(r->c, t->target);
	r->c->n++;
	return first != NULL && first->type != 'd' && first->type != 'h';
}

static bool
read_device(struct contents_reader *r, struct contents_entry *t)
{
	const char *word;
	char *end;
	size_t len = reader_word(r, &word);
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
read_rest(struct contents_reader *r, struct contents_entry *t)
{
	uint64_t mode, uid, gid;

	if (t->type == 'h')
		return read_link(r, t);
	if (!reader_number(r, 8, 07777, &mode) ||
	    !reader_number(r, 10, UINT32_MAX - 1, &uid) ||
	    !reader_number(r, 10, UINT32_MAX - 1, &gid))
		return false;
	t->mode = (uint16_t)mode;
	t->uid = (uint32_t)uid;
	t->gid = (uint32_t)gid;
	if (t->type == 'f' && !reader_number(r, 10, INT64_MAX, &t->size))
		return false;
	if (t->type == 'f' || t->type == 'd')
		return reader_sum(r, t->sum);
	if (t->type == 'l')
		return (t->target = reader_text(r)) != NULL;
	return t->type == 'p' || read_device(r, t);
}

/* " name=base64" of each, in order; what they hold the kernel will judge. */
static bool
read_xattrs(struct contents_reader *r, struct contents_entry *t)
{
	const char *end = r->line + r->len, *start = r->word - 1, *word;
	const char *last = NULL;
	size_t last_len = 0, len;

	if (r->word == end)
		return end[-1] != ' ';
	if (end[-1] == ' ')
		return false;
	while (r->word < end) {
		len = reader_word(r, &word);
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

/* The folders from a depth on are at their end: all their lines are known. */
static int
leave(struct contents_reader *r, unsigned depth, struct error *e)
{
	uint8_t sum[DIGEST_BYTES];

	while (r->open > depth) {
		const struct contents_entry *t =
		    &r->c->entries[r->parents[--r->open]];

		digest_end(r->sums[r->open], sum);
		if (memcmp(sum, t->sum, sizeof(sum)) != 0)
			return error_set(e, EBADMSG, "%s: %s: wrong digest",
			    r->name, t->path);
	}
	return 0;
}

/* The entry that was read becomes a part of its folder. */
static int
enter(
    struct contents_reader *r, const struct contents_entry *t, struct error *e)
{
	if (leave(r, t->depth, e) == -1)
		return -1;
	if (t->depth > 0)
		digest_add(r->sums[t->depth - 1], r->again.s, r->again.len);
	else
		digest_buffer(r->again.s, r->again.len, r->root);
	if (t->type == 'd')
		r->sums[r->open++] = digest_new();
	r->parents[t->depth] = r->c->n - 1;
	return 0;
}

static int
read_entry(struct contents_reader *r, struct error *e)
{
	struct contents_entry *t = contents_add(r->c);
	const char *word;
	int depth;

	t->path = reader_text(r);
	depth = t->path != NULL ? path_depth(t->path) : -1;
	if (depth == -1)
		return reader_bad(r, e, "no path inside the image");
	t->depth = (uint16_t)depth;
	if (reader_word(r, &word) != 1 || strchr("dflcbph", *word) == NULL)
		return reader_bad(r, e, "no such type");
	t->type = *word;
	if (!has_place(r, t))
		return reader_bad(r, e, "out of order, or not in a folder");
	if (!read_rest(r, t) || !read_xattrs(r, t))
		return reader_bad(r, e, "no entry");
	strbuf_cut(&r->again, 0);
	contents_print_entry(t, &r->again);
	if (r->again.len != r->len + 1 ||
	    memcmp(r->again.s, r->line, r->len) != 0)
		return reader_bad(r, e, "not in canonical form");
	return enter(r, t, e);
}

/* ---- the head ---------------------------------------------------------------- */

/* Whether the line begins with name and a blank, which are then passed. */
static bool
is_field(struct contents_reader *r, const char *name)
{
	size_t n = strlen(name);

	if (r->len <= n || memcmp(r->line, name, n) != 0 || r->line[n] != ' ')
		return false;
	r->word = r->line + n + 1;
	return true;
}

static int
read_name(struct contents_reader *r, struct error *e)
{
	const char *name;

	if (reader_line(r, e) == -1)
		return -1;
	if (r->len != strlen(CONTENTS_MAGIC) ||
	    memcmp(r->line, CONTENTS_MAGIC, r->len) != 0)
		return reader_bad(
		    r, e, "this is no list of an image's contents");
	if (reader_line(r, e) == -1)
		return -1;
	if (!is_field(r, "name") || (name = reader_text(r)) == NULL)
		return reader_bad(r, e, "no name");
	free(r->c->name);
	r->c->name = mem_dup(name);
	return 0;
}

/* "FIELD SHA-256 PATH", then on to the next line; else nothing. */
static int
read_file(struct contents_reader *r, const char *field,
    uint8_t sum[DIGEST_BYTES], char **path, struct error *e)
{
	const char *text;

	if (!is_field(r, field))
		return 0;
	if (!reader_sum(r, sum) || (text = reader_text(r)) == NULL)
		return reader_bad(r, e, "no digest and path");
	*path = mem_dup(text);
	return reader_line(r, e);
}

/* "FIELD PATH" or "FIELD PATH UNIT", each line after the one before it. */
static int
read_list(struct contents_reader *r, const char *field, unsigned words,
    struct strlist *list, struct error *e)
{
	while (is_field(r, field)) {
		const char *path = reader_text(r);
		const char *unit = words > 1 ? reader_text(r) : "";

		if (path == NULL || !path_is_inside(path) || unit == NULL ||
		    strchr(unit, ' ') != NULL || list->len >= LIMIT_PARTS)
			return reader_bad(r, e, "no path, or no unit");
		strlist_printf(
		    list, "%s%s%s", path, words > 1 ? " " : "", unit);
		if (list->len > 1 &&
		    strcmp(list->items[list->len - 2],
			list->items[list->len - 1]) >= 0)
			return reader_bad(r, e, "out of order");
		if (reader_line(r, e) == -1)
			return -1;
	}
	return 0;
}

/* What the head says of the image besides; every line of it may be missing. */
static int
read_about(struct contents_reader *r, struct error *e)
{
	struct contents *c = r->c;
	uint64_t oldest, newest;
	const char *text;

	if (read_file(r, "kernel", c->kernel_sum, &c->kernel, e) == -1 ||
	    read_file(r, "initrd", c->initrd_sum, &c->initrd, e) == -1)
		return -1;
	if (is_field(r, "cmdline")) {
		if ((text = reader_text(r)) == NULL)
			return reader_bad(r, e, "no command line");
		c->cmdline = mem_dup(text);
		if (reader_line(r, e) == -1)
			return -1;
	}
	if (is_field(r, "state")) {
		if (!reader_number(r, 10, UINT32_MAX, &oldest) ||
		    !reader_number(r, 10, UINT32_MAX, &newest) || newest == 0 ||
		    oldest > newest)
			return reader_bad(r, e, "no range");
		c->state_oldest = (uint32_t)oldest;
		c->state_newest = (uint32_t)newest;
		if (reader_line(r, e) == -1)
			return -1;
	}
	if (read_list(r, "preserve", 1, &c->preserve, e) == -1)
		return -1;
	return read_list(r, "restart", 2, &c->restart, e);
}

static int
read_numbers(struct contents_reader *r, struct error *e)
{
	uint64_t n;

	if (reader_line(r, e) == -1)
		return -1;
	if (!is_field(r, "version") ||
	    !reader_number(r, 10, INT64_MAX, &r->c->version))
		return reader_bad(r, e, "no version");
	if (reader_line(r, e) == -1)
		return -1;
	if (is_field(r, "expires")) {
		if (!reader_number(r, 10, INT64_MAX, &n) || n == 0)
			return reader_bad(r, e, "no time");
		r->c->expires = (int64_t)n;
		if (reader_line(r, e) == -1)
			return -1;
	}
	if (read_about(r, e) == -1)
		return -1;
	if (!is_field(r, "root") || !reader_sum(r, r->c->root))
		return reader_bad(r, e, "no digest of the root");
	if (reader_line(r, e) == -1)
		return -1;
	if (!is_field(r, "entries") ||
	    !reader_number(r, 10, LIMIT_TAR_ENTRIES, &n) || n == 0)
		return reader_bad(r, e, "no number of entries");
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
read_signature(struct contents_reader *r, struct error *e)
{
	const char *word;
	size_t len;

	if (reader_line(r, e) == -1)
		return -1;
	if (is_field(r, "signature")) {
		len = reader_word(r, &word);
		if (len == 0 || len > 1024 || word + len != r->line + r->len ||
		    !is_base64(word, len))
			return reader_bad(r, e, "no signature");
		r->c->signature = mem_dupn(word, len);
		if (reader_line(r, e) == -1)
			return -1;
	}
	return r->len == 0 ? 0 : reader_bad(r, e, "an empty line is missing");
}

/* The head as it is printed must be how the text began; it is the id. */
static int
check_head(struct contents_reader *r, struct error *e)
{
	own(strbuf_clear) struct strbuf head = { 0 };
	size_t n = r->c->n;

	r->in_head = false;
	r->c->n = r->expected;
	contents_print_head(r->c, &head);
	r->c->n = n;
	if (head.len > r->head.len || memcmp(head.s, r->head.s, head.len) != 0)
		return reader_bad(r, e, "the head is not in canonical form");
	digest_text(head.s, head.len, r->c->id);
	strbuf_clear(&r->head);
	return 0;
}

/* Whether a file that the head names is what the list says. */
static bool
is_named(
    const struct contents *c, const char *path, const uint8_t sum[DIGEST_BYTES])
{
	const struct contents_entry *t =
	    path != NULL ? contents_find(c, path) : NULL;

	return path == NULL ||
	    (t != NULL && t->type == 'f' &&
		memcmp(t->sum, sum, sizeof(t->sum)) == 0);
}

static int
check_sums(struct contents_reader *r, struct error *e)
{
	const struct contents *c = r->c;

	if (leave(r, 0, e) == -1)
		return -1;
	if (memcmp(r->root, c->root, sizeof(c->root)) != 0)
		return error_set(
		    e, EBADMSG, "%s: the entries are not the head's", r->name);
	if (!is_named(c, c->kernel, c->kernel_sum) ||
	    !is_named(c, c->initrd, c->initrd_sum))
		return error_set(e, EBADMSG,
		    "%s: kernel or initrd is not as it is listed", r->name);
	return 0;
}

static int
read_text(struct contents_reader *r, struct error *e)
{
	ssize_t n;

	if (read_name(r, e) == -1 || read_numbers(r, e) == -1 ||
	    read_signature(r, e) == -1 || check_head(r, e) == -1)
		return -1;
	for (size_t i = 0; i < r->expected; i++)
		if (reader_line(r, e) == -1 || read_entry(r, e) == -1)
			return -1;
	n = r->at == r->end ? reader_more(r, e) : 1;
	if (n != 0)
		return n == -1 ? -1 : reader_bad(r, e, "more than the entries");
	return check_sums(r, e);
}

static struct contents *
read_all(struct contents_reader *given, struct error *e)
{
	ownp(contents_free) struct contents *c = contents_new("");
	own_free struct contents_reader *r = mem_alloc(sizeof(*r));
	int result;

	*r = *given;
	r->c = c;
	r->in_head = true;
	result = read_text(r, e);
	reader_clear(r);
	return result == 0 ? take(c) : NULL;
}

struct contents *
contents_parse(const char *text, size_t len, const char *name, struct error *e)
{
	struct contents_reader r = {
		.name = name, .at = text, .end = text + len
	};

	return read_all(&r, e);
}

struct contents *
contents_read(
    contents_source *source, void *ctx, const char *name, struct error *e)
{
	struct contents_reader r = {
		.name = name, .source = source, .ctx = ctx
	};

	r.at = r.end = "";
	return read_all(&r, e);
}

static ssize_t
read_file_piece(void *ctx, void *to, size_t n, struct error *e)
{
	const int *fd = ctx;
	ssize_t got;

	do
		got = read(*fd, to, n);
	while (got == -1 && errno == EINTR);
	return got == -1 ? error_errno(e, "read") : got;
}

struct contents *
contents_load(int dir, const char *path, struct error *e)
{
	own_fd int fd =
	    openat(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1) {
		error_errno(e, "%s", path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		error_set(e, EINVAL, "%s: not a regular file", path);
		return NULL;
	}
	return contents_read(read_file_piece, &fd, path, e);
}
