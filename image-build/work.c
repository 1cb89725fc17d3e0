/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a build works.
 *
 *	TMP_DIR/dib_build-UID		the same path in every build, so that
 *					scripts see the same paths; what is in
 *					it is mounted in the build's namespace
 *	TMP_DIR/ingot-build.XXXXXXXX	what one build keeps on disk
 *
 * All are locked while they are used.  A build that was killed leaves them
 * unlocked: the next one takes them away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/compat.h"
#include "image-build/image-build.h"
#include "image-build/privileges.h"
#include "image-build/scratch.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define SCRATCH "ingot-build."
#define TRIES 100 /* another build may take a folder away before it is locked */

/* ---- folders on the host --------------------------------------------------------- */

/* The place that all builds of this user mount their work on. */
static int
hold_place(struct build *b, struct error *e)
{
	for (int i = 0; i < TRIES; i++) {
		if (mkdir(b->place, 0755) == -1 && errno != EEXIST)
			return error_errno(e, "%s", b->place);
		if (!scratch_is_ours(b->place))
			return error_set(e, EPERM,
			    "%s: is not a folder of this user", b->place);
		b->place_lock = scratch_lock(b->place, LOCK_SH);
		if (b->place_lock != -1)
			return 0;
	}
	return error_errno(e, "%s: lock", b->place);
}

int
work_begin(struct build *b, struct error *e)
{
	own_free char *tmp = realpath(b->settings->tmp, NULL);

	if (tmp == NULL)
		return error_errno(e, "%s", b->settings->tmp);
	scratch_sweep(tmp, SCRATCH);
	b->dir_lock = scratch_make(tmp, SCRATCH, &b->dir, e);
	if (b->dir_lock == -1)
		return -1;
	if (privileges_held() == PRIVILEGES_CHROOT) {
		b->place = mem_dup(b->dir);
		return 0;
	}
	b->place = mem_printf("%s/dib_build-%u", tmp, privileges_uid());
	return hold_place(b, e);
}

void
work_end(struct build *b)
{
	struct error e;

	if (b->dir != NULL && tree_remove(AT_FDCWD, b->dir, &e) == -1)
		log_warn("%s", e.text);
	/* Removing it would unmount the work of a build that still runs. */
	if (b->place_lock > 0 && flock(b->place_lock, LOCK_EX | LOCK_NB) == 0)
		(void)rmdir(b->place);
	if (b->place_lock > 0)
		close(b->place_lock);
	if (b->dir_lock > 0)
		close(b->dir_lock);
}

/* ---- in the namespace ------------------------------------------------------------- */

/* Memory that can be had without swapping, in bytes. */
static uint64_t
available_memory(void)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error none;
	const char *line;

	if (file_read(AT_FDCWD, "/proc/meminfo", LIMIT_TEXT_BYTES, &text,
		&none) == -1)
		return 0;
	line = strstr(strbuf_text(&text), "MemAvailable:");
	return line == NULL ? 0 : strtoull(line + 13, NULL, 10) * 1024;
}

/* A tmpfs saves every write to disk, where memory allows. */
static int
mount_place(const struct build *b, struct error *e)
{
	uint64_t memory = available_memory();
	uint64_t least = (uint64_t)b->settings->min_tmpfs << 31; /* twice */

	if (privileges_held() == PRIVILEGES_CHROOT)
		return 0;
	if (!b->settings->no_tmpfs && memory >= least)
		return enter_tmpfs(b->place, memory / 10 * 8, e);
	if (mount(b->dir, b->place, NULL, MS_BIND, NULL) == -1)
		return error_errno(e, "%s: bind mount", b->place);
	return 0;
}

int
work_enter(struct build *b, struct error *e)
{
	/* diskimage-builder's element takes what follows the dot for a name. */
	b->work = path_join(b->place, "dib_build.0");
	b->image_dir = path_join(b->place, "image");
	b->hooks = path_join(b->work, "hooks");
	b->tree = path_join(b->work, "mnt");
	b->jail = path_join(b->place, "jail");
	if (mount_place(b, e) == -1 ||
	    file_mkdirs(AT_FDCWD, b->image_dir, 0700, e) == -1 ||
	    file_mkdirs(AT_FDCWD, b->jail, 0700, e) == -1 ||
	    file_mkdirs(AT_FDCWD, b->work, 0755, e) == -1)
		return -1;
	/* A mount of its own can be shared with the target's programs. */
	if (privileges_held() != PRIVILEGES_CHROOT &&
	    mount(b->work, b->work, NULL, MS_BIND, NULL) == -1)
		return error_errno(e, "%s: bind mount", b->work);
	if (file_mkdirs(AT_FDCWD, b->settings->locks, 0755, e) == -1)
		return -1;
	return file_mkdirs(AT_FDCWD, b->settings->cache, 0755, e);
}
