/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shortest edit script by the greedy algorithm of E. Myers (1986), "An
 * O(ND) Difference Algorithm", between what the two texts have in common at
 * both ends.  Texts that differ too much are shown as replaced.
 */
#include "apply-config/diff.h"

#include <stdlib.h>
#include <string.h>

#include "apply-config/codec.h"
#include "apply-config/secrets.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define CONTEXT 3
#define MOST_EDITS 1000 /* beyond, the middle is shown as replaced */
#define MASK "***"

struct line {
	const char *s;
	size_t len; /* with its line feed, if it has one */
	uint64_t hash;
};

struct side {
	const struct diff_side *from;
	struct line *lines;
	size_t count;
	bool *edited; /* removed, or added */
};

static void
split(struct side *s, const struct diff_side *from)
{
	static const uint8_t key[16];
	const char *at = from->text, *end = at + from->len;
	size_t cap = 0;

	*s = (struct side){ .from = from };
	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		const char *stop = lf == NULL ? end : lf + 1;
		struct hash h;

		hash_begin(&h, key);
		hash_add(&h, at, (size_t)(stop - at));
		s->lines =
		    mem_grow(s->lines, &cap, s->count + 1, sizeof(*s->lines));
		s->lines[s->count++] = (struct line){ .s = at,
			.len = (size_t)(stop - at),
			.hash = hash_end(&h) };
		at = stop;
	}
	s->edited = mem_alloc(s->count + 1);
}

static void
side_clear(struct side *s)
{
	free(s->lines);
	free(s->edited);
}

static bool
is_equal(const struct side *a, size_t i, const struct side *b, size_t k)
{
	const struct line *x = &a->lines[i], *y = &b->lines[k];

	return x->hash == y->hash && x->len == y->len &&
	    memcmp(x->s, y->s, x->len) == 0;
}

/* ---- the edit script --------------------------------------------------------- */

struct middle {
	struct side *a, *b;
	size_t start; /* lines in common at the beginning */
	long n, m; /* lines of a and b in between */
};

static bool
equal_at(const struct middle *mid, long x, long y)
{
	return is_equal(
	    mid->a, mid->start + (size_t)x, mid->b, mid->start + (size_t)y);
}

/*
 * Go back through the furthest points of each number of edits, marking the
 * lines that are removed or added.
 */
static void
trace_back(const struct middle *mid, int *const *furthest, long d)
{
	long x = mid->n, y = mid->m;

	for (; d > 0; d--) {
		const int *v = furthest[d - 1] + d;
		long k = x - y;
		bool down = k == -d || (k != d && v[k - 1] < v[k + 1]);
		long from = down ? v[k + 1] : v[k - 1];
		long from_y = from - (down ? k + 1 : k - 1);

		if (down)
			mid->b->edited[mid->start + (size_t)from_y] = true;
		else
			mid->a->edited[mid->start + (size_t)from] = true;
		x = from;
		y = from_y;
	}
}

/* The furthest points with d edits, from those with d - 1. */
static bool
advance(const struct middle *mid, const int *before, int *v, long d)
{
	for (long k = -d; k <= d; k += 2) {
		long x, y;

		if (d == 0)
			x = 0;
		else if (k == -d || (k != d && before[k - 1] < before[k + 1]))
			x = before[k + 1];
		else
			x = before[k - 1] + 1;
		y = x - k;
		while (x < mid->n && y < mid->m && x >= 0 && y >= 0 &&
		    equal_at(mid, x, y)) {
			x++;
			y++;
		}
		v[k] = (int)x;
		if (x >= mid->n && y >= mid->m)
			return true;
	}
	return false;
}

static void
find_edits(const struct middle *mid)
{
	int *furthest[MOST_EDITS + 1];
	long d;
	bool found = false;

	for (d = 0; d <= MOST_EDITS && !found; d++) {
		furthest[d] = mem_alloc((size_t)(2 * d + 3) * sizeof(int));
		found = advance(mid, d > 0 ? furthest[d - 1] + d : NULL,
		    furthest[d] + d + 1, d);
	}
	d--;
	if (found) {
		trace_back(mid, furthest, d);
	} else {
		memset(mid->a->edited + mid->start, true, (size_t)mid->n);
		memset(mid->b->edited + mid->start, true, (size_t)mid->m);
	}
	for (; d >= 0; d--)
		free(furthest[d]);
}

static void
compare(struct side *a, struct side *b)
{
	size_t start = 0, end = 0;
	struct middle mid = { .a = a, .b = b };

	while (start < a->count && start < b->count &&
	    is_equal(a, start, b, start))
		start++;
	while (end < a->count - start && end < b->count - start &&
	    is_equal(a, a->count - 1 - end, b, b->count - 1 - end))
		end++;
	mid.start = start;
	mid.n = (long)(a->count - start - end);
	mid.m = (long)(b->count - start - end);
	if (mid.n > 0 || mid.m > 0)
		find_edits(&mid);
}

