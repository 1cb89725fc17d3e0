/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private namespaces for a build, and the mounts that a chroot needs.
 *
 * The build is init of a PID namespace of its own: when it ends, or is
 * killed, the kernel ends everything it started, and with the last process
 * the mount namespace and every mount in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/layers.h"
#include "image-build/privileges.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define FOLDER (O_RDONLY | O_DIRECTORY)
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)

/* ---- the namespaces ---------------------------------------------------- */

static volatile sig_atomic_t stopped_by;

static void
on_signal(int sig)
{
	stopped_by = sig;
}

static const int stopping[] = { SIGINT, SIGTERM, SIGHUP };
#define STOPPING (sizeof(stopping) / sizeof(*stopping))

void
enter_catch_signals(void)
{
	const struct sigaction sa = { .sa_handler = on_signal };

	for (size_t i = 0; i < STOPPING; i++)
		sigaction(stopping[i], &sa, NULL);
}

static void
on_child(int sig)
{
	(void)sig; /* it ends a sigsuspend */
}

/* Hold back what ends the wait, so that nothing comes between. */
static void
hold_signals(sigset_t *before)
{
	const struct sigaction sa = { .sa_handler = on_child };
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGCHLD);
	for (size_t i = 0; i < STOPPING; i++)
		sigaddset(&held, stopping[i]);
	sigaction(SIGCHLD, &sa, NULL);
	sigprocmask(SIG_BLOCK, &held, before);
}

static void
release_signals(const sigset_t *before)
{
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, before, NULL);
}

/* The child's status; it is killed when a signal has come for us. */
static int
wait_for(pid_t pid, const sigset_t *before)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (stopped_by != 0)
			kill(pid, SIGKILL);
		sigsuspend(before);
	}
	return status;
}

/*
 * A root that is no mount point (a plain chroot) cannot be made private: put
 * a copy of all mounts at dir and go there.  The copy may reach the caller's
 * namespace; enter_run takes it away there.
 */
static int
private_copy(const char *dir)
{
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		return -1;
	if (mount("/", dir, NULL, MS_BIND | MS_REC, NULL) == -1 ||
	    chdir(dir) == -1 || chroot(".") == -1)
		return -1;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static int
private_mounts(const char *dir)
{
	own_free char *cwd = realpath(".", NULL);

	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 &&
	    (errno != EINVAL || private_copy(dir) == -1))
		return -1;
	if (cwd != NULL && chdir(cwd) == -1)
		return -1;
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		NULL) == -1 &&
	    privileges_held() == PRIVILEGES_ROOT)
		return -1;
	return 0;
}

/* The children of this process, those of dead children too. */
static int
kill_children(void)
{
	own_free char *path =
	    mem_printf("/proc/self/task/%d/children", (int)getpid());
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist pids = { 0 };
	struct error none;

	if (file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, &text, &none) == -1)
		return 0;
	strlist_split(&pids, strbuf_text(&text), " \n");
	for (size_t i = 0; i < pids.len; i++)
		(void)kill((pid_t)atoi(pids.items[i]), SIGKILL);
	return (int)pids.len;
}

static void
end_children(void)
{
	while (kill_children() > 0)
		while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
			continue;
}

/* The child ends with its parent, which may have ended before it said so. */
static void
end_with_parent(int alive[2])
{
	struct pollfd p = { .fd = alive[0], .events = POLLIN };

	close(alive[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&p, 1, 0) > 0)
		_exit(1);
}

static int
inside(int (*act)(void *), void *ctx, const char *dir)
{
	if (dir == NULL || privileges_held() == PRIVILEGES_CHROOT) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		return act(ctx);
	}
	if (private_mounts(dir) == -1) {
		perror("image-build: private mounts");
		return 1;
	}
	return act(ctx);
}

