/* SPDX-License-Identifier: Apache-2.0 */
/* Folders below our own cgroup's, named after the program and its process. */
#include "lib/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

#define TRIES 200 /* of removing one whose processes are dying */

/* Where cgroup v2 is mounted; the caller's, or NULL. */
static char *
mount_point(void)
{
	own_file FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], where[1024], type[64];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *dash = strstr(line, " - ");

		if (dash != NULL && sscanf(dash, " - %63s", type) == 1 &&
		    strcmp(type, "cgroup2") == 0 &&
		    sscanf(line, "%*s %*s %*s %*s %1023s", where) == 1)
			return mem_dup(where);
	}
	return NULL;
}

/* The path of our own cgroup below that; the caller's, or NULL. */
static char *
own_path(void)
{
	own_file FILE *f = fopen("/proc/self/cgroup", "re");
	char line[4096];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) == 0)
			return mem_dup(line + 3);
	}
	return NULL;
}

/* Those that a program left behind which was killed. */
static void
sweep(const char *base, const char *name)
{
	size_t n = strlen(name);
	own_dir DIR *d = opendir(base);
	struct dirent *entry;
	int pid;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		own_free char *path = path_join(base, entry->d_name);

		if (strncmp(entry->d_name, name, n) == 0 &&
		    sscanf(entry->d_name + n, ".%d.", &pid) == 1 &&
		    kill(pid, 0) == -1 && errno == ESRCH)
			cgroup_remove(path);
	}
}

char *
cgroup_find(const char *name)
{
	own_free char *mount = mount_point(), *own = own_path();
	own_free char *base = NULL;

	if (mount == NULL || own == NULL)
		return NULL;
	base = mem_printf("%s%s", mount, strcmp(own, "/") == 0 ? "" : own);
	if (faccessat(AT_FDCWD, base, W_OK, AT_EACCESS) == -1)
		return NULL;
	sweep(base, name);
	return take(base);
}

char *
cgroup_make(const char *base, const char *name, unsigned number)
{
	own_free char *path = NULL;

	if (base == NULL)
		return NULL;
	path = mem_printf("%s/%s.%d.%u", base, name, (int)getpid(), number);
	return mkdir(path, 0755) == 0 ? take(path) : NULL;
}

/* Files of it look like nothing that rmdir could take. */
static void
remove_inner(const char *path)
{
	own_dir DIR *d = opendir(path);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (entry->d_type == DT_DIR && path_is_name(entry->d_name))
			(void)unlinkat(dirfd(d), entry->d_name, AT_REMOVEDIR);
}

void
cgroup_remove(const char *path)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	own_free char *killer = NULL;
	own_fd int fd = -1;

	if (path == NULL || rmdir(path) == 0)
		return;
	killer = path_join(path, "cgroup.kill");
	fd = open(killer, O_WRONLY | O_CLOEXEC);
	if (fd != -1 && file_write_all(fd, "1", 1) == -1)
		return;
	for (unsigned i = 0; i < TRIES; i++) {
		remove_inner(path);
		if (rmdir(path) == 0 || errno != EBUSY)
			return;
		nanosleep(&pause, NULL);
	}
}
