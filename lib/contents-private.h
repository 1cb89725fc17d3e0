/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of lib/contents share. */
#ifndef LIB_CONTENTS_PRIVATE_H
#define LIB_CONTENTS_PRIVATE_H

#include "lib/contents.h"

#define CONTENTS_MAGIC "ingot-contents 1"

/* A new zeroed entry at the end, good until the next one. */
struct contents_entry *contents_add(struct contents *c);

/* Add the entry's line, line feed included. */
void contents_print_entry(const struct contents_entry *t, struct strbuf *b);

/*
 * contents_seal; returns a folder whose digest was another one before, or
 * NULL.
 */
const struct contents_entry *contents_reseal(struct contents *c);

/* contents_scan without the digests of folders, the root's and the id. */
struct contents *contents_list(
    int dir, const char *name, enum contents_depth depth, struct error *e);

#endif