int
enter_run(int (*act)(void *), void *ctx, const char *dir, struct error *e)
{
	own_free char *copy = dir != NULL ? path_join(dir, "root") : NULL;
	long namespaces = dir == NULL || privileges_held() == PRIVILEGES_CHROOT
	    ? 0
	    : NAMESPACES;
	sigset_t before;
	int alive[2], status;
	pid_t pid;

	if (pipe2(alive, O_CLOEXEC) == -1)
		return error_errno(e, "pipe");
	enter_catch_signals();
	hold_signals(&before);
	if (dir == NULL)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	fflush(NULL);
	pid = (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		for (size_t i = 0; i < STOPPING; i++)
			signal(stopping[i], SIG_IGN);
		release_signals(&before);
		end_with_parent(alive);
		status = inside(act, ctx, copy);
		fflush(NULL);
		_exit(status);
	}
	status = pid == -1 ? errno : wait_for(pid, &before);
	release_signals(&before);
	close(alive[0]);
	close(alive[1]);
	if (pid == -1)
		return error_set(
		    e, status, "namespaces of its own: %s", strerror(status));
	if (dir != NULL)
		(void)umount2(copy, MNT_DETACH);
	else if (stopped_by != 0)
		end_children();
	if (stopped_by != 0)
		return error_set(
		    e, EINTR, "stopped by %s", strsignal(stopped_by));
	if (WIFSIGNALED(status))
		return error_set(e, 0, "the build was killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	return WEXITSTATUS(status);
}

void
enter_end_leftovers(void)
{
	if (getpid() != 1) {
		end_children();
		return;
	}
	/* As init of a PID namespace we reach all of them at once. */
	if (kill(-1, SIGKILL) == 0)
		while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
			continue;
}

int
enter_tmpfs(const char *dir, uint64_t bytes, struct error *e)
{
	char options[64];

	snprintf(options, sizeof(options), "mode=0755,size=%llu",
	    (unsigned long long)bytes);
	if (mount("tmpfs", dir, "tmpfs", 0, options) == -1)
		return error_errno(e, "%s: tmpfs", dir);
	return 0;
}

/* ---- mounts in the target ---------------------------------------------- */

/*
 * A folder of the target to mount on, made if it is missing.  A symlink in
 * its place could lead out of the target: that is an error.
 */
static char *
mount_point(const struct build *b, const char *name, int *fd, struct error *e)
{
	own_fd int above = target_parent(b->tree, name, e);
	const char *last = path_base(name);

	if (above == -1)
		return NULL;
	if (mkdirat(above, last, 0755) == -1 && errno != EEXIST) {
		error_errno(e, "%s/%s", b->tree, name);
		return NULL;
	}
	*fd =
	    openat(above, last, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd == -1) {
		error_errno(e, "%s/%s: no folder to mount on", b->tree, name);
		return NULL;
	}
	return mem_printf("/proc/self/fd/%d", *fd);
}

static int
mount_in(const struct build *b, const char *name, const char *type,
    unsigned long flags, const char *options, struct error *e)
{
	own_fd int fd = -1;
	own_free char *at = mount_point(b, name, &fd, e);

	if (at == NULL)
		return -1;
	if (mount(type, at, type, flags, options) == -1)
		return error_errno(e, "%s/%s: mount %s", b->tree, name, type);
	return 0;
}

static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = {
	{ "null", 1, 3 },
	{ "zero", 1, 5 },
	{ "full", 1, 7 },
	{ "random", 1, 8 },
	{ "urandom", 1, 9 },
	{ "tty", 5, 0 },
};

static const struct {
	const char *name, *to;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
};

/*
 * Where devices cannot be made, the host's harmless ones are bound; where
 * nothing can be, ordinary files stand in for them.
 */
static int
make_node(int dev, size_t i)
{
	own_free char *host = mem_printf("/dev/%s", nodes[i].name);
	own_free char *at = NULL;
	own_fd int fd = -1;

	if (mknodat(dev, nodes[i].name, S_IFCHR | 0666,
		makedev(nodes[i].major, nodes[i].minor)) == 0)
		return 0;
	if (errno != EPERM)
		return -1;
	fd = openat(dev, nodes[i].name, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	if (fd == -1)
		return -1;
	if (privileges_held() == PRIVILEGES_CHROOT)
		return 0;
	at = mem_printf("/proc/self/fd/%d", fd);
	return mount(host, at, NULL, MS_BIND, NULL);
}

/* What was made is remembered, since it may stand in the tree itself. */
static bool
made(struct build *b, const char *name, int result)
{
	if (result == 0)
		strlist_add(&b->made, name);
	return result == 0 || errno == EEXIST;
}

/* A small /dev of its own: nothing of the host's can be reached by it. */
static int
fill_dev(struct build *b, struct error *e)
{
	own_fd int dev = target_open(b->tree, "dev", O_RDONLY | O_DIRECTORY, e);
	mode_t old;
	bool good = true;

	strlist_clear(&b->made);
	if (dev == -1)
		return -1;
	old = umask(0);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes) && good; i++)
		good = made(b, nodes[i].name, make_node(dev, i));
	for (size_t i = 0; i < sizeof(links) / sizeof(*links) && good; i++)
		good = made(b, links[i].name,
		    symlinkat(links[i].to, dev, links[i].name));
	good = good && made(b, "pts", mkdirat(dev, "pts", 0755)) &&
	    made(b, "shm", mkdirat(dev, "shm", 01777));
	umask(old);
	return good ? 0 : error_errno(e, "%s/dev", b->tree);
}

