/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xfs by mkfs.xfs.  Only newer ones (6.17) can fill it from a folder with all
 * attributes; with an older one it stays empty, or is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"

#define FILLS_MAJOR 6
#define FILLS_MINOR 17

/* "mkfs.xfs version 6.1.0" */
static int
check_version(const struct fs_job *job, struct error *e)
{
	own(strbuf_clear) struct strbuf out = { 0 };
	char *const argv[] = { (char *)"mkfs.xfs", (char *)"-V", NULL };
	const struct proc run = { .argv = argv, .out = &out, .seconds = 10 };
	struct proc_status status;
	const char *at;
	unsigned major = 0, minor = 0;

	if (proc_run(&run, &status, e) == -1)
		return error_prefix(e, "%s: mkfs.xfs", job->what);
	at = strstr(strbuf_text(&out), "version ");
	if (at != NULL)
		(void)sscanf(at, "version %u.%u", &major, &minor);
	if (major > FILLS_MAJOR ||
	    (major == FILLS_MAJOR && minor >= FILLS_MINOR))
		return 0;
	return error_set(e, ENOTSUP,
	    "%s: this mkfs.xfs (%u.%u) cannot fill a file system from a "
	    "folder, %d.%d can; ext4 and btrfs need nothing else",
	    job->what, major, minor, FILLS_MAJOR, FILLS_MINOR);
}

static int
run_mkfs(const struct fs_job *job, const char *image, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	char uuid[UUID_TEXT];

	if (fs_blank(job, image, e) == -1)
		return -1;
	fs_uuid(job->uuid, uuid);
	strlist_split(&argv, "mkfs.xfs -q -f -L", " ");
	strlist_add(&argv, job->label);
	strlist_add(&argv, "-m");
	strlist_printf(&argv, "uuid=%s", uuid);
	if (!fs_is_empty(job)) {
		strlist_add(&argv, "-p");
		strlist_add(&argv, job->tree);
	}
	strlist_split(&argv, job->options != NULL ? job->options : "", " ");
	strlist_add(&argv, image);
	return fs_run(job, &argv, e);
}

static int
write_xfs(const struct fs_job *job, struct error *e)
{
	own_free char *image = path_join(job->scratch, "xfs.img");
	int r;

	if (!fs_is_empty(job)) {
		if (check_version(job, e) == -1)
			return -1;
		if (job->empty != NULL && job->empty->len > 0)
			return error_set(e, ENOTSUP,
			    "%s: mkfs.xfs cannot leave the folders of other "
			    "file systems empty",
			    job->what);
	}
	r = run_mkfs(job, image, e);
	if (r == 0)
		r = fs_place(job, image, false, e);
	unlink(image);
	return r;
}

/* mkfs.xfs makes none below 300 MiB; its log takes 64. */
static uint64_t
least(const struct fs_content *c, const char *options)
{
	uint64_t n = c->bytes + c->bytes / 16 + ((uint64_t)96 << 20);

	(void)options;
	return n < (uint64_t)300 << 20 ? (uint64_t)300 << 20 : n;
}

const struct fs_kind fs_xfs = {
	.name = "xfs",
	.summary = "made by mkfs.xfs; filled where that can",
	.label_max = 12,
	.least = least,
	.write = write_xfs,
};
