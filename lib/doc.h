/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data model of the house: a tree of values as JSON has it.
 *
 * All values of a tree belong to one struct doc and go with it; a value is
 * never freed alone, so pointers into a tree are plain borrowed pointers.
 * Values may be shared between trees of the same doc.
 *
 * Numbers keep their text: integers are exact at any size and are printed as
 * they came; reals are printed as Python prints the nearest double.  What is
 * accepted is what Python's json module accepts: NaN and Infinity, a repeated
 * key (the last wins and keeps the first's place), lone surrogates (kept as
 * three bytes), NUL inside strings.
 */
#ifndef LIB_DOC_H
#define LIB_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"

struct error;
struct strbuf;
struct strlist;
struct doc;

enum value_kind {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_NUMBER, /* text is its decimal form, or NaN, [-]Infinity */
	VALUE_STRING, /* text is UTF-8, NUL-terminated, len bytes */
	VALUE_LIST,
	VALUE_MAP,
};

struct value {
	uint8_t kind;
	bool truth; /* of a bool */
	bool full; /* of a list: there is no room for another item */
	uint32_t len; /* bytes of text, or number of items or members */
	union {
		const char *text;
		struct value **items;
		struct map *map;
	};
};

struct member {
	const char *name;
	uint32_t len; /* bytes of name */
	uint32_t hash;
	struct value *value;
};

struct doc *doc_new(void);
void doc_free(struct doc *d); /* NULL is fine */
OWN_POINTER(doc)

/* n zeroed bytes, or a copy of n bytes and a NUL, that live as long as d. */
void *doc_alloc(struct doc *d, size_t n);
char *doc_text(struct doc *d, const char *s, size_t n);

/* Memory from malloc that d frees with itself. */
void doc_keep(struct doc *d, void *memory, size_t n);

/* How much memory d holds, in bytes. */
size_t doc_size(const struct doc *d);

/*
 * Parse JSON.  name is for messages, "name:line:column: what".  Returns the
 * root, or NULL.  Text and file have at most LIMIT_DOC_BYTES.
 */
struct value *doc_parse(struct doc *d, const char *text, size_t len,
    const char *name, struct error *e);

/* The same for a text that d takes over, which spares copying it. */
struct value *doc_parse_taken(
    struct doc *d, struct strbuf *text, const char *name, struct error *e);
struct value *
doc_load(struct doc *d, int dir, const char *path, struct error *e);

/* New values.  The text is copied. */
struct value *value_null(struct doc *d);
struct value *value_bool(struct doc *d, bool truth);
struct value *value_int(struct doc *d, long long n);
struct value *value_real(struct doc *d, double n);
struct value *value_number(struct doc *d, const char *text);
struct value *value_string(struct doc *d, const char *text);
struct value *value_stringn(struct doc *d, const char *text, size_t n);
struct value *value_list(struct doc *d);
struct value *value_map(struct doc *d);

/* A string of foreign bytes: what is not UTF-8 becomes U+FFFD. */
struct value *value_foreign(struct doc *d, const char *bytes, size_t n);

/* A list of strings, those of l. */
struct value *value_strings(struct doc *d, const struct strlist *l);

/* Append to a list; set a member of a map, replacing one that is there. */
void value_add(struct doc *d, struct value *list, struct value *item);
void value_set(
    struct doc *d, struct value *map, const char *name, struct value *value);
void value_setn(struct doc *d, struct value *map, const char *name, size_t n,
    struct value *value);

/* The same with a text, null if it is NULL, and with a number. */
void value_set_text(
    struct doc *d, struct value *map, const char *name, const char *text);
void value_set_number(
    struct doc *d, struct value *map, const char *name, uint64_t n);

/*
 * The same of n > 0 items or members at once; names are not copied.  like, or
 * NULL, is a map of the same doc that may have the same names: then they are
 * kept once.
 */
struct value *
value_list_of(struct doc *d, struct value *const *items, size_t n);
struct value *value_map_of(struct doc *d, const struct member *members,
    size_t n, const struct value *like);

/* A member, or NULL when there is none or v is no map; v may be NULL. */
struct value *value_get(const struct value *v, const char *name);
struct value *value_getn(const struct value *v, const char *name, size_t n);

/*
 * The same for a name whose hash, value_hash(name, n), is known already.
 * Hashes are of use within one process only.
 */
uint32_t value_hash(const char *name, size_t n);
struct value *value_get_hashed(
    const struct value *v, const char *name, size_t n, uint32_t hash);

/* The members of a map in order; i < v->len. */
struct member value_member(const struct value *v, size_t i);

/* Follow names with dots between them: "a.b.c".  NULL if one is missing. */
struct value *value_find(const struct value *v, const char *dotted);

/* The text of a string member; fallback when it is absent or no string. */
const char *
value_text(const struct value *v, const char *name, const char *fallback);

/* A whole number that fits.  Returns false, and *n untouched, if not one. */
bool value_to_int(const struct value *v, long long *n);

/* The nearest double of a number; 0 of anything else. */
double value_to_real(const struct value *v);

/* Whether the text of a number has no fraction and no exponent. */
bool value_is_int(const struct value *v);

/* Same JSON: maps without regard to order, numbers by value. */
bool value_equal(const struct value *a, const struct value *b);

/* Copy a whole tree into d. */
struct value *value_copy(struct doc *d, const struct value *v);

/*
 * Merge from into the map into, as os-apply-config does: a map into a map
 * member by member, anything else (null included) replaces what is there.
 * What from holds is then shared: both must belong to d.
 */
void value_merge(struct doc *d, struct value *into, const struct value *from);

enum value_style {
	STYLE_PYTHON, /* one line, ", " and ": ", other than ASCII escaped */
	STYLE_UTF8, /* the same, UTF-8 as it is */
	STYLE_INDENT, /* one blank a level, ASCII: a cache file */
	STYLE_INDENT4, /* the same with four: json.dumps(indent=4) */
	STYLE_PRETTY, /* two blanks a level, UTF-8: for people */
};

/* Append v as JSON.  No line feed at the end. */
void
value_print(const struct value *v, enum value_style style, struct strbuf *b);

/* A number as Python's str() or json prints it; text of VALUE_NUMBER. */
void value_print_number(const char *text, struct strbuf *b);

const char *value_kind_name(const struct value *v);

#endif