/*
 * /run is a tmpfs, so that nothing transient stays in the image.  Packages
 * that make /etc/resolv.conf a link into it find the host's resolver there.
 */
static int
fill_run(const struct build *b, struct error *e)
{
	static const char *const files[] = {
		"run/systemd/resolve/stub-resolv.conf",
		"run/systemd/resolve/resolv.conf", "run/resolvconf/resolv.conf",
		NULL
	};
	own(strbuf_clear) struct strbuf text = { 0 };
	own_fd int lock = target_folder(b->tree, "run/lock", 0755, e);
	struct error none;

	if (lock == -1)
		return -1;
	(void)file_read(
	    AT_FDCWD, "/etc/resolv.conf", LIMIT_TEXT_BYTES, &text, &none);
	for (const char *const *f = files; *f != NULL; f++)
		if (target_put(b->tree, *f, 0644, &text, e) == -1)
			return -1;
	return 0;
}

/* A file system of the kernel, or else the host's in its place. */
static int
mount_or_bind(const struct build *b, const char *name, const char *type,
    unsigned long flags, struct error *e)
{
	own_fd int fd = -1;
	own_free char *at = NULL;
	own_free char *host = mem_printf("/%s", name);

	if (mount_in(b, name, type, flags, NULL, e) == 0)
		return 0;
	if (privileges_held() == PRIVILEGES_ROOT)
		return -1;
	at = mount_point(b, name, &fd, e);
	if (at == NULL)
		return -1;
	if (mount(host, at, NULL, MS_BIND | MS_REC, NULL) == -1)
		return error_errno(e, "%s/%s: bind mount", b->tree, name);
	/* Its own locks on it may forbid even this; then it is as it is. */
	(void)mount(NULL, at, NULL, MS_BIND | MS_REMOUNT | flags, NULL);
	return 0;
}

static int
mount_all(struct build *b, struct error *e)
{
	const unsigned long no = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount_or_bind(b, "proc", "proc", no, e) == -1 ||
	    mount_or_bind(b, "sys", "sysfs", no | MS_RDONLY, e) == -1 ||
	    mount_in(b, "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755", e) ==
		-1)
		return -1;
	return mount_in(b, "dev", "tmpfs", MS_NOSUID, "mode=0755", e);
}

