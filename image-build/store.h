/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of snapshots: what steps of earlier builds left, in a folder that
 * several builds use at once.
 *
 *	lock		builds share it, tidying up takes it alone
 *	steps/SLOT/KEY/	one snapshot: meta.json, its digest in sum, and diff/
 *			if it changed files
 *	last/NAME.json	what the step NAME last depended on, for explanations,
 *			and what else is worth remembering
 *	dropped/	snapshots that are no longer used, but may be by others
 *	tmp/ID/		a running build's scratch folder
 *	archives.json	what package archives last said of themselves
 *
 * SLOT is a digest of what is known before a step runs, KEY of that and of
 * what it was then seen to use.
 */
#ifndef IMAGE_BUILD_STORE_H
#define IMAGE_BUILD_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/strlist.h"

struct doc;
struct error;
struct value;

struct store {
	char *path;
	char *scratch; /* tmp/ID of this build */
	int lock, scratch_lock;
};

/* Open, making it if need be; takes away what dead builds left. */
int store_open(struct store *s, const char *path, struct error *e);
void store_close(struct store *s); /* the scratch folder goes */

/* The folder of a snapshot; the caller's. */
char *store_path(const struct store *s, const char *slot, const char *key);

/* Add the keys of the snapshots in a slot, the last used one first. */
int store_keys(const struct store *s, const char *slot, struct strlist *keys,
    struct error *e);

/* A snapshot's meta.json, or NULL with the error. */
struct value *store_load(const struct store *s, const char *slot,
    const char *key, struct doc *d, struct error *e);

/*
 * A digest of what a folder holds: names, types, modes, owners, sizes, bytes
 * and where links lead; no times.
 */
int store_content(const char *folder, char text[65], struct error *e);

/*
 * Move the folder diff (NULL: none) into the store as a snapshot with this
 * meta.json, to which its fingerprint is added.  If it is there already, that
 * one stays.
 */
int store_save(const struct store *s, const char *slot, const char *key,
    const char *diff, struct doc *d, struct value *meta, struct error *e);

/* Whether a snapshot is as it was saved; why not goes into the error. */
int store_check(const struct store *s, const char *slot, const char *key,
    const struct value *meta, struct error *e);

/* Remember that a snapshot was used now. */
void store_touch(const struct store *s, const char *slot, const char *key);

/* Take a snapshot out of use. */
int store_drop(
    const struct store *s, const char *slot, const char *key, struct error *e);

struct snapshot_info {
	char *slot, *key; /* names of the folders */
	char *step, *element, *phase;
	double seconds; /* that running it took */
	uint64_t bytes;
	time_t used; /* the last time */
};

struct snapshot_list {
	struct snapshot_info *items; /* the longest unused first */
	size_t len, cap;
};

/* What is in the store. */
int
store_list(const struct store *s, struct snapshot_list *list, struct error *e);
void store_list_clear(struct snapshot_list *list);

/*
 * Take away the longest unused snapshots until all together have at most
 * limit bytes.  Returns 1, having done nothing, when builds are running.
 */
int store_tidy(struct store *s, uint64_t limit, uint64_t *freed, unsigned *n,
    struct error *e);

/* Compare a snapshot's bytes with what was saved; why not is in the error. */
int store_verify(
    const struct store *s, const struct snapshot_info *i, struct error *e);

#endif
