/* SPDX-License-Identifier: Apache-2.0 */
/* The state of package archives: see archive.c. */
#ifndef IMAGE_BUILD_ARCHIVE_H
#define IMAGE_BUILD_ARCHIVE_H

#include "lib/strlist.h"

struct error;

struct archives {
	char *file; /* where answers are kept between builds */
	struct strlist known; /* "URL=digest" of this build; empty: no answer */
};

/* Add the URLs of the indexes that apt in a tree uses. */
int archive_urls(const char *tree, struct strlist *urls, struct error *e);

/* The digest of an index as its server has it now; asked once a build. */
int archive_now(
    struct archives *a, const char *url, char text[65], struct error *e);

/* The digest of an index as apt in the tree used it. */
int archive_used(struct archives *a, const char *tree, const char *url,
    char text[65], struct error *e);

#endif
