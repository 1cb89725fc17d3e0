/* SPDX-License-Identifier: Apache-2.0 */
/* Maps as doc.c sees them. */
#ifndef LIB_DOC_PRIVATE_H
#define LIB_DOC_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

struct doc;
struct value;

/* Where the value of the member of that name and hash is, or NULL. */
struct value **
map_find(const struct value *v, const char *text, size_t n, uint32_t hash);

/* Set a member; text is kept, not copied. */
void map_put(struct doc *d, struct value *v, const char *text, size_t n,
    uint32_t hash, struct value *value);

#endif