int
enter_mount(struct build *b, struct error *e)
{
	bool mounts = privileges_held() != PRIVILEGES_CHROOT;

	if (mounts && mount_all(b, e) == -1)
		return -1;
	if (fill_run(b, e) == -1 || fill_dev(b, e) == -1)
		return -1;
	if (mounts &&
	    (mount_in(b, "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		 "newinstance,ptmxmode=0666,mode=0620,gid=5", e) == -1 ||
		jail_seal(b, e) == -1))
		return -1;
	b->entered = true;
	return 0;
}

/* Without mounts, what they would have held stands in the tree itself. */
static int
clean_places(struct build *b, struct error *e)
{
	own_fd int run = target_open(b->tree, "run", FOLDER, e);
	own_fd int dev =
	    run == -1 ? -1 : target_open(b->tree, "dev", FOLDER, e);

	if (dev == -1)
		return -1;
	for (size_t i = 0; i < b->made.len; i++)
		if (tree_remove(dev, b->made.items[i], e) == -1)
			return -1;
	strlist_clear(&b->made);
	return tree_empty(run, ".", e);
}

int
enter_unmount(struct build *b, struct error *e)
{
	own(strlist_clear) struct strlist points = { 0 };

	if (privileges_held() == PRIVILEGES_CHROOT) {
		b->entered = false;
		return clean_places(b, e);
	}
	if (layers_mounts(b->tree, &points, e) == -1)
		return -1;
	for (size_t i = points.len; i > 0; i--)
		if (umount2(points.items[i - 1],
			MNT_DETACH | UMOUNT_NOFOLLOW) == -1 &&
		    errno != EINVAL && errno != ENOENT)
			return error_errno(
			    e, "%s: unmount", points.items[i - 1]);
	b->entered = false;
	return 0;
}

/* ---- the hooks tree ------------------------------------------------------ */

char *
enter_hooks_place(const struct build *b, bool chroot, struct error *e)
{
	return chroot ? target_path(b->tree, IN_TARGET, e) : mem_dup(b->hooks);
}

int
enter_hooks(const struct build *b, bool chroot, struct error *e)
{
	own_free char *at = enter_hooks_place(b, chroot, e);
	const unsigned long ro =
	    MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;

	if (at == NULL)
		return -1;
	if (privileges_held() == PRIVILEGES_CHROOT)
		return chroot ? tree_copy(AT_FDCWD, b->hooks, AT_FDCWD, at, e)
			      : 0;
	if (mount(b->hooks, at, NULL, MS_BIND, NULL) == -1 ||
	    (chroot && mount(NULL, at, NULL, ro, NULL) == -1))
		return error_errno(e, "%s: bind mount", at);
	return 0;
}

int
enter_unhook(const struct build *b, bool chroot, struct error *e)
{
	own_free char *at = enter_hooks_place(b, chroot, e);

	if (at == NULL)
		return -1;
	if (privileges_held() == PRIVILEGES_CHROOT)
		return chroot ? tree_empty(AT_FDCWD, at, e) : 0;
	/* The step may have done it itself. */
	if (umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW) == -1 && errno != EINVAL)
		return error_errno(e, "%s: unmount", at);
	return 0;
}

/* ---- what the target has while it is built --------------------------------- */

/* The attributes of a folder that is to be seen in another's place. */
static int
like(int dir, const char *name, const struct stat *st, struct error *e)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };

	if (fchownat(dir, name, st->st_uid, st->st_gid, 0) == -1 ||
	    fchmodat(dir, name, st->st_mode & 07777, 0) == -1 ||
	    utimensat(dir, name, times, 0) == -1)
		return error_errno(e, "%s", name);
	return 0;
}

int
enter_make_places(const struct build *b, struct error *e)
{
	static const struct {
		const char *name;
		mode_t mode;
	} places[] = { { "dev", 0755 }, { "proc", 0755 }, { "sys", 0755 },
		{ "run", 0755 }, { "tmp", 01777 } };
	own_fd int hooks = -1;
	own_fd int tree = open(b->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (tree == -1 || fstat(tree, &st) == -1)
		return error_errno(e, "%s", b->tree);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (mkdirat(tree, places[i].name, places[i].mode) == -1) {
			if (errno != EEXIST)
				return error_errno(
				    e, "%s/%s", b->tree, places[i].name);
			continue;
		}
		if (fchmodat(tree, places[i].name, places[i].mode, 0) == -1)
			return error_errno(e, "%s/%s", b->tree, places[i].name);
	}
	hooks = target_folder(b->tree, IN_TARGET, 0755, e);
	return hooks == -1 ? -1 : like(tree, ".", &st, e);
}
