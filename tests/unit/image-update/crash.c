/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whichever system call is its last or fails, current is a whole slot, the
 * old one or the new one, and the next run completes and leaves no rest.
 *
 * image-update is run again and again under ptrace.  It is killed at the
 * entry of its first system call that changes something, of the second, and
 * so on until it gets through; then the same with a call that fails with EIO
 * or ENOSPC instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image-update/update.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

#ifdef FAULTS
#define STRIDE 7 /* the sanitizers make it slow: not at every call */
#else
#define STRIDE 1
#endif

static char *top, *program;
static int top_fd;
static struct error e;

static void
put(const char *path, const char *text)
{
	own_free char *dir = path_dir(path);

	must(file_mkdirs(top_fd, dir, 0755, &e), &e);
	must(file_replace(top_fd, path, 0644, text, strlen(text), &e), &e);
}

/* Three images: of 12 files a third differs from one to the next. */
static void
make_image(const char *name, uint64_t version)
{
	own_free char *place = mem_printf("%s.contents", name);
	own_free char *inside = mem_printf("%s/usr/lib/ingot/none", name);
	own_free char *link = mem_printf("%s/link", name);
	own_fd int dir = -1;
	ownp(contents_free) struct contents *c = NULL;
	own(strbuf_clear) struct strbuf text = { 0 };

	for (int i = 0; i < 12; i++) {
		own_free char *path = mem_printf("%s/d%d/f%d", name, i % 3, i);

		put(path, i < 4 ? name : "the same");
	}
	put(inside, "");
	CHECK(symlinkat("d0/f0", top_fd, link) == 0);
	dir = openat(top_fd, name, O_RDONLY | O_DIRECTORY);
	c = contents_scan(dir, name, CONTENTS_DIGESTS, &e);
	must(c == NULL ? -1 : 0, &e);
	c->version = version;
	contents_seal(c);
	contents_print(c, &text);
	put(place, text.s);
}

/* ---- run it, up to a call ------------------------------------------------------ */

static bool
only_looks(pid_t pid)
{
	static const long looks[] = { SYS_read, SYS_pread64, SYS_close,
		SYS_fstat, SYS_newfstatat, SYS_statx, SYS_faccessat2,
		SYS_getdents64, SYS_readlinkat, SYS_openat2, SYS_getcwd,
		SYS_fcntl, SYS_lseek, SYS_mmap, SYS_munmap, SYS_mremap,
		SYS_mprotect, SYS_brk, SYS_getpid, SYS_getrandom, SYS_futex,
		SYS_prlimit64, SYS_rseq, SYS_set_tid_address, SYS_madvise,
		SYS_set_robust_list, SYS_rt_sigprocmask, SYS_rt_sigaction,
		SYS_llistxattr, SYS_fstatfs };
	struct __ptrace_syscall_info call = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(call), &call) < 0 ||
	    call.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	if (call.entry.nr == SYS_openat)
		return (call.entry.args[2] & (O_CREAT | O_TRUNC)) == 0;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if ((long)call.entry.nr == looks[i])
			return true;
	return false;
}

/* The call that is about to be made is not made, and fails. */
static bool
make_fail(pid_t pid, int code)
{
#ifdef __x86_64__
	struct user_regs_struct regs;
	int status;

	ptrace(PTRACE_GETREGS, pid, NULL, &regs);
	regs.orig_rax = (unsigned long long)-1;
	ptrace(PTRACE_SETREGS, pid, NULL, &regs);
	ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	if (!WIFSTOPPED(status))
		return false;
	ptrace(PTRACE_GETREGS, pid, NULL, &regs);
	regs.rax = (unsigned long long)-code;
	ptrace(PTRACE_SETREGS, pid, NULL, &regs);
	return true;
#else
	(void)pid;
	(void)code;
	return true;
#endif
}

static pid_t
start(char *const *argv, bool traced)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 2);
		if (traced)
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(program, argv);
		_exit(127);
	}
	if (traced) {
		waitpid(pid, &status, 0); /* the exec */
		ptrace(PTRACE_SETOPTIONS, pid, NULL,
		    (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	}
	return pid;
}

/* Run to the end; returns whether it succeeded. */
static bool
run(char *const *argv)
{
	int status;

	waitpid(start(argv, false), &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/*
 * Kill it at call n, or let that one fail with code.  Returns whether it
 * came to its end before.
 */
static bool
run_to(char *const *argv, unsigned long n, int code)
{
	pid_t pid = start(argv, true);
	unsigned long calls = 0;
	bool entry = true;
	int status;

	for (;; entry = !entry) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		waitpid(pid, &status, 0);
		if (WIFEXITED(status) || WIFSIGNALED(status))
			return calls < n;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			entry = !entry;
			continue;
		}
		if (!entry || only_looks(pid) || ++calls != n)
			continue;
		if (code == 0) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return false;
		}
		if (!make_fail(pid, code)) /* it was about to end */
			return false;
		entry = false;
	}
}

