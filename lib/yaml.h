/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML to the house's tree; the only user of libyaml.
 *
 * Plain scalars get the types that PyYAML's safe loader gives them (YAML 1.1:
 * yes and no are booleans, 0755 is octal, 1:30 is 90); dates stay strings.
 * Merge keys (<<) are carried out, aliases expanded within a bound, of a
 * repeated key the last wins.
 */
#ifndef LIB_YAML_H
#define LIB_YAML_H

#include <stddef.h>

struct doc;
struct error;
struct value;

/*
 * Parse one document; an empty one gives null.  Returns the root or NULL;
 * errors read "name:line:column: what".
 */
struct value *yaml_parse(struct doc *d, const char *text, size_t len,
    const char *name, struct error *e);
struct value *
yaml_load(struct doc *d, int dir, const char *path, struct error *e);

/* The value of one plain scalar. */
struct value *yaml_scalar(struct doc *d, const char *text, size_t len);

#endif
