/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User data in several parts (MIME multipart, RFC 2046), as Heat and others
 * send it.
 */
#ifndef COLLECT_CONFIG_MIME_H
#define COLLECT_CONFIG_MIME_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf;

/*
 * Find the first part that is called filename or has the content type type,
 * and add its decoded body to b.  Returns whether there is one; text that is
 * not multipart has none.
 */
bool mime_find(const char *text, size_t n, const char *filename,
    const char *type, struct strbuf *b);

#endif
