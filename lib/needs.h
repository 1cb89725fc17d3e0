/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of an image has to travel to who has another one: for each file of the
 * new list, where its bytes come from.  Pure.
 */
#ifndef LIB_NEEDS_H
#define LIB_NEEDS_H

#include <stddef.h>
#include <stdint.h>

struct contents;

enum need_how {
	NEED_NOTHING, /* not a file, or an empty one */
	NEED_SAME, /* the file at the same path, attributes and all */
	NEED_COPY, /* the bytes of entry "from" of the old list */
	NEED_TWIN, /* the bytes of entry "from" of the new list, before it */
	NEED_BYTES, /* nobody has them */
};

struct need {
	uint32_t how, from;
};

struct needs {
	struct need *list; /* one for each entry of the new list */
	size_t files; /* with NEED_BYTES */
	uint64_t bytes; /* of those */
};

/* old may be NULL: nothing is there. */
void needs_make(
    struct needs *n, const struct contents *old, const struct contents *new);
void needs_clear(struct needs *n);

/*
 * Numbers of the entries that are files and not empty, in the order of their
 * digests, each digest's first entry first; *n of them, the caller's.
 */
uint32_t *needs_by_digest(const struct contents *c, size_t *n);

#endif
