/* SPDX-License-Identifier: Apache-2.0 */
/* What layout-parse.c finds and layout-join.c joins. */
#ifndef IMAGE_BUILD_LAYOUT_PARSE_H
#define IMAGE_BUILD_LAYOUT_PARSE_H

#include "image-build/layout.h"

struct layout_mount {
	char *name, *base, *point;
};

struct layout_fstab {
	char *base, *options;
	unsigned dump, pass;
};

/* The nodes as they were found; disks and the like are in the layout. */
struct layout_nodes {
	struct layout *l;
	const struct layout_defaults *d;
	struct layout_mount *mounts;
	size_t nmounts;
	struct layout_fstab *fstabs;
	size_t nfstabs;
	struct strlist names; /* each may be there once */
	struct error *e;
};

/* Join each node to its base, and check what they are together. */
int layout_join(struct layout_nodes *p);

#endif
