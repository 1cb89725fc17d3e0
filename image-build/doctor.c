/* SPDX-License-Identifier: Apache-2.0 */
/* image-build doctor: what builds can do on this host, and what is missing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "image-build/filter.h"
#include "image-build/image-build.h"
#include "image-build/layers.h"
#include "image-build/privileges.h"
#include "image-build/snapshot.h"
#include "lib/cgroup.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

static struct settings settings;

static const struct option_def defs[] = {
	{ 0, "image-cache", "DIR", OPTION_STRING, &settings.cache, NULL,
	    "where downloads are kept (~/.cache/image-create)" },
	{ 0, NULL, NULL, OPTION_FLAG, NULL, NULL, NULL },
};

static const struct options command = {
	.program = "image-build doctor",
	.summary = "Say what builds can do on this host.",
	.defs = defs,
};

static void
tell(const char *what, const char *found)
{
	printf("%-12s %s\n", what, found);
}

/* ---- in a namespace of its own, as a build would be -------------------------- */

static int
look_inside(void *ctx)
{
	int fan = fanotify_init(FAN_CLASS_NOTIF | FAN_UNLIMITED_QUEUE, 0);
	int filter;

	tell("snapshots",
	    privileges_held() == PRIVILEGES_CHROOT
		? "no: nothing can be mounted, every step is run"
		: layers_possible(ctx)
		? "yes: overlays"
		: "no: the image cache cannot hold overlays, every step is "
		  "run");
	tell("reads",
	    fan != -1
		? "seen: a step depends on the files that it opens"
		: "unseen: a step depends on all files of elements that are "
		  "no scripts");
	filter = filter_install(true);
	tell("network",
	    filter != -1 ? "seen, and fsync is suppressed"
			 : "unseen, and fsync is not suppressed");
	return 0;
}

/* ---- programs ------------------------------------------------------------------ */

static const struct {
	const char *name, *use;
} programs[] = {
	{ "bash", "every element" },
	{ "mmdebstrap", "the elements debian and ubuntu" },
	{ "qemu-img", "qcow2 and other formats" },
	{ "git", "source-repositories" },
	{ "newuidmap", "building as an ordinary user (package uidmap)" },
	{ "qemu-system-x86_64", "image-run" },
};

static bool
in_path(const char *name)
{
	const char *path = getenv("PATH");
	own(strlist_clear) struct strlist dirs = { 0 };

	strlist_split(&dirs, path != NULL ? path : "/usr/bin:/bin", ":");
	for (size_t i = 0; i < dirs.len; i++) {
		own_free char *file = path_join(dirs.items[i], name);

		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

static void
look_for_programs(void)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		printf("%-12s %s%s, for %s\n", i == 0 ? "programs" : "",
		    in_path(programs[i].name) ? "" : "missing: ",
		    programs[i].name, programs[i].use);
}

static void
look_for_devices(void)
{
	own_free char *cgroup = devices_close();

	tell("devices",
	    cgroup != NULL ? "closed to scripts of the target, but for "
			     "/dev/null and its like"
		: privileges_held() == PRIVILEGES_USER
		? "closed to scripts of the target, which cannot make nodes"
		: "open to scripts of the target that make nodes: no cgroup "
		  "can keep them from it");
	cgroup_remove(cgroup);
}

/* ---- all -------------------------------------------------------------------------- */

static int
examine(struct error *e)
{
	own_free char *cache = NULL;
	own_free char *scratch = NULL;
	struct error other;
	int r;

	settings_cache(&settings);
	look_for_programs();
	if (privileges_take(e) == -1)
		return -1;
	tell("builds by", privileges_name(privileges_held()));
	look_for_devices();
	cache = path_join(settings.cache, SNAPSHOTS);
	if (file_mkdirs(AT_FDCWD, cache, 0700, e) == -1)
		return -1;
	scratch = path_join(cache, "doctor.XXXXXX");
	if (mkdtemp(scratch) == NULL)
		return error_errno(e, "%s", scratch);
	r = enter_run(look_inside, scratch, scratch, e);
	if (tree_remove(AT_FDCWD, scratch, &other) == -1 && r == 0) {
		*e = other;
		r = -1;
	}
	return r;
}

int
doctor(int argc, char **argv, struct error *e)
{
	int first = options_parse(&command, argc, argv, e), r;

	if (first < 0)
		return first == OPTIONS_SHOWN ? 0 : 2;
	if (first != argc) {
		error_set(e, EINVAL, "there is nothing to say beside options");
		return 2;
	}
	r = examine(e);
	settings_clear(&settings);
	return r == -1 ? 1 : r;
}
