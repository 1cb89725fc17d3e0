/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of lib/tar share. */
#ifndef LIB_TAR_PRIVATE_H
#define LIB_TAR_PRIVATE_H

struct archive;
struct error;

/* What libarchive says went wrong with a file or path; returns -1. */
int tar_failed(struct archive *a, const char *path, struct error *e);

#endif
