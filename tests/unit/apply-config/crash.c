/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whichever system call is its last, a set is published whole or not at all.
 *
 * apply-config changes a set of 50 files, some new, some to be removed, in
 * new folders and old ones.  It is run again and again under ptrace and
 * killed at the entry of its first system call, the second, and so on until
 * it gets through; then --recover is run, which is killed in the same manner
 * now and then, and at last every file must be of the old set or every file
 * of the new one, with nothing left over.  The same again from no files, and
 * for a few files in folders that are there, which is done in another way.
 *
 * Then the power is cut with the last call: of all that was written since it
 * was last seen to the disk, some is lost (see disk.h).  Again --recover must
 * find the whole old set or the whole new one, and the new one if the run had
 * come to its end.  Staged files may be left where the journal was lost that
 * spoke of them, and a journal where it was lost whose it is; the next run
 * deals with them.
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
#include "tests/unit/disk.h"

#define FILES 50
#define GONE 5 /* the last of them are removed by the new set */
#define NEW 5 /* the first of them are made by it */
#define FEW 6 /* files in the small set */

/*
 * The step from one call to the next, and how much is tried of what a power
 * cut may leave; the sanitizers make it slow.
 */
#ifdef FAULTS
#define STRIDE 6
#define CUTS 2
#else
#define STRIDE 1
#define CUTS 3
#endif

static char *top, *program;
static int top_fd;
static struct disk disk;
static bool disk_on; /* the run is watched for what it sees to the disk */

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
	for (int i = 0; i < FEW; i++) {
		own_free char *path = mem_printf("few/d%d/f%d", i % 2, i);

		put(path,
		    i == 0	? "{{#new}}{{v}}{{/new}}\n"
			: i < 3 ? "{{v}}\n"
				: "always\n");
	}
	put("few/d0/f0.oac", "allow_empty: false\n");
	put("old.json", "{\"v\": \"old\"}");
	put("new.json", "{\"v\": \"new\", \"new\": true}");
}

/* The call that is about to be made: its number, or -1 if it is not known. */
static long
next_call(pid_t pid, struct __ptrace_syscall_info *call)
{
	*call = (struct __ptrace_syscall_info){ 0 };
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(*call), call) < 0 ||
	    call->op != PTRACE_SYSCALL_INFO_ENTRY)
		return -1;
	return (long)call->entry.nr;
}

/* Whether it leaves files as they are. */
static bool
only_looks(long nr, const struct __ptrace_syscall_info *call)
{
	static const long looks[] = { SYS_read, SYS_pread64, SYS_close,
		SYS_fstat, SYS_newfstatat, SYS_statx, SYS_faccessat2,
		SYS_getdents64, SYS_readlinkat, SYS_openat2, SYS_getcwd,
		SYS_fcntl, SYS_ioctl, SYS_lseek, SYS_mmap, SYS_munmap,
		SYS_mremap, SYS_mprotect, SYS_brk, SYS_getpid, SYS_getrandom,
		SYS_prlimit64, SYS_rseq, SYS_set_tid_address,
		SYS_set_robust_list };

	if (getenv("CRASH_EVERY") != NULL)
		return false;
	if (nr == SYS_openat)
		return (call->entry.args[2] & (O_CREAT | O_TRUNC)) == 0;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if (nr == looks[i])
			return true;
	return false;
}

/* A call that saw something to the disk is over. */
static void
note_sync(pid_t pid, long nr, uint64_t fd)
{
	own_free char *link = mem_printf("/proc/%d/fd/%d", (int)pid, (int)fd);

	if (nr == SYS_syncfs)
		disk_sync(&disk, DISK_ALL);
	else if (nr == SYS_fsync || nr == SYS_fdatasync)
		disk_sync(&disk, disk_id(AT_FDCWD, link, 0));
}

/*
 * Run apply-config; kill it at the entry of such a call number n (0: let it
 * run).  Returns whether it came to its end.
 */
static bool
run(char *const *argv, unsigned long n)
{
	struct __ptrace_syscall_info call;
	pid_t pid = fork();
	unsigned long calls = 0;
	long nr = -1;
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
		if (entry)
			nr = next_call(pid, &call);
		else if (disk_on)
			note_sync(pid, nr, call.entry.args[0]);
		if (entry && !only_looks(nr, &call) && ++calls == n) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return false;
		}
	}
}

