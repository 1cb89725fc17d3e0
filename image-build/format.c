/* SPDX-License-Identifier: Apache-2.0 */
/* What can be delivered. */
#include <string.h>

#include "image-build/format.h"
#include "lib/strbuf.h"

static const struct format_kind *const kinds[] = { &format_qcow2, &format_raw,
	&format_vhd, &format_vhdx, &format_vmdk, &format_vdi, &format_gce,
	&format_bosh, &format_tar, &format_tgz, &format_tar_zst,
	&format_squashfs, &format_erofs, &format_oci, &format_docker, NULL };

const struct format_kind *
format_find(const char *name)
{
	for (size_t i = 0; kinds[i] != NULL; i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

void
format_names(struct strbuf *b)
{
	for (size_t i = 0; kinds[i] != NULL; i++)
		strbuf_printf(b, "%s%s", i > 0 ? ", " : "", kinds[i]->name);
}

bool
format_always(const struct settings *s)
{
	(void)s;
	return true;
}

const char *
format_ending(const struct format_kind *kind)
{
	return kind->ending != NULL ? kind->ending : kind->name;
}
