/* SPDX-License-Identifier: Apache-2.0 */
/* Ask a program whether a new file is good before it takes its place. */
#ifndef APPLY_CONFIG_VALIDATE_H
#define APPLY_CONFIG_VALIDATE_H

struct change;
struct error;
struct output;

/* Run change->validate with the staged file's path in place of "%s". */
int validate_run(struct output *o, const struct change *c, struct error *e);

#endif
