/* SPDX-License-Identifier: Apache-2.0 */
/* Ask a program whether a new file is good before it takes its place. */
#ifndef APPLY_CONFIG_VALIDATE_H
#define APPLY_CONFIG_VALIDATE_H

struct change;
struct error;
struct output;

/* Run change->validate with the path of what was staged in place of "%s". */
int validate_run(struct output *o, const struct change *c, const char *staged,
    struct error *e);

#endif
