/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups below our own, where the host lets us make any. */
#include "lib/cgroup.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "tests/unit/check.h"

#define NAME "unit-cgroup"

static bool
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static void
without_a_base_there_is_none(void)
{
	CHECK(cgroup_make(NULL, NAME, 1) == NULL);
	cgroup_remove(NULL);
}

static void
it_goes_with_what_is_below(const char *base)
{
	own_free char *path = cgroup_make(base, NAME, 1);
	own_free char *inner = path != NULL ? path_join(path, "in") : NULL;

	CHECK(path != NULL && is_there(path));
	CHECK(inner != NULL && mkdir(inner, 0755) == 0);
	CHECK(cgroup_make(base, NAME, 1) == NULL);
	cgroup_remove(path);
	CHECK(!is_there(path));
}

/* A program of a number that no process has: it was killed. */
static void
what_the_killed_left_is_removed(const char *base)
{
	pid_t pid = fork();
	own_free char *gone = NULL, *ours = cgroup_make(base, NAME, 2);
	own_free char *again = NULL;

	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	gone = mem_printf("%s/" NAME ".%d.7", base, (int)pid);
	CHECK(mkdir(gone, 0755) == 0);
	again = cgroup_find(NAME);
	CHECK(again != NULL && strcmp(again, base) == 0);
	CHECK(!is_there(gone));
	CHECK(ours != NULL && is_there(ours));
	cgroup_remove(ours);
}

int
main(void)
{
	own_free char *base = cgroup_find(NAME);
	own_free char *try = cgroup_make(base, NAME, 0);

	without_a_base_there_is_none();
	if (try == NULL) {
		printf("this host lets us make no cgroups\n");
		return check_result() == 0 ? 77 : 1;
	}
	cgroup_remove(try);
	it_goes_with_what_is_below(base);
	what_the_killed_left_is_removed(base);
	return check_result();
}
