/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whichever system call is its last, a set is published whole or not at all.
 *
 * apply-config changes a set of 50 files, some new, some to be removed, in
 * new folders and old ones.  It is run again and again under ptrace and
 * killed at the entry of its first system call, the second, and so on until
 * it gets through; then --recover is run, which is killed in the same manner
 * now and then, and at last every file must be of the old set or every file
 * of the new one, with nothing left over.  The same again from no files.
 *
 * A kill before a call that changes nothing leaves what a kill before the
 * next call does, so those are left out, unless CRASH_EVERY is set.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

#define FILES 50
#define GONE 5 /* the last of them are removed by the new set */
#define NEW 5 /* the first of them are made by it */

#ifdef FAULTS
#define STRIDE 4 /* the sanitizers make it slow: not at every call */
#else
#define STRIDE 1
#endif

static char *top, *program;
static int top_fd;

static void
put(const char *path, const char *text)
{
	own_free char *dir = path_dir(path);
	struct error e;

	must(file_mkdirs(top_fd, dir, 0777, &e), &e);
	must(file_replace(top_fd, path, 0644, text, strlen(text), &e), &e);
}

/* Templates: new ones in a folder of their own; some may be removed. */
static void
make_templates(void)
{
	for (int i = 0; i < FILES; i++) {
		own_free char *path = mem_printf(
		    "t/%s/d%d/f%02d", i < NEW ? "new" : "etc", i % 3, i);
		own_free char *control = mem_printf("%s.oac", path);

		if (i < NEW)
			put(path, "{{#new}}{{v}}{{/new}}\n");
		else if (i >= FILES - GONE)
			put(path, "{{^new}}{{v}}{{/new}}");
		else
			put(path, "value {{v}}\n");
		if (i >= FILES - GONE || i < NEW)
			put(control, "allow_empty: false\nmode: 0600\n");
	}
	put("old.json", "{\"v\": \"old\"}");
	put("new.json", "{\"v\": \"new\", \"new\": true}");
}

/* Whether the call that is about to be made leaves files as they are. */
static bool
only_looks(pid_t pid)
{
	static const long looks[] = { SYS_read, SYS_pread64, SYS_close,
		SYS_fstat, SYS_newfstatat, SYS_statx, SYS_faccessat2,
		SYS_getdents64, SYS_readlinkat, SYS_openat2, SYS_getcwd,
		SYS_fcntl, SYS_ioctl, SYS_lseek, SYS_mmap, SYS_munmap,
		SYS_mremap, SYS_mprotect, SYS_brk, SYS_getpid, SYS_getrandom,
		SYS_prlimit64, SYS_rseq, SYS_set_tid_address,
		SYS_set_robust_list };
	struct __ptrace_syscall_info call = { 0 };

	if (getenv("CRASH_EVERY") != NULL ||
	    ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(call), &call) < 0 ||
	    call.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	if (call.entry.nr == SYS_openat)
		return (call.entry.args[2] & (O_CREAT | O_TRUNC)) == 0;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if ((long)call.entry.nr == looks[i])
			return true;
	return false;
}

/*
 * Run apply-config; kill it at the entry of such a call number n (0: let it
 * run).  Returns whether it came to its end.
 */
static bool
run(char *const *argv, unsigned long n)
{
	pid_t pid = fork();
	unsigned long calls = 0;
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 2);
		if (n > 0)
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(program, argv);
		_exit(127);
	}
	if (n == 0) {
		waitpid(pid, &status, 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		return true;
	}
	waitpid(pid, &status, 0); /* the exec */
	ptrace(PTRACE_SETOPTIONS, pid, NULL,
	    (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	for (bool entry = true;; entry = !entry) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		waitpid(pid, &status, 0);
		if (WIFEXITED(status) || WIFSIGNALED(status))
			return true;
		if (entry && !only_looks(pid) && ++calls == n) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return false;
		}
	}
}

static char *const *
arguments(const char *metadata)
{
	static char *argv[16];

	argv[0] = (char *)"apply-config";
	argv[1] = (char *)"--root";
	argv[2] = top;
	argv[3] = (char *)"-t";
	argv[4] = (char *)"/t";
	argv[5] = (char *)"-o";
	argv[6] = (char *)"/out";
	argv[7] = (char *)"-m";
	argv[8] = (char *)metadata;
	argv[9] = NULL;
	return argv;
}

