/* SPDX-License-Identifier: Apache-2.0 */
/* erofs by mkfs.erofs: compressed, read-only, fast at random places. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "image-build/disk.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

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

/* The first name that is as long as names can be. */
static int
find_longest(void *ctx, const struct tree_entry *t, struct error *e)
{
	(void)ctx;
	return strlen(t->name) < NAME_MAX
	    ? 0
	    : error_set(e, ENAMETOOLONG,
		  "mkfs.erofs failed; erofs-utils 1.5 cannot take a name "
		  "of 255 bytes: %.600s",
		  t->path);
}

/* mkfs.erofs cuts such a name and then says "No such file or directory". */
static int
explain(const struct fs_job *job, struct error *e)
{
	struct error why;

	if (tree_walk(AT_FDCWD, job->tree, find_longest, NULL, &why) == -1 &&
	    why.code == ENAMETOOLONG) {
		*e = why;
		return error_prefix(e, "%s", job->what);
	}
	return -1;
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
	return fs_run(job, &argv, e) == -1 ? explain(job, e) : 0;
}

const struct fs_kind fs_erofs = {
	.name = "erofs",
	.summary = "compressed and read-only (mkfs.erofs)",
	.make = make,
};
