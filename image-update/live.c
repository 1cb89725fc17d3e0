/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new image in use without a reboot: what changed is mounted from its slot
 * over what the running image has at the same path, and the units that use
 * it are restarted.  The root stays the old one until the next boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image-update/machine.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

#define FOLDER "run/image-update"
#define SLOT FOLDER "/slot" /* where the new image is mounted */
#define PATHS FOLDER "/paths" /* a line for each path mounted over */

/* ---- in the mount namespace of everybody ------------------------------------------ */

struct work {
	const char *root;
	const char *device;
	const struct strlist *paths;
};

static int
mount_one(const char *root, const char *path, struct error *e)
{
	own_free char *slot = path_join(root, SLOT);
	own_free char *from = path_join(slot, path);
	own_free char *to = path_join(root, path);

	if (mount(from, to, NULL, MS_BIND, NULL) == -1)
		return error_errno(e, "mount over /%s", path);
	return 0;
}

static int
mount_all(const struct work *w, struct error *e)
{
	own_free char *slot = path_join(w->root, SLOT);
	own_free char *list = path_join(w->root, PATHS);
	own_free char *text = strlist_join(w->paths, "\n");

	if (file_mkdirs(AT_FDCWD, slot, 0755, e) == -1 ||
	    file_replace(AT_FDCWD, list, 0644, text, strlen(text), e) == -1)
		return -1;
	if ((file_is_dir(AT_FDCWD, w->device)
		    ? mount(w->device, slot, NULL, MS_BIND, NULL)
		    : mount(w->device, slot, "ext4", MS_RDONLY, NULL)) == -1 ||
	    mount(NULL, slot, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) ==
		-1)
		return error_errno(e, "mount the new slot");
	for (size_t i = 0; i < w->paths->len; i++)
		if (mount_one(w->root, w->paths->items[i], e) == -1)
			return -1;
	return 0;
}

/* Whatever of it there is.  What is still open is let go when it is closed. */
static int
unmount_all(const struct work *w, struct error *e)
{
	own_free char *slot = path_join(w->root, SLOT);

	(void)e;
	for (size_t i = w->paths->len; i-- > 0;) {
		own_free char *at = path_join(w->root, w->paths->items[i]);

		(void)umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	(void)umount2(slot, MNT_DETACH | UMOUNT_NOFOLLOW);
	return 0;
}

/* Ours is private: a child that goes back into the first one does it. */
static int
in_first(int (*act)(const struct work *, struct error *), const struct work *w,
    struct error *e)
{
	int status = 0;
	pid_t pid;

	if (strcmp(w->root, "/") != 0)
		return act(w, e); /* a machine that is only looked at */
	pid = fork();
	if (pid == -1)
		return error_errno(e, "fork");
	if (pid == 0) {
		own_fd int ns = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

		if (ns == -1 || setns(ns, CLONE_NEWNS) == -1)
			error_errno(e, "the machine's mount namespace");
		else if (act(w, e) == 0)
			_exit(0);
		log_error(e);
		_exit(1);
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (status != 0)
		return error_set(e, EIO, "the new image cannot be mounted");
	return 0;
}

/* ---- units --------------------------------------------------------------------------- */

static int
restart_units(const struct strlist *units, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };

	if (units->len == 0)
		return 0;
	strlist_split(&argv, "systemctl try-restart --", " ");
	strlist_add_all(&argv, units);
	if (proc_do(strlist_argv(&argv), e) == -1)
		return error_prefix(e, "restart");
	return 0;
}

int
live_start(const char *root, const char *device, const struct activation *a,
    struct error *e)
{
	const struct work w = { root, device, &a->paths };

	if (a->paths.len > 0 && in_first(mount_all, &w, e) == -1)
		return -1;
	return restart_units(&a->units, e);
}

int
live_stop(const char *root, const struct strlist *units, struct error *e)
{
	own_free char *list = path_join(root, PATHS);
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist paths = { 0 };
	const struct work w = { root, NULL, &paths };

	if (!file_exists(AT_FDCWD, list))
		return 0;
	if (file_read(AT_FDCWD, list, LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	strlist_split(&paths, strbuf_text(&text), "\n");
	if (in_first(unmount_all, &w, e) == -1)
		return -1;
	(void)unlink(list);
	return restart_units(units, e);
}
