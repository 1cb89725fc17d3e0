/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache: a folder that is both what other programs read and all that this
 * one remembers from run to run.
 *
 *	NAME.json		the document as it is now
 *	NAME.json.orig		as it first was
 *	NAME.json.last		as the command last succeeded with
 *	os_config_files.json	the list of the first, in rising precedence
 *
 * All files have mode 0600 and are replaced atomically and durably.
 */
#ifndef COLLECT_CONFIG_CACHE_H
#define COLLECT_CONFIG_CACHE_H

#include <stdbool.h>

#include "lib/strlist.h"

struct config;
struct doc;
struct error;
struct value;

struct cache {
	int fd; /* of the folder, or -1 */
	const char *path; /* as settings have it, borrowed */
	const struct config *config;
};

/* Open the folder that the settings name, making it if need be. */
int cache_open(struct cache *cache, const struct config *c, struct error *e);
void cache_close(struct cache *cache);

/*
 * Whether a name that came with metadata can be a cache file: one path part,
 * no leading dot, no colon (the list in the environment has colons), not the
 * name of a source or of the list.
 */
int cache_check_name(const char *name, struct error *e);

/*
 * Store a document.  *changed becomes whether it differs, as JSON, from what
 * the command last succeeded with.
 */
int cache_store(struct cache *cache, const char *name, const struct value *v,
    bool *changed, struct error *e);

/* Whether the command last succeeded with the document as it is. */
bool cache_is_committed(struct cache *cache, const char *name);

/* The command succeeded with this document. */
int cache_commit(struct cache *cache, const char *name, struct error *e);

/*
 * The document of that name; NULL when there is none.  One that is damaged is
 * set aside as NAME.json.corrupt, with a warning.
 */
struct value *cache_load(
    struct cache *cache, struct doc *d, const char *name, struct error *e);
bool cache_has(const struct cache *cache, const char *name);

/* The paths of these documents with sep between, the caller's. */
char *cache_paths(
    const struct cache *cache, const struct strlist *names, const char *sep);

/* Write the list; *changed becomes whether it was another one. */
int cache_write_list(struct cache *cache, const struct strlist *names,
    bool *changed, struct error *e);

/* The names that the list has; empty when there is none. */
void cache_read_list(const struct cache *cache, struct strlist *names);

/* Copy the folder to the place that the settings name for it. */
int cache_backup(const struct cache *cache, struct error *e);

#endif
