/* SPDX-License-Identifier: Apache-2.0 */
/* What would change, told to people and to programs. */
#ifndef APPLY_CONFIG_REPORT_H
#define APPLY_CONFIG_REPORT_H

#include "apply-config/steps.h"

struct changes;
struct output;
struct record;
struct secrets;
struct strbuf;

/* Values of root that are secret, and what record (or NULL) knows, hide. */
int report_add(struct output *o, const struct changes *c, struct record *record,
    const struct value *root, const struct secrets *secrets,
    enum plan_form form, struct strbuf *b, struct error *e);

#endif
