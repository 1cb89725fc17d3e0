/* SPDX-License-Identifier: Apache-2.0 */
/* One kind of source per source-NAME.c; source.c lists them. */
#ifndef COLLECT_CONFIG_SOURCES_H
#define COLLECT_CONFIG_SOURCES_H

struct source_kind;

extern const struct source_kind source_heat_local;
extern const struct source_kind source_ec2;
extern const struct source_kind source_openstack;
extern const struct source_kind source_gce;
extern const struct source_kind source_azure;
extern const struct source_kind source_nocloud;
extern const struct source_kind source_digitalocean;
extern const struct source_kind source_hetzner;
extern const struct source_kind source_oracle;
extern const struct source_kind source_vmware;
extern const struct source_kind source_qemu;
extern const struct source_kind source_credentials;
extern const struct source_kind source_etcd;
extern const struct source_kind source_consul;
extern const struct source_kind source_https;
extern const struct source_kind source_cfn;
extern const struct source_kind source_heat;
extern const struct source_kind source_request;
extern const struct source_kind source_zaqar;
extern const struct source_kind source_local;

#endif
