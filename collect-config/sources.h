/* SPDX-License-Identifier: Apache-2.0 */
/* One kind of source per source-NAME.c; source.c lists them. */
#ifndef COLLECT_CONFIG_SOURCES_H
#define COLLECT_CONFIG_SOURCES_H

struct source_kind;

extern const struct source_kind source_heat_local;
extern const struct source_kind source_openstack;
extern const struct source_kind source_request;
extern const struct source_kind source_local;

#endif
