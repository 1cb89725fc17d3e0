/* SPDX-License-Identifier: Apache-2.0 */
/* Carry changes out. */
#ifndef APPLY_CONFIG_PUBLISH_H
#define APPLY_CONFIG_PUBLISH_H

struct changes;
struct error;
struct output;

int publish(struct output *o, const struct changes *c, struct error *e);

#endif
