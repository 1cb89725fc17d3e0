/* SPDX-License-Identifier: Apache-2.0 */
/* json-file: the config maps paths to what is written there as JSON. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "refresh-config/deploy.h"

/* A file that is there keeps its mode, a new one gets what umask leaves. */
static mode_t
mode_of(const char *path)
{
	struct stat st;
	mode_t mask;

	if (stat(path, &st) == 0)
		return st.st_mode & 07777;
	mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

static int
run(struct deploy *d, struct error *e)
{
	const struct value *files = group_config_map(d, e);

	if (files == NULL)
		return -1;
	for (uint32_t i = 0; i < files->len; i++) {
		const struct member m = value_member(files, i);
		own_free char *path = mem_printf("%s%s", d->root, m.name);
		own_free char *text = NULL;

		if (m.name[0] != '/')
			return error_set(
			    e, EINVAL, "%s: not an absolute path", m.name);
		text = group_sorted_json(d->item.d, m.value);
		if (group_replace(path, mode_of(path), text, e) == -1)
			return -1;
	}
	return 0;
}

const struct group group_json_file = {
	.name = "json-file",
	.summary = "write parts of the config to files, as JSON",
	.run = run,
};
