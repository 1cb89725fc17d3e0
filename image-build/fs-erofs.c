/* SPDX-License-Identifier: Apache-2.0 */
/* erofs by mkfs.erofs: compressed, read-only, fast at random places. */
#include <stdio.h>
#include <string.h>

#include "image-build/disk.h"
#include "lib/mem.h"
#include "lib/own.h"

/* An extended regular expression for what is below a path. */
static void
add_excluded(struct strlist *argv, const char *path)
{
	own_free char *pattern = mem_alloc(2 * strlen(path) + 1);
	char *to = pattern;

	for (; *path != '\0'; path++) {
		if (strchr("\\*?[](){}^$+.|", *path) != NULL)
			*to++ = '\\';
		*to++ = *path;
	}
	strlist_printf(argv, "--exclude-regex=^%s/.+", pattern);
}

static int
make(const struct fs_job *job, const char *file, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	char uuid[UUID_TEXT];

	fs_uuid(job->uuid, uuid);
	strlist_split(&argv, "mkfs.erofs --quiet -U", " ");
	strlist_add(&argv, uuid);
	if (job->epoch >= 0)
		strlist_printf(&argv, "-T%lld", (long long)job->epoch);
	if (job->options == NULL || strstr(job->options, "-z") == NULL)
		strlist_add(&argv, "-zlz4hc");
	strlist_split(&argv, job->options != NULL ? job->options : "", " ");
	for (size_t i = 0; job->empty != NULL && i < job->empty->len; i++)
		add_excluded(&argv, job->empty->items[i]);
	strlist_add(&argv, file);
	strlist_add(&argv, job->tree);
	return fs_run(job, &argv, e);
}

const struct fs_kind fs_erofs = {
	.name = "erofs",
	.summary = "compressed and read-only (mkfs.erofs)",
	.make = make,
};
