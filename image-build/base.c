/* SPDX-License-Identifier: Apache-2.0 */
/* What all bases share. */
#include "image-build/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/path.h"

const char *
base_variable(const struct build *b, const char *name)
{
	const char *value = strlist_env_get(&b->phase_env, name);

	return value != NULL && *value != '\0' ? value : NULL;
}

int
base_open_tree(const struct build *b, struct error *e)
{
	int fd = open(b->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 ? error_errno(e, "%s", b->tree) : fd;
}

char *
base_scratch(const struct build *b, const char *name, struct error *e)
{
	own_free char *path = path_join(b->dir, name);

	if (file_mkdirs(AT_FDCWD, path, 0700, e) == -1)
		return NULL;
	return take(path);
}

bool
base_has_devices(int tree)
{
	static const char name[] = ".device";
	int r = mknodat(tree, name, S_IFCHR | 0600, makedev(1, 3));

	if (r == 0)
		(void)unlinkat(tree, name, 0);
	else
		log_warn("device nodes cannot be made here: the base's are "
			 "left out");
	return r == 0;
}

static int
check_folder(int tree, const char *name, struct error *e)
{
	own_fd int seen = file_open_in(tree, name, O_PATH);
	own_fd int named = openat(tree, name, O_PATH | O_CLOEXEC);
	struct stat a, b;

	if (seen == -1 && named == -1)
		return 0;
	if (seen != -1 && named != -1 && fstat(seen, &a) == 0 &&
	    fstat(named, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino)
		return 0;
	return error_set(
	    e, ELOOP, "the base's /%s is a link that leads out of it", name);
}

int
base_check(const struct build *b, struct error *e)
{
	static const char *const names[] = { "bin", "boot", "dev", "etc",
		"etc/apt", "etc/dib-manifests", "etc/systemd", "home", "lib",
		"opt", "proc", "root", "run", "sbin", "sys", "tmp", "usr",
		"usr/bin", "usr/lib", "usr/local", "usr/local/bin",
		"usr/local/sbin", "usr/sbin", "usr/share", "var", "var/cache",
		"var/lib", "var/log" };
	own_fd int tree = base_open_tree(b, e);

	if (tree == -1)
		return -1;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (check_folder(tree, names[i], e) == -1)
			return -1;
	return 0;
}
