/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that come from a buffer, which is filled anew where there is more. */
#include "lib/contents-reader.h"

#include <errno.h>
#include <string.h>

#include "lib/bytes.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/limits.h"

#define PIECE KIB(64) /* of a text that is not held whole */

int
reader_bad(const struct contents_reader *r, struct error *e, const char *what)
{
	return error_set(e, EBADMSG, "%s:%zu: %s", r->name, r->number, what);
}

void
reader_clear(struct contents_reader *r)
{
	strbuf_clear(&r->buffer);
	strbuf_clear(&r->head);
	strbuf_clear(&r->again);
	while (r->open > 0) {
		uint8_t sum[DIGEST_BYTES];

		digest_end(r->sums[--r->open], sum);
	}
}

/* More text behind what is left: how many bytes, 0 at its end, or -1. */
ssize_t
reader_more(struct contents_reader *r, struct error *e)
{
	size_t left = (size_t)(r->end - r->at);
	ssize_t n;

	if (r->source == NULL)
		return 0;
	if (left > 0)
		memmove(r->buffer.s, r->at, left);
	r->buffer.len = left;
	n = r->source(r->ctx, strbuf_reserve(&r->buffer, PIECE), PIECE, e);
	if (n == -1)
		return -1;
	r->came += (uint64_t)n;
	if (r->came > LIMIT_CONTENTS_BYTES)
		return error_set(e, EFBIG, "%s: longer than %zu bytes", r->name,
		    LIMIT_CONTENTS_BYTES);
	r->buffer.len += (size_t)n;
	r->at = r->buffer.s;
	r->end = r->at + r->buffer.len;
	return n;
}

int
reader_line(struct contents_reader *r, struct error *e)
{
	const char *feed;
	ssize_t n = 1;

	r->number++;
	while ((feed = memchr(r->at, '\n', (size_t)(r->end - r->at))) == NULL) {
		n = reader_more(r, e);
		if (n <= 0)
			return n == -1
			    ? -1
			    : reader_bad(r, e, "the text breaks off");
	}
	if (memchr(r->at, '\0', (size_t)(feed - r->at)) != NULL)
		return reader_bad(r, e, "a NUL");
	r->line = r->word = r->at;
	r->len = (size_t)(feed - r->at);
	r->at = feed + 1;
	if (r->in_head)
		strbuf_add(&r->head, r->line, r->len + 1);
	return 0;
}

/* The next word of the line and its length; 0 at the end of the line. */
size_t
reader_word(struct contents_reader *r, const char **word)
{
	const char *end = r->line + r->len, *p = r->word;

	*word = p;
	while (p < end && *p != ' ')
		p++;
	r->word = p < end ? p + 1 : end;
	return (size_t)(p - *word);
}

bool
reader_number(struct contents_reader *r, int base, uint64_t most, uint64_t *n)
{
	const char *word;
	size_t len = reader_word(r, &word);

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

bool
reader_sum(struct contents_reader *r, uint8_t sum[DIGEST_BYTES])
{
	const char *word;
	size_t len = reader_word(r, &word);

	return digest_parse(word, len, sum);
}

/* A percent-encoded word of at most PATH_MAX - 1 bytes; NULL if it is none. */
const char *
reader_text(struct contents_reader *r)
{
	char text[PATH_MAX];
	const char *word;
	size_t len = reader_word(r, &word), n = 0;

	for (size_t i = 0; i < len; i++, n++) {
		int c = (unsigned char)word[i];

		if (n == sizeof(text) - 1)
			return NULL;
		if (c == '%') {
			if (len - i < 3 || hex_digit(word[i + 1]) < 0 ||
			    hex_digit(word[i + 2]) < 0)
				return NULL;
			c = hex_digit(word[i + 1]) << 4 |
			    hex_digit(word[i + 2]);
			i += 2;
		}
		if (c == '\0')
			return NULL;
		text[n] = (char)c;
	}
	return n > 0 ? doc_text(r->c->memory, text, n) : NULL;
}
