/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and values of a store below a prefix, as a tree: the parts of a key
 * between slashes are the names of nested maps.
 */
#ifndef COLLECT_CONFIG_STORE_H
#define COLLECT_CONFIG_STORE_H

#include <stddef.h>

struct round;
struct value;

/*
 * Put a value at a key (below the prefix).  One that is a JSON map or list is
 * taken as that, any other is a string.  A key that another key needs to be
 * a map is left out with a warning, as is an empty one.
 */
void store_put(struct round *r, struct value *tree, const char *key,
    const void *value, size_t n);

#endif
