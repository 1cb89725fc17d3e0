/* SPDX-License-Identifier: Apache-2.0 */
/* The file systems that can be written. */
#include <string.h>

#include "image-build/disk.h"
#include "lib/strbuf.h"

static const struct fs_kind *const kinds[] = { &fs_ext4, &fs_vfat, &fs_squashfs,
	&fs_erofs, &fs_swap, &fs_btrfs, &fs_xfs, NULL };

const struct fs_kind *
fs_find(const char *name)
{
	for (size_t i = 0; kinds[i] != NULL; i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

void
fs_names(struct strbuf *b)
{
	for (size_t i = 0; kinds[i] != NULL; i++)
		strbuf_printf(b, "%s%s", i > 0 ? ", " : "", kinds[i]->name);
}
