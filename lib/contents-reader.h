/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a list, by lines and words, held whole or not. */
#ifndef LIB_CONTENTS_READER_H
#define LIB_CONTENTS_READER_H

#include <limits.h>
#include <stdbool.h>

#include "lib/contents.h"
#include "lib/strbuf.h"

#define CONTENTS_DEEPEST (PATH_MAX / 2)

struct contents_reader {
	struct contents *c;
	const char *name; /* for messages */
	contents_source *source; /* of more text, or NULL */
	void *ctx;
	struct strbuf buffer; /* what came of it, from the current line on */
	uint64_t came; /* bytes of it */
	const char *at, *end; /* what is left of the text */
	bool in_head;
	struct strbuf head; /* as it was read */
	struct strbuf again; /* an entry as it is printed */
	const char *line; /* the current one, of len bytes without its end */
	size_t len, number;
	const char *word; /* what is left of the line */
	size_t expected; /* entries */
	/* By depth: the last entry's number, and the lines in a folder. */
	size_t parents[CONTENTS_DEEPEST + 1];
	struct digest *sums[CONTENTS_DEEPEST + 1];
	uint8_t root[DIGEST_BYTES]; /* of the line of "." */
	unsigned open; /* folders that are not at their end, and have a sum */
};

void reader_clear(struct contents_reader *r);

/* Set the error to "NAME:LINE: what"; returns -1. */
int
reader_bad(const struct contents_reader *r, struct error *e, const char *what);

/* More text behind what is left: how many bytes, 0 at its end, or -1. */
ssize_t reader_more(struct contents_reader *r, struct error *e);

int reader_line(struct contents_reader *r, struct error *e);

/* The next word of the line and its length; 0 at the end of the line. */
size_t reader_word(struct contents_reader *r, const char **word);

/* The next word as what it has to be; false if it is not. */
bool
reader_number(struct contents_reader *r, int base, uint64_t most, uint64_t *n);
bool reader_sum(struct contents_reader *r, uint8_t sum[DIGEST_BYTES]);

/* A percent-encoded word of at most PATH_MAX - 1 bytes; NULL if it is none. */
const char *reader_text(struct contents_reader *r);

#endif
