/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as Python sees them: os-apply-config's answers are Python's, so its
 * rules for truth, indexes, printing and types are kept.
 */
#ifndef APPLY_CONFIG_VALUES_H
#define APPLY_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct strbuf;
struct value;

/* Whether a value counts as true: not null, false, 0, "", [] or {}. */
bool values_truth(const struct value *v);

/*
 * The item of a list whose index is that text, as int() reads it ("-1" is
 * the last); NULL when the text is no number or there is no such item.
 */
const struct value *
values_item(const struct value *list, const char *text, size_t len);

/*
 * Follow a dotted key, into maps by name and into lists by index.  NULL when
 * a part of it is missing or null.
 */
const struct value *values_lookup(const struct value *root, const char *key);

/* Append v as --key prints it: JSON for maps, lists and booleans. */
void values_print(const struct value *v, struct strbuf *b);

/*
 * Whether str(v) is of the named type: int, default, netaddress, netdevice,
 * dsn, swiftdevices, username or raw.  1, 0, or -1 when there is no such
 * type.
 */
int values_has_type(const struct value *v, const char *type, struct error *e);

#endif
