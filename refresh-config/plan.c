/* SPDX-License-Identifier: Apache-2.0 */
/* What a run would do, without doing any of it. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "refresh-config/refresh.h"

/* What is there but would not be run, so that a slip is seen. */
static void
print_ignored(const struct strlist *ignored)
{
	for (size_t i = 0; i < ignored->len; i++)
		printf("  %s: passed over\n", ignored->items[i]);
}

static int
print_hook(const struct settings *s, const char *phase, const char *path,
    struct error *e)
{
	struct header h;

	if (header_load(path, &h, e) == -1)
		return error_prefix(e, "%s", phase);
	printf("  %s  limit %u s", path,
	    settings_limit(s, phase, path_base(path), h.seconds));
	if (h.retries > 0)
		printf(", retries %u", h.retries);
	printf("\n");
	return 0;
}

static int
print_phase(const struct settings *s, const char *phase, bool paths_only,
    struct error *e)
{
	own_free char *folder = mem_printf("%s.d", phase);
	own_free char *dir = path_join(s->base, folder);
	own(strlist_clear) struct strlist names = { 0 }, ignored = { 0 };

	if (parts_list(dir, getenv("RUN_PARTS_REGEX"), &names, &ignored, e) ==
	    -1)
		return error_prefix(e, "%s", phase);
	if (!paths_only)
		printf("%s\n", phase);
	for (size_t i = 0; i < names.len; i++) {
		own_free char *path = path_join(dir, names.items[i]);

		if (paths_only)
			printf("%s\n", path);
		else if (print_hook(s, phase, path, e) == -1)
			return -1;
	}
	if (!paths_only)
		print_ignored(&ignored);
	return 0;
}

int
plan_print(const struct settings *s, bool paths_only, struct error *e)
{
	for (size_t i = 0; i < s->phases.len; i++)
		if (print_phase(s, s->phases.items[i], paths_only, e) == -1)
			return -1;
	return 0;
}
