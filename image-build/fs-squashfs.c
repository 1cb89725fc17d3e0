/* SPDX-License-Identifier: Apache-2.0 */
/* squashfs by mksquashfs: compressed, read-only, as small as it gets. */
#include <stdio.h>
#include <string.h>

#include "image-build/disk.h"
#include "lib/mem.h"
#include "lib/own.h"

/* "path" to a pattern for what is below it, which has no special letters. */
static void
add_below(struct strlist *argv, const char *path)
{
	own_free char *pattern = mem_alloc(2 * strlen(path) + 3);
	char *to = pattern;

	for (; *path != '\0'; path++) {
		if (strchr("\\*?[]()!+@|", *path) != NULL)
			*to++ = '\\';
		*to++ = *path;
	}
	*to++ = '/';
	*to = '*';
	strlist_add(argv, pattern);
}

/* What is said last is what mksquashfs -e takes the rest of. */
static void
add_excluded(const struct fs_job *job, struct strlist *argv)
{
	if (job->empty == NULL || job->empty->len == 0)
		return;
	strlist_add(argv, "-wildcards");
	strlist_add(argv, "-e");
	for (size_t i = 0; i < job->empty->len; i++)
		add_below(argv, job->empty->items[i]);
}

static int
make(const struct fs_job *job, const char *file, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	bool chosen =
	    job->options != NULL && strstr(job->options, "-comp") != NULL;

	strlist_add(&argv, "mksquashfs");
	strlist_add(&argv, job->tree);
	strlist_add(&argv, file);
	/* Times are clamped to SOURCE_DATE_EPOCH, which fs_run sets. */
	strlist_split(&argv, "-noappend -no-progress -quiet", " ");
	if (!chosen)
		strlist_split(&argv, "-comp zstd", " ");
	strlist_split(&argv, job->options != NULL ? job->options : "", " ");
	add_excluded(job, &argv);
	return fs_run(job, &argv, e);
}

const struct fs_kind fs_squashfs = {
	.name = "squashfs",
	.summary = "compressed and read-only (mksquashfs)",
	.make = make,
};
