/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record in memory, for the two files that load and save it.
 *
 * On the disk: a head, the places in the metadata that templates read, each
 * with a digest of what was there, the partials, and the templates.
 */
#ifndef APPLY_CONFIG_RECORD_PRIVATE_H
#define APPLY_CONFIG_RECORD_PRIVATE_H

#include "apply-config/identity.h"
#include "apply-config/record.h"
#include "lib/strbuf.h"

#define RECORD_MAGIC "apply-config record 1 " VERSION
#define RECORD_KEY 16 /* bytes */

/* A run of bytes in the file. */
struct run {
	const char *s;
	size_t len;
};

struct item {
	struct run path;
	const char *template, *control, *output; /* identities, or NULL */
	struct run depends; /* numbers of marks, four bytes each */
	struct run partials; /* the same */
	struct run spans; /* starts and lengths, eight bytes each */
};

struct record {
	struct strbuf raw; /* the file */
	int64_t started, saved; /* clocks of the run that saved it */
	uint32_t *marks; /* place * 2 + aspect, as the reads number them */
	bool *changed; /* whether what is there changed */
	size_t mark_count;
	uint32_t *partials; /* as the renderer numbers them */
	bool *partial_changed;
	size_t partial_count;
	struct item *items; /* by path */
	size_t count;
};

const struct item *record_find(const struct record *r, const char *path);

/* What makes a record useless when it is not the same. */
void record_add_settings(const struct settings *s, struct strbuf *b);

/* What stands at each of the places; the caller's. */
const struct value **record_resolve(const struct settings *s,
    const struct reads *reads, const struct value *root);

/* What a dependency amounts to. */
uint64_t
record_digest(const struct value *v, uint32_t mark, const uint8_t *key);

/* The output of a template; its change time moves when it is renamed. */
struct identity record_made(const struct stat *st);
struct identity record_output(struct output *o, const char *path);

#endif
