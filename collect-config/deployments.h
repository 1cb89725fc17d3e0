/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heat's deployments: those that are meant for os-apply-config become outputs
 * of their own, after the document that they stand in and in its order, so
 * that a later one overrides an earlier one.
 */
#ifndef COLLECT_CONFIG_DEPLOYMENTS_H
#define COLLECT_CONFIG_DEPLOYMENTS_H

struct round;
struct value;

/* Add the deployments listed in a document to the round's outputs. */
void deployments_output(struct round *r, const struct value *document);

#endif
