/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record in memory, for the files that load, ask and save it.
 *
 * On the disk it is two files of one form: of all templates, and of those
 * that were rendered since, which saves writing them all for the sake of a
 * few.  What either says of a template holds by itself: it names the file
 * that came of it, so what is out of date is found out.
 *
 * Each has a head, the places in the metadata that templates read, each with a
 * digest of what was there, the partials, and the templates.
 */
#ifndef APPLY_CONFIG_RECORD_PRIVATE_H
#define APPLY_CONFIG_RECORD_PRIVATE_H

#include "apply-config/identity.h"
#include "apply-config/record.h"
#include "lib/strbuf.h"

#define RECORD_MAGIC "apply-config record 1 " VERSION
#define RECORD_KEY 16 /* bytes */
#define RECORD_ALL "record"
#define RECORD_NEWER "record.newer"

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

/* One of the two files. */
struct layer {
	struct strbuf raw;
	int64_t started, saved; /* clocks of the run that saved it */
	uint32_t *marks; /* place * 2 + aspect, as the reads number them */
	bool *changed; /* whether what is there changed */
	size_t mark_count;
	uint32_t *partials; /* as the renderer numbers them */
	bool *partial_changed;
	size_t partial_count;
	struct item *items; /* by path */
	size_t count;
	size_t next; /* the one after the last that was found */
};

struct record {
	struct layer all;
	struct layer newer; /* goes before all */
};

const struct item *layer_find(struct layer *l, const char *path);

/* The same in either, and in which it is; r may be NULL. */
const struct item *
record_find(struct record *r, const char *path, const struct layer **layer);

/* What makes a record useless when it is not the same. */
void record_add_settings(const struct settings *s, struct strbuf *b);

/* What stands at a place called name below another; v may be NULL. */
const struct value *record_step(const struct settings *s, const struct value *v,
    const char *name, uint32_t len, uint32_t hash);

/* What a dependency amounts to. */
uint64_t
record_digest(const struct value *v, uint32_t mark, const uint8_t *key);

/* Whether it is what stands in the record; was may be NULL: no such file. */
bool identity_is(const struct identity *is, const char *was);

/*
 * A file that was changed twice within one tick of the clock has the same
 * times: only times before the look at it are to be trusted.
 */
bool identity_is_settled(const struct identity *i, int64_t looked);

#endif
