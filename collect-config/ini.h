/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialect of ini files that oslo.config reads: "key = value" or "key:
 * value", a line that starts with a blank goes on with the value above,
 * whole-line comments with # or ; only, outer quotes taken off.
 */
#ifndef COLLECT_CONFIG_INI_H
#define COLLECT_CONFIG_INI_H

#include <stddef.h>

struct error;

/* One assignment; returns 0, or -1 to stop. */
typedef int ini_assign(void *ctx, const char *section, const char *key,
    const char *value, struct error *e);

/*
 * Parse len bytes.  Section names but DEFAULT come in lower case.  Errors
 * read "name:line: what".
 */
int ini_parse(const char *text, size_t len, const char *name,
    ini_assign *assign, void *ctx, struct error *e);

#endif
