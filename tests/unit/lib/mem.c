/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation, and how the process ends without it. */
#include "lib/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/own.h"
#include "tests/unit/check.h"

static void
what_is_asked_for_comes(void)
{
	own_free unsigned char *zero = mem_alloc(1000);
	own_free char *none = mem_alloc(0), *s = mem_dup("text");
	own_free char *part = mem_dupn("text", 2);
	own_free char *made = mem_printf("%s-%d", "a", 5);
	int sum = 0;

	for (int i = 0; i < 1000; i++)
		sum += zero[i];
	CHECK(sum == 0 && none != NULL);
	CHECK_STR(s, "text");
	CHECK_STR(part, "te");
	CHECK_STR(made, "a-5");
	CHECK(mem_dup(NULL) == NULL);
}

static void
arrays_double(void)
{
	size_t cap = 0;
	own_free int *p = mem_grow(NULL, &cap, 1, sizeof(*p));

	CHECK(cap == 8);
	p[7] = 42;
	p = mem_grow(p, &cap, 8, sizeof(*p));
	CHECK(cap == 8);
	p = mem_grow(p, &cap, 100, sizeof(*p));
	CHECK(cap == 128 && p[7] == 42);
}

static void
too_much(int how)
{
	size_t cap = 0;

	if (how == 0)
		free(mem_resize(NULL, SIZE_MAX / 2, 4));
	if (how == 1)
		free(mem_grow(NULL, &cap, SIZE_MAX, 1));
	if (how == 2)
		free(mem_grow(NULL, &cap, SIZE_MAX / 4, 8));
	if (how == 3)
		mem_exhausted();
}

/* One line, status 1, no memory touched beyond its end. */
static void
too_much_ends_the_process(void)
{
	for (int how = 0; how < 4; how++) {
		char text[100] = "";
		int fds[2], status;
		pid_t pid;

		CHECK(pipe(fds) == 0);
		pid = fork();
		if (pid == 0) {
			dup2(fds[1], STDERR_FILENO);
			too_much(how);
			_exit(0);
		}
		close(fds[1]);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		CHECK(read(fds[0], text, sizeof(text) - 1) > 0);
		CHECK_STR(text, "out of memory\n");
		close(fds[0]);
	}
}

int
main(void)
{
	what_is_asked_for_comes();
	arrays_double();
	too_much_ends_the_process();
	return check_result();
}