/* ---- what must hold --------------------------------------------------------------- */

static char **
command(const char *verb, const char *image)
{
	static char *argv[8], *slots, *source;

	free(slots);
	free(source);
	slots = path_join(top, "slots");
	source = image != NULL ? path_join(top, image) : NULL;
	argv[0] = (char *)"image-update";
	argv[1] = (char *)"--unsigned";
	argv[2] = (char *)"--slots";
	argv[3] = slots;
	argv[4] = (char *)verb;
	argv[5] = source;
	return argv;
}

/* The name of the current image, whose every byte is there; "" if none. */
static char *
current_image(void)
{
	own(slots_clear) struct slots s = { .dir = -1, .lock = -1 };
	own_free char *path = path_join(top, "slots");
	ownp(contents_free) struct contents *c = NULL;

	if (!file_is_dir(AT_FDCWD, path))
		return mem_dup("");
	must(slots_open(&s, path, false, &e), &e);
	if (s.previous != NULL) {
		c = slots_contents(&s, s.previous, &e);
		must(c == NULL ? -1 : 0, &e);
		must(slots_verify(&s, s.previous, c, &e), &e);
		contents_free(c);
		c = NULL;
	}
	if (s.current == NULL)
		return mem_dup("");
	c = slots_contents(&s, s.current, &e);
	must(c == NULL ? -1 : 0, &e);
	must(slots_verify(&s, s.current, c, &e), &e);
	return mem_dup(c->name);
}

struct scene {
	const char *start; /* folder that the slots begin as, or NULL */
	const char *old, *new; /* the current image before and after */
	const char *verb, *image;
};

static bool
try_at(const struct scene *s, unsigned long n, int code)
{
	own_free char *now = NULL, *then = NULL;
	bool through;

	must(tree_remove(top_fd, "slots", &e), &e);
	if (s->start != NULL)
		must(tree_clone(top_fd, s->start, top_fd, "slots", true, &e),
		    &e);
	through = run_to(command(s->verb, s->image), n, code);
	now = current_image();
	CHECK(strcmp(now, s->old) == 0 || strcmp(now, s->new) == 0);
	CHECK(!through || strcmp(now, s->new) == 0);
	CHECK(run(command("apply", "c")));
	then = current_image();
	CHECK_STR(then, "c");
	CHECK(!file_exists(top_fd, "slots/" STAGING));
	CHECK(!file_exists(top_fd, "slots/" TRASH));
	if (check_failed > 0)
		printf("%s %s: call %lu, error %d: %s\n", s->verb, s->new, n,
		    code, now);
	return through || check_failed > 0;
}

/* The sanitizers make calls of their own, and do not bear it if they fail. */
#ifdef __SANITIZE_ADDRESS__
#define MAY_FAIL false
#else
#define MAY_FAIL true
#endif

static void
check_scene(const struct scene *s)
{
	static const int codes[] = { EIO, ENOSPC };
	unsigned long n = 1, m = 1;

	while (!try_at(s, n, 0))
		n += STRIDE;
	while (MAY_FAIL && !try_at(s, m, codes[m % 2]))
		m += STRIDE;
	printf("%s %s: killed at %lu system calls, failed at %lu\n", s->verb,
	    s->new, (n - 1) / STRIDE, (m - 1) / STRIDE);
	CHECK(n > 10 && (m > 10 || !MAY_FAIL));
}

/* In memory, where seeing files to the disk takes no time, if we may. */
static char *
scratch(void)
{
	char *name = mem_dup("/dev/shm/update.XXXXXX");

	if (mkdtemp(name) != NULL)
		return name;
	free(name);
	name = mem_dup("/tmp/update.XXXXXX");
	return mkdtemp(name);
}

int
main(void)
{
	static const struct scene scenes[] = {
		{ NULL, "", "a", "apply", "a" },
		{ "two", "b", "c", "apply", "c" },
		{ "two", "b", "a", "rollback", NULL },
	};
	const char *build = getenv("BUILD");

	umask(022);
	program =
	    path_join(build != NULL ? build : "build", "bin/image-update");
	top = scratch();
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_image("a", 1);
	make_image("b", 2);
	make_image("c", 3);
	CHECK(run(command("apply", "a")));
	CHECK(run(command("apply", "b")));
	CHECK(renameat(top_fd, "slots", top_fd, "two") == 0);
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		check_scene(&scenes[i]);
	must(tree_remove(AT_FDCWD, top, &e), &e);
	close(top_fd);
	free(top);
	free(program);
	return check_result();
}