static char *const *
arguments(const char *templates, const char *metadata)
{
	static char *argv[16];

	argv[0] = (char *)"apply-config";
	argv[1] = (char *)"--root";
	argv[2] = top;
	argv[3] = (char *)"-t";
	argv[4] = (char *)templates;
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

struct listing {
	struct strbuf text;
	bool staged; /* with files that are only staged */
};

static int
add_entry(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct listing *l = ctx;
	struct strbuf *b = &l->text;

	if (t->depth == 0)
		return 0;
	if (!l->staged && strncmp(t->name, ".apply-config.", 14) == 0)
		return 1;
	if (S_ISDIR(t->st->st_mode)) {
		strbuf_printf(b, "%s/\n", t->path);
		return 0;
	}
	strbuf_printf(b, "%s %o ", t->path, t->st->st_mode);
	return file_read(t->dir, t->name, 1000, b, e);
}

/* The whole output root as text. */
static char *
snapshot(bool staged)
{
	struct listing l = { .staged = staged };
	struct error e;

	if (file_exists(top_fd, "out"))
		must(tree_walk(top_fd, "out", add_entry, &l, &e), &e);
	return strbuf_take(&l.text);
}

static int
visit_state(void *ctx, const struct tree_entry *t, struct error *e)
{
	(void)ctx;
	(void)e;
	CHECK(strcmp(t->name, "staging") != 0 &&
	    strcmp(t->name, "commit") != 0 && strcmp(t->name, "abort") != 0);
	return 0;
}

/* Nothing but the lock, the generations and the record may be left. */
static void
check_state(void)
{
	static const char state[] = "var/lib/apply-config";
	struct error e;

	if (file_exists(top_fd, state))
		must(tree_walk(top_fd, state, visit_state, NULL, &e), &e);
}

struct scene {
	const char *templates;
	const char *before; /* metadata of the old set; NULL: no files */
	unsigned every; /* so many calls from one power cut to the next */
	char *old, *new; /* the output root then and after */
};

static void
reset(const struct scene *s)
{
	struct error e;

	must(tree_remove(top_fd, "out", &e), &e);
	must(tree_remove(top_fd, "var", &e), &e);
	if (s->before != NULL)
		run(arguments(s->templates, s->before), 0);
}

/* The set must be whole, and the new one if the run came to its end. */
static void
check_set(const struct scene *s, const char *seen, bool through,
    unsigned long n, unsigned long m)
{
	bool is_old = strcmp(seen, s->old) == 0;
	bool is_new = strcmp(seen, s->new) == 0;

	if (!is_old && !is_new)
		printf("mixed after call %lu, %lu:\n%s\n", n, m, seen);
	CHECK(is_old || is_new);
	CHECK(is_new || !through);
}

/* Kill an apply at call n, and the recovery at call m, unless that is 0. */
static bool
try_kill(const struct scene *s, unsigned long n, unsigned long m)
{
	own_free char *seen = NULL;
	bool through;

	reset(s);
	through = run(arguments(s->templates, "/new.json"), n);
	if (m > 0)
		run(recovery(), m);
	run(recovery(), 0);
	seen = snapshot(true);
	check_set(s, seen, through, n, m);
	check_state();
	return through;
}

/* Cut the power at call n; then the next run must bring the new set. */
static bool
try_cut(const struct scene *s, unsigned long n)
{
	static const char *const parts[] = { "out", "var", NULL };
	bool through;

	reset(s);
	disk_open(&disk, top_fd, parts);
	disk_on = true;
	through = run(arguments(s->templates, "/new.json"), n);
	disk_on = false;
	disk_look(&disk);
	for (unsigned long seed = 0; seed < CUTS; seed++) {
		own_free char *seen = NULL;
		own_free char *next = NULL;

		disk_cut(&disk, seed == 0 ? 0 : seed + n * CUTS);
		run(recovery(), 0);
		seen = snapshot(false);
		check_set(s, seen, through, n, seed);
		run(arguments(s->templates, "/new.json"), 0);
		next = snapshot(true);
		CHECK_STR(next, s->new);
		check_state();
	}
	return through;
}

/* Every third crash meets another one during the recovery. */
static void
check_scene(struct scene *s)
{
	unsigned long n = 1, cut = 1;

	reset(s);
	s->old = snapshot(true);
	run(arguments(s->templates, "/new.json"), 0);
	s->new = snapshot(true);
	CHECK(strcmp(s->old, s->new) != 0);
	while (!try_kill(s, n, n % 3 == 0 ? n / 3 : 0))
		n += STRIDE;
	while (!try_cut(s, cut))
		cut += STRIDE * s->every;
	printf("killed at %lu system calls, power cut at %lu\n",
	    (n - 1) / STRIDE, (cut - 1) / STRIDE / s->every);
	CHECK(n > 40 && cut > 40);
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
	struct scene scenes[] = {
		{ .templates = "/t", .before = "/old.json", .every = 3 },
		{ .templates = "/t", .every = 3 },
		{ .templates = "/few", .before = "/old.json", .every = 1 },
	};
	struct error e;

	program =
	    path_join(build != NULL ? build : "build", "bin/apply-config");
	top = scratch();
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_templates();
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		check_scene(&scenes[i]);
	disk_close(&disk);
	must(tree_remove(AT_FDCWD, top, &e), &e);
	close(top_fd);
	free(top);
	free(program);
	return check_result();
}
