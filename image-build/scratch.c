/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch folders: made, locked, swept. */
#include "image-build/scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"
#include "lib/tree.h"

#define TRIES 100 /* another build may take a folder away before it is locked */

bool
scratch_is_ours(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid();
}

int
scratch_lock(const char *path, int how)
{
	own_fd int fd =
	    open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat there, held;

	if (fd == -1 || flock(fd, how) == -1 || fstat(fd, &held) == -1 ||
	    lstat(path, &there) == -1 || there.st_ino != held.st_ino)
		return -1;
	return take_fd(&fd);
}

int
scratch_make(
    const char *parent, const char *prefix, char **path, struct error *e)
{
	own_free char *dir = NULL;

	for (int i = 0; i < TRIES; i++) {
		int fd;

		free(dir);
		dir = mem_printf("%s/%sXXXXXXXX", parent, prefix);
		if (mkdtemp(dir) == NULL)
			return error_errno(e, "%s", dir);
		fd = scratch_lock(dir, LOCK_EX);
		if (fd == -1)
			continue;
		*path = take(dir);
		return fd;
	}
	return error_errno(e, "%s: lock", dir);
}

void
scratch_sweep(const char *parent, const char *prefix)
{
	own(strlist_clear) struct strlist names = { 0 };
	struct error e;

	if (file_names(AT_FDCWD, parent, &names, &e) == -1)
		return;
	for (size_t i = 0; i < names.len; i++) {
		own_free char *path = path_join(parent, names.items[i]);
		own_fd int fd = -1;

		if (strncmp(names.items[i], prefix, strlen(prefix)) != 0 ||
		    !scratch_is_ours(path))
			continue;
		fd = scratch_lock(path, LOCK_EX | LOCK_NB);
		if (fd == -1)
			continue;
		log_info("%s: left by a build that was killed, removed", path);
		if (tree_remove(AT_FDCWD, path, &e) == -1)
			log_warn("%s", e.text);
	}
}
