/* SPDX-License-Identifier: Apache-2.0 */
/* Which step of which element wrote each file of the image. */
#ifndef IMAGE_BUILD_ORIGINS_H
#define IMAGE_BUILD_ORIGINS_H

#include <stddef.h>
#include <stdint.h>

struct build;
struct error;

struct writer {
	char *element, *script; /* "web", "install.d/50-web" */
	uint64_t bytes; /* that its files take in the finished tree */
};

struct origins {
	struct origin *items; /* sorted by path */
	size_t len, cap;
	struct writer *writers; /* in the order in which they ran */
	size_t nwriters;
	uint64_t bytes; /* of all files */
};

/*
 * Learn from the steps' layers who changed each path last, and count what the
 * finished tree holds.  Without layers nobody is known.
 */
int origins_load(const struct build *b, struct origins *o, struct error *e);
void origins_clear(struct origins *o);

/* NAME.origins: a line for each path, "PATH ELEMENT SCRIPT". */
int
origins_write(const struct build *b, const struct origins *o, struct error *e);

/*
 * What stands beside an image of such a path ("web.qcow2"): the text, to be
 * freed, or NULL if there is none.
 */
char *origins_beside(const char *image);

/* "element web, install.d/50-web" of a path, to be freed, or NULL. */
char *origins_find(const char *text, const char *path);

#endif