static char *const *
recovery(void)
{
	static char *argv[] = { (char *)"apply-config", (char *)"--root", NULL,
		(char *)"--recover", NULL };

	argv[2] = top;
	return argv;
}

/* The whole output root as text. */
static int
add_entry(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct strbuf *b = ctx;

	if (t->depth == 0)
		return 0;
	if (S_ISDIR(t->st->st_mode)) {
		strbuf_printf(b, "%s/\n", t->path);
		return 0;
	}
	strbuf_printf(b, "%s %o ", t->path, t->st->st_mode);
	return file_read(t->dir, t->name, 1000, b, e);
}

static char *
snapshot(void)
{
	struct strbuf b = { 0 };
	struct error e;

	if (file_exists(top_fd, "out"))
		must(tree_walk(top_fd, "out", add_entry, &b, &e), &e);
	return strbuf_take(&b);
}

/* Nothing but the lock, the generations and the record may be left. */
static int
check_state(void *ctx, const struct tree_entry *t, struct error *e)
{
	(void)ctx;
	(void)e;
	CHECK(strcmp(t->name, "staging") != 0 &&
	    strcmp(t->name, "commit") != 0 && strcmp(t->name, "abort") != 0);
	return 0;
}

static void
reset(const char *metadata)
{
	struct error e;

	must(tree_remove(top_fd, "out", &e), &e);
	must(tree_remove(top_fd, "var", &e), &e);
	if (metadata != NULL)
		run(arguments(metadata), 0);
}

struct scene {
	const char *before; /* metadata of the old set; NULL: no files */
	char *old, *new; /* the output root then and after */
};

/* Kill an apply at call n, and the recovery at call m, unless that is 0. */
static bool
try_at(const struct scene *s, unsigned long n, unsigned long m)
{
	own_free char *seen = NULL;
	bool through, is_old, is_new;
	struct error e;

	reset(s->before);
	through = run(arguments("/new.json"), n);
	if (m > 0)
		run(recovery(), m);
	run(recovery(), 0);
	seen = snapshot();
	is_old = strcmp(seen, s->old) == 0;
	is_new = strcmp(seen, s->new) == 0;
	if (!is_old && !is_new)
		printf("mixed after call %lu, %lu:\n%s\n", n, m, seen);
	CHECK(is_old || is_new);
	CHECK(is_new || !through);
	if (file_exists(top_fd, "var/lib/apply-config"))
		must(tree_walk(
			 top_fd, "var/lib/apply-config", check_state, NULL, &e),
		    &e);
	return through;
}

/* Every third crash meets another one during the recovery. */
static void
check_scene(struct scene *s)
{
	unsigned long n = 1;

	reset(s->before);
	s->old = snapshot();
	run(arguments("/new.json"), 0);
	s->new = snapshot();
	CHECK(strcmp(s->old, s->new) != 0);
	while (!try_at(s, n, n % 3 == 0 ? n / 3 : 0))
		n += STRIDE;
	printf("killed at %lu system calls\n", (n - 1) / STRIDE);
	CHECK(n > 3 * (FILES - GONE));
	free(s->old);
	free(s->new);
}

/* In memory, where seeing files to the disk takes no time, if we may. */
static char *
scratch(void)
{
	char *name = mem_dup("/dev/shm/crash.XXXXXX");

	if (mkdtemp(name) != NULL)
		return name;
	free(name);
	name = mem_dup("/tmp/crash.XXXXXX");
	return mkdtemp(name);
}

int
main(void)
{
	const char *build = getenv("BUILD");
	struct scene update = { .before = "/old.json" }, first = { 0 };
	struct error e;

	program =
	    path_join(build != NULL ? build : "build", "bin/apply-config");
	top = scratch();
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_templates();
	check_scene(&update);
	check_scene(&first);
	must(tree_remove(AT_FDCWD, top, &e), &e);
	close(top_fd);
	free(top);
	free(program);
	return check_result();
}
