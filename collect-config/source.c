/* SPDX-License-Identifier: Apache-2.0 */
/* The list of kinds. */
#include "collect-config/source.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect-config/sources.h"

const struct source_kind *const source_kinds[] = {
	&source_heat_local,
	&source_ec2,
	&source_openstack,
	&source_gce,
	&source_azure,
	&source_nocloud,
	&source_digitalocean,
	&source_hetzner,
	&source_oracle,
	&source_vmware,
	&source_qemu,
	&source_credentials,
	&source_etcd,
	&source_consul,
	&source_https,
	&source_cfn,
	&source_heat,
	&source_request,
	&source_zaqar,
	&source_local,
	NULL,
};

const struct source_kind *
source_find(const char *name)
{
	for (size_t i = 0; source_kinds[i] != NULL; i++)
		if (strcmp(source_kinds[i]->name, name) == 0)
			return source_kinds[i];
	return NULL;
}

void
source_init(struct source *s, const struct source_kind *kind, struct config *c,
    const struct machine *m)
{
	*s = (struct source){ .kind = kind,
		.config = c,
		.machine = m,
		.child.fd = -1,
		.output = -1 };
}

void
source_clear(struct source *s)
{
	child_kill(&s->child);
	if (s->output != -1)
		close(s->output);
	round_free(s->round);
	strlist_clear(&s->memory);
	strlist_clear(&s->names);
	free(s->problem);
}
