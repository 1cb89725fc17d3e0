/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merged metadata of this machine: which files hold it and in which
 * order they override each other, as os-apply-config has it.
 */
#ifndef LIB_METADATA_H
#define LIB_METADATA_H

#include <stdbool.h>

struct doc;
struct error;
struct strlist;
struct value;

/* The list that collect-config writes: JSON, paths in order of precedence. */
#define METADATA_LIST "/var/lib/os-collect-config/os_config_files.json"

/* Where older releases of os-collect-config wrote it. */
#define METADATA_LIST_OLD "/var/run/os-collect-config/os_config_files.json"

/*
 * Paths are looked up below the folder root; AT_FDCWD takes them as they are.
 */

/* Add the files that are always read, before all others. */
void metadata_fallback(struct strlist *files);

/*
 * Add to files the metadata files in rising precedence: the ones that the
 * environment variable OS_CONFIG_FILES names (colons between; set but empty
 * means none), else the ones in the JSON list at list_path (NULL: the
 * environment variable OS_CONFIG_FILES_PATH, else METADATA_LIST).  A missing
 * list is an empty one.  Returns 0; 1 when the list of NULL was empty and
 * METADATA_LIST_OLD was read in its place; -1.
 */
int metadata_files(
    int root, const char *list_path, struct strlist *files, struct error *e);

/*
 * Load and merge (value_merge) those files that exist.  Documents other than
 * non-empty maps are passed over.  A file whose name ends in .yaml or .yml
 * and that is no JSON is read as YAML.  Returns the map, or NULL.
 */
struct value *metadata_load(
    struct doc *d, int root, const struct strlist *files, struct error *e);

/* One of them as it is, of whatever kind. */
struct value *
metadata_read(struct doc *d, int root, const char *path, struct error *e);

#endif
