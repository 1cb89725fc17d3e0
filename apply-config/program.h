/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a template is compiled to, known to the files of the engine only.
 *
 * A program is an array of nodes in the order of the text; a node that has
 * others inside says where they end, so rendering is a walk over the array.
 */
#ifndef APPLY_CONFIG_PROGRAM_H
#define APPLY_CONFIG_PROGRAM_H

#include "apply-config/mustache.h"

enum node_kind {
	NODE_TEXT,
	NODE_VALUE, /* {{name}} */
	NODE_RAW, /* {{{name}}} and {{&name}} */
	NODE_SECTION, /* {{#name}} */
	NODE_INVERTED, /* {{^name}} */
	NODE_PARTIAL, /* {{>name}} */
	NODE_PARENT, /* {{<name}}, in partials[] as well */
	NODE_BLOCK, /* {{$name}}, in blocks[] */
};

struct node {
	uint8_t kind;
	bool missed; /* in strict rendering, was said to be missing */
	uint16_t parts; /* of the name; 0 is "." */
	uint32_t at; /* where the text or the tag begins in the program's */
	uint32_t next; /* the node after all that is inside */
	union {
		uint32_t len; /* of a text */
		uint32_t part; /* of a value or section: first of parts[] */
		uint32_t more; /* of the others: in partials[] or blocks[] */
	};
};

/* One part of a dotted name; it stands at the offset in the text. */
struct part {
	uint32_t at;
	uint32_t len : 31;
	uint32_t secret : 1;
	uint32_t hash;
};

/* What else there is to a partial, a parent or a block. */
struct partial_tag {
	const char *name;
	uint32_t len;
	uint32_t white; /* blanks before a tag that stands alone */
	bool dynamic; /* the name is looked up: */
	uint32_t part;
	uint16_t parts;
	uint32_t first, count; /* of a parent's arguments[] */
};

#define DELIMITER_MAX 16

struct delimiters {
	char open[DELIMITER_MAX], close[DELIMITER_MAX];
	uint8_t open_len, close_len;
};

/* A piece of source and the programs made of it, one for each indentation. */
struct body {
	const char *name; /* borrowed, for messages */
	char *text;
	size_t len;
	uint32_t line; /* of the first byte, from 1 */
	uint32_t column; /* characters before it on that line */
	struct delimiters delimiters; /* in force at the first byte */
	struct mustache_dialect dialect;
	struct program **programs;
	size_t count, cap;
};

/* The content of a block inside a parent tag, which replaces the parent's. */
struct argument {
	const char *name;
	uint32_t len;
	struct body body;
};

struct block {
	const char *name;
	uint32_t len;
	const char *indent; /* of what replaces it: blanks in the text */
	uint32_t indent_len;
	bool inside; /* the first line is indented already */
};

/* Where a byte of a program's text stands. */
struct place {
	uint32_t at, line, column;
};

struct program {
	struct body *body;
	struct place *place; /* the last that was asked for; line 0: none */
	char *indent; /* NULL when there is none */
	size_t indent_len;
	bool inside;
	char *text; /* owned when it was indented, else the body's */
	size_t len;
	struct node *nodes;
	size_t count, cap;
	struct part *parts;
	size_t part_count, part_cap;
	struct partial_tag *partials;
	size_t partial_count, partial_cap;
	struct block *blocks;
	size_t block_count, block_cap;
	struct argument **arguments;
	size_t argument_count, argument_cap;
};

struct mustache {
	char *name;
	struct body body;
};

/*
 * The program of a body with n bytes of indentation before each line that is
 * not empty (inside: but the first), made when first asked for.
 */
struct program *program_get(
    struct body *b, const char *indent, size_t n, bool inside, struct error *e);

void body_clear(struct body *b);

/* Fill the nodes of a new program from its text (mustache-compile.c). */
int program_compile(struct program *p, struct error *e);

/* Fill e with "name:line:column: {{tag}}: what"; returns -1. */
int program_error(const struct program *p, uint32_t at, struct error *e,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Lines count from 1, columns from 0. */
struct place program_place(const struct program *p, uint32_t at);

/* Add "name:line:column: text" of the tag at that place to b. */
void program_tell(const struct program *p, uint32_t at, struct strbuf *b);

/* ---- tags in text (mustache-scan.c) ------------------------------------ */

enum tag_kind {
	TAG_VALUE = 'v',
	TAG_RAW = '&',
	TAG_SECTION = '#',
	TAG_INVERTED = '^',
	TAG_CLOSE = '/',
	TAG_PARTIAL = '>',
	TAG_DELIMITERS = '=',
	TAG_COMMENT = '!',
	TAG_PARENT = '<',
	TAG_BLOCK = '$',
};

struct tag {
	enum tag_kind kind;
	const char *name; /* without the blanks around it */
	size_t len;
	size_t begin, end; /* of the tag itself, in bytes from the start */
	size_t white; /* blanks just before it */
	bool line_start; /* nothing but those blanks before it on its line */
	bool line_end; /* nothing after it on its line */
};

struct scan {
	const char *text;
	size_t len, at;
	struct delimiters delimiters;
	bool extended;
	size_t no_brace, no_equals; /* no such end of a tag before here */
};

/* The next tag: 1, or 0 at the end of all tags; -1 with what and t->begin. */
int scan_next(struct scan *s, struct tag *t, const char **what);

/* Step over blanks as Python knows them; returns where they end. */
size_t scan_blanks(const struct scan *s, size_t at);

/* at, moved over a line's end that stands there. */
size_t scan_newline(const struct scan *s, size_t at);

#endif
