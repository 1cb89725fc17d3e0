/* SPDX-License-Identifier: Apache-2.0 */
/* How two trees differ: see differences.c. */
#ifndef IMAGE_BUILD_DIFFERENCES_H
#define IMAGE_BUILD_DIFFERENCES_H

struct doc;
struct error;
struct value;

/*
 * Compare two folders as systems: their packages, and every file with its
 * attributes.  Returns a map, or NULL with the error:
 *
 *	bytes		of the files of each: [123, 456]
 *	packages	added, removed: [{name, arch, version}];
 *			changed: [{name, arch, versions: [old, new]}]
 *	files		added, removed: [{path, type, bytes}];
 *			changed: [{path, what: {mode: ["0644", "0600"], ...}}]
 *
 * compare adds "by" where it is known which step wrote a file.
 *
 * All lists are sorted.  "what" can have type, mode, owner, group, size,
 * time, links, device, target, attributes, and content: the number of the
 * first byte that differs.
 */
struct value *
differences(struct doc *d, const char *a, const char *b, struct error *e);

#endif
