/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old file that a new one is most likely made of: the one at the same
 * path; else one whose path differs in version numbers only; else one with
 * such a name elsewhere; of several the nearest in size.  Pure.
 */
#ifndef LIB_BASIS_H
#define LIB_BASIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct contents;
struct contents_entry;

#define BASIS_NONE UINT32_MAX

/* The old list's files in the order of names that outlive their versions. */
struct basis_names {
	const struct contents *old; /* borrowed */
	uint32_t *list; /* numbers of entries */
	size_t n;
	bool whole; /* by path; else by its last part */
};

struct bases {
	const struct contents *old; /* borrowed */
	struct basis_names paths, files;
};

void bases_make(struct bases *b, const struct contents *old); /* or NULL */
void bases_clear(struct bases *b);

/* The old list's entry, or BASIS_NONE. */
uint32_t bases_find(const struct bases *b, const struct contents_entry *t);

#endif
