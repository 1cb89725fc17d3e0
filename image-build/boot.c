/* SPDX-License-Identifier: Apache-2.0 */
/* The loaders, and the choice among them by what tree and disk hold. */
#include "image-build/image-build.h"

static const struct boot_kind *const kinds[] = { &boot_grub_bios, NULL };

int
boot_write(const struct boot_job *job, const char **name, struct error *e)
{
	*name = NULL;
	for (size_t i = 0; kinds[i] != NULL; i++) {
		if (!kinds[i]->fits(job))
			continue;
		if (kinds[i]->write(job, e) == -1)
			return -1;
		*name = kinds[i]->name;
	}
	return 0;
}
