/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What templates read of the metadata, as a tree of names from its root.
 *
 * A template depends on a place in two ways: on its value, when it was
 * printed or a list was gone through, or on its shape (is it there, is it a
 * map, is it true), when it was asked for and that was all.  While neither
 * changes, rendering gives the same text.
 */
#ifndef APPLY_CONFIG_READS_H
#define APPLY_CONFIG_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"

struct reads;

#define READS_ROOT 0
#define READS_NONE UINT32_MAX /* inside what is depended on as a whole */

enum read_aspect {
	READ_SHAPE,
	READ_VALUE,
};

struct reads *reads_new(void);
void reads_free(struct reads *r);
OWN_POINTER(reads)

/* The place called name below another; NONE stays NONE, NULL gives NONE. */
uint32_t reads_child(struct reads *r, uint32_t parent, const char *name,
    uint32_t len, uint32_t hash);

/* The current template depends on a place.  NULL and NONE are passed over. */
void reads_mark(struct reads *r, uint32_t place, enum read_aspect aspect);

/* Begin with another template. */
void reads_begin(struct reads *r);

/* What was marked since, as place * 2 + aspect, each once. */
const uint32_t *reads_marked(const struct reads *r, size_t *n);

/* The places, from the root on; a parent has a smaller number. */
size_t reads_count(const struct reads *r);
uint32_t reads_parent(const struct reads *r, uint32_t place);
const char *reads_name(const struct reads *r, uint32_t place, uint32_t *len);

#endif
