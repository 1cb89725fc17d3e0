/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of lib/contents share. */
#ifndef LIB_CONTENTS_PRIVATE_H
#define LIB_CONTENTS_PRIVATE_H

#include <limits.h>

#include "lib/contents.h"
#include "lib/inodes.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define CONTENTS_MAGIC "ingot-contents 1"

/* A new zeroed entry at the end, good until the next one. */
struct contents_entry *contents_add(struct contents *c);

/* Add the entry's line, line feed included. */
void contents_print_entry(const struct contents_entry *t, struct strbuf *b);

/* ---- contents-look.c: what stands in a tree -------------------------------- */

/* During a walk the working directory is where the walk is. */
struct contents_look {
	dev_t dev; /* of the tree */
	int here; /* the working directory before, or -1 */
	int there; /* the folder that it is now, as the walk has it, or -1 */
	struct inodes linked; /* files with several names: number + 1 */
	size_t first; /* number of the first name of one more */
	struct strbuf xattrs; /* of the entry that was looked at last */
	char target[PATH_MAX];
};

/* tree_walk() of dir, with l for the visits; it is empty afterwards. */
int look_walk(struct contents_look *l, int dir, tree_visit *visit, void *ctx,
    struct error *e);

/*
 * Fill an entry, without its digest, and the target of one more name of a
 * file; its texts are good until the next one.  number is what a file is to
 * be known by when it is met again.  0: it is not listed; -1: the error.
 */
int look_at(struct contents_look *l, const struct tree_entry *t, size_t number,
    struct contents_entry *to, struct error *e);

/* 1 for what is mounted on a folder, which a visit does not enter; else 0. */
int look_is_mount(const struct contents_look *l, const struct tree_entry *t);

/* ---- contents-hash.c: the bytes of files ------------------------------------- */

/*
 * Files of a list below dir hashed on all processors, as they are added: for
 * their sums, or to compare with them.  dir stays open meanwhile; what nobody
 * has begun is left when it is freed.
 */
struct hashing;
struct hashing *hashing_new(int dir, bool compare);
void hashing_free(struct hashing *h);
OWN_POINTER(hashing)

/* One more, an entry of type f; its path has to stay, c->entries need not. */
void hashing_add(struct hashing *h, const struct contents *c, size_t number);

/* Wait for all.  The error is that of the first entry in the list. */
int hashing_end(struct hashing *h, const struct contents *c, struct error *e);

#endif
