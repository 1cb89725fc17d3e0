/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of partition tables. */
#include <string.h>

#include "image-build/layout.h"

static const struct table_kind *const kinds[] = { &table_gpt, &table_mbr,
	NULL };

const struct table_kind *
table_find(const char *name)
{
	for (size_t i = 0; kinds[i] != NULL; i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}