/* ---- printing ------------------------------------------------------------------- */

/* A line without its line feed, secrets masked. */
static void
add_masked(const struct side *s, const struct line *line, struct strbuf *b)
{
	const struct spans *spans = s->from->spans;
	size_t at = (size_t)(line->s - s->from->text), end = at + line->len;

	if (line->len > 0 && line->s[line->len - 1] == '\n')
		end--;
	for (size_t i = 0; spans != NULL && i < spans->len; i++) {
		size_t from = spans->items[i].start,
		       to = from + spans->items[i].len;

		if (to <= at || from >= end)
			continue;
		if (from > at)
			strbuf_add(b, s->from->text + at, from - at);
		strbuf_puts(b, MASK);
		at = to < end ? to : end;
	}
	strbuf_add(b, s->from->text + at, end - at);
}

static void
add_line(const struct side *s, size_t i, char sign, struct strbuf *b)
{
	const struct line *line = &s->lines[i];

	strbuf_putc(b, sign);
	if (s->from->hidden)
		strbuf_puts(b, MASK);
	else
		add_masked(s, line, b);
	strbuf_putc(b, '\n');
	if (line->s[line->len - 1] != '\n')
		strbuf_puts(b, "\\ No newline at end of file\n");
}

/* A hunk: lines a[i..], b[k..] to where nothing was edited for a while. */
struct hunk {
	size_t a, a_end, b, b_end;
};

/* Find the next hunk from a[*i], b[*k] on; false at the end. */
static bool
next_hunk(const struct side *a, const struct side *b, size_t *i, size_t *k,
    struct hunk *h)
{
	size_t quiet = 0, x = *i, y = *k, before;

	while (x < a->count && y < b->count && !a->edited[x] && !b->edited[y]) {
		x++;
		y++;
	}
	if (x == a->count && y == b->count)
		return false;
	before = x - *i < CONTEXT ? x - *i : CONTEXT;
	h->a = x - before;
	h->b = y - before;
	while ((x < a->count || y < b->count) && quiet < 2 * CONTEXT) {
		if (x < a->count && a->edited[x]) {
			x++;
			quiet = 0;
		} else if (y < b->count && b->edited[y]) {
			y++;
			quiet = 0;
		} else {
			x++;
			y++;
			quiet++;
		}
	}
	*i = x;
	*k = y;
	before = quiet > CONTEXT ? quiet - CONTEXT : 0;
	h->a_end = x - before;
	h->b_end = y - before;
	*i -= before;
	*k -= before;
	return true;
}

static void
add_range(char sign, size_t from, size_t to, struct strbuf *b)
{
	strbuf_printf(b, "%c%zu", sign, to > from ? from + 1 : from);
	if (to - from != 1)
		strbuf_printf(b, ",%zu", to - from);
}

/* Context shows the new side, where it is mostly known what is secret. */
static void
add_hunk(const struct side *a, const struct side *b, const struct hunk *h,
    struct strbuf *out)
{
	size_t x = h->a, y = h->b;

	strbuf_puts(out, "@@ ");
	add_range('-', h->a, h->a_end, out);
	strbuf_putc(out, ' ');
	add_range('+', h->b, h->b_end, out);
	strbuf_puts(out, " @@\n");
	while (x < h->a_end || y < h->b_end) {
		if (x < h->a_end && a->edited[x])
			add_line(a, x++, '-', out);
		else if (y < h->b_end && b->edited[y])
			add_line(b, y++, '+', out);
		else
			add_line(b, (x++, y++), ' ', out);
	}
}

void
diff_add(const struct diff_side *old, const struct diff_side *new,
    struct strbuf *out)
{
	own(side_clear) struct side a = { 0 };
	own(side_clear) struct side b = { 0 };
	size_t i = 0, k = 0;
	struct hunk h;

	if (old->len == new->len && memcmp(old->text, new->text, old->len) == 0)
		return;
	if (memchr(old->text, '\0', old->len) != NULL ||
	    memchr(new->text, '\0', new->len) != NULL) {
		strbuf_printf(out, "Binary files %s and %s differ\n",
		    old->label, new->label);
		return;
	}
	split(&a, old);
	split(&b, new);
	compare(&a, &b);
	strbuf_printf(out, "--- %s\n+++ %s\n", old->label, new->label);
	while (next_hunk(&a, &b, &i, &k, &h))
		add_hunk(&a, &b, &h, out);
}
