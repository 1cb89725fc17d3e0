/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes and access control lists as records of an archive. */
#ifndef LIB_TAR_ATTRIBUTES_H
#define LIB_TAR_ATTRIBUTES_H

struct error;
struct strbuf;

/*
 * Add the attributes of dir/name, sorted: SCHILY.acl.access and .default in
 * POSIX.1e's text form with numbers for names, all others SCHILY.xattr.NAME.
 */
int tar_attributes(
    int dir, const char *name, struct strbuf *records, struct error *e);

#endif
