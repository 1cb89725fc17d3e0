/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as the settings mean them. */
#include <fcntl.h>

#include "apply-config/apply.h"
#include "lib/mem.h"
#include "lib/path.h"

const char *
settings_below(const struct settings *s, const char *path)
{
	return s->root == AT_FDCWD ? path : path_relative(path);
}

char *
settings_outside(const struct settings *s, const char *path)
{
	return s->root == AT_FDCWD ? mem_dup(path)
				   : path_join(s->root_path, path);
}
