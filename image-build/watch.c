/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a script really uses: which files of the hooks tree and of the host it
 * opens (fanotify), whether it writes outside of the build, and whether it
 * reaches for the network (filter.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image-build/filter.h"
#include "image-build/image-build.h"
#include "image-build/watch.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

#define EVENTS (FAN_OPEN | FAN_ONDIR | FAN_CLOSE_WRITE)

/* ---- which files count ------------------------------------------------------- */

static bool
below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return n > 0 && strncmp(path, dir, n) == 0 &&
	    (path[n] == '/' || path[n] == '\0');
}

/*
 * The host's programs and what they all read: taken as given, like the kernel.
 * What is transient, or ours, says nothing either.
 */
static bool
is_background(const struct watch *w, const char *path)
{
	static const char *const folders[] = { "/usr", "/bin", "/sbin", "/lib",
		"/lib32", "/lib64", "/libx32", "/proc", "/sys", "/dev", "/run",
		"/var/cache", "/var/log", "/var/lib/dpkg", "/var/lib/apt",
		"/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/passwd",
		"/etc/group", "/etc/shadow", "/etc/gshadow",
		"/etc/nsswitch.conf", "/etc/hosts", "/etc/resolv.conf",
		"/etc/localtime", "/etc/mtab", "/etc/host.conf",
		"/etc/gai.conf", "/etc/locale.alias", "/etc/services",
		"/etc/protocols", "/etc/ssl", "/etc/inputrc",
		"/etc/bash.bashrc", "/etc/profile", "/etc/login.defs",
		"/etc/alternatives", "/etc/terminfo", "/etc/ld.so.conf",
		"/etc/python3", "/etc/magic", "/etc/os-release", NULL };
	const char *const own[] = { w->b->dir, w->b->settings->cache,
		w->b->settings->locks, w->b->work };

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (own[i] != NULL && below(path, own[i]))
			return true;
	for (size_t i = 0; i < w->b->nchosen; i++)
		if (w->b->chosen[i]->path != NULL &&
		    below(path, w->b->chosen[i]->path))
			return false;
	for (const char *const *f = folders; *f != NULL; f++)
		if (below(path, *f))
			return true;
	return *path != '/' || path[1] == '\0';
}

/* Where programs put what they need for a moment only. */
static bool
is_transient(const struct watch *w, const char *path)
{
	return below(path, "/tmp") || below(path, "/var/tmp") ||
	    below(path, w->b->settings->tmp);
}

static void
remember(struct strlist *l, const char *s)
{
	if (!strlist_has(l, s))
		strlist_add(l, s);
}

/* One open or closed-after-writing file.  old: it was there before the step. */
static void
note(struct watch *w, const char *path, bool folder, bool written, bool old)
{
	size_t n = strlen(w->hooks);

	if (below(path, w->hooks)) {
		if (!written)
			remember(folder ? &w->folders : &w->reads,
			    path[n] == '/' ? path + n + 1 : ".");
		return;
	}
	if (is_background(w, path) ||
	    (!written && !old && is_transient(w, path)))
		return;
	if (written)
		remember(&w->writes, path);
	else if (!folder)
		remember(&w->reads, path);
}

/* ---- fanotify ------------------------------------------------------------------ */

static bool
is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec
				      : a->tv_nsec > b->tv_nsec;
}

static void
event(struct watch *w, const struct fanotify_event_metadata *m)
{
	char link[32], path[4096];
	struct stat st;
	ssize_t n;

	if (m->mask & FAN_Q_OVERFLOW) {
		w->blind = true;
		return;
	}
	if (m->fd < 0)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", m->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n > 0 && m->pid != getpid() && fstat(m->fd, &st) == 0 &&
	    (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		path[n] = '\0';
		note(w, path, S_ISDIR(st.st_mode),
		    (m->mask & FAN_CLOSE_WRITE) != 0,
		    !is_later(&st.st_ctim, &w->start));
	}
	close(m->fd);
}

/* w NULL: what happened between steps is nobody's. */
static void
drain(int fan, struct watch *w)
{
	char buf[16384] __attribute__((
	    aligned(__alignof__(struct fanotify_event_metadata))));
	ssize_t n;

	while (fan != -1 && (n = read(fan, buf, sizeof(buf))) > 0) {
		struct fanotify_event_metadata *m = (void *)buf;

		for (; FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n))
			if (w != NULL)
				event(w, m);
			else if (m->fd >= 0)
				close(m->fd);
	}
}

/* Mount points of real file systems, all but the build's own. */
static void
host_mounts(const struct watch *w, struct strlist *points)
{
	static const char *const kinds[] = { "ext2", "ext3", "ext4", "xfs",
		"btrfs", "overlay", "f2fs", "zfs", "nfs", "nfs4", "9p",
		"virtiofs", "fuse", "vfat", "erofs", "squashfs", NULL };
	own_file FILE *f = fopen("/proc/self/mounts", "re");
	own_free char *line = NULL;
	size_t cap = 0;

	while (f != NULL && getline(&line, &cap, f) != -1) {
		own(strlist_clear) struct strlist words = { 0 };

		strlist_split(&words, line, " \n");
		if (words.len < 3 || below(words.items[1], w->b->work))
			continue;
		for (const char *const *k = kinds; *k != NULL; k++)
			if (strcmp(words.items[2], *k) == 0)
				strlist_add(points, words.items[1]);
	}
}

static int
mark_mount(int fan, const char *point)
{
	return fanotify_mark(
	    fan, FAN_MARK_ADD | FAN_MARK_MOUNT, EVENTS, AT_FDCWD, point);
}

/*
 * One listener serves all steps of a build, since ending one takes the kernel
 * a while; the mark of a step goes with its mount of the hooks tree.
 */
static void
open_listener(struct build *b, const struct watch *w)
{
	own(strlist_clear) struct strlist points = { 0 };

	b->fan = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK |
		FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
	    O_RDONLY | O_CLOEXEC | O_LARGEFILE | O_NOATIME);
	if (b->fan == -1)
		return;
	host_mounts(w, &points);
	for (size_t i = 0; i < points.len; i++)
		(void)mark_mount(b->fan, points.items[i]);
}

static void
watch_files(struct watch *w, struct build *b, const char *hooks)
{
	if (b->fan == 0)
		open_listener(b, w);
	if (b->fan > 0)
		drain(b->fan, NULL);
	w->fan = b->fan;
	if (w->fan == -1 || mark_mount(w->fan, hooks) == -1)
		w->blind = true;
}

/* ---- the script's side and ours -------------------------------------------------- */

/*
 * In the child: marks of our mounts are not on those of its namespace.
 * Filter it and send the listener over.
 */
int
watch_prepare(struct watch *w, int ns)
{
	int listener;

	if (ns != -1 && !w->blind && mark_mount(w->fan, w->hooks) == -1)
		return errno;
	if (ns != -1 && filter_send(w->pair[1], ns) == -1)
		return errno;
	listener = filter_install(true);
	/* A build can do without; it is slower and the network unseen. */
	if (listener == -1)
		return 0;
	return filter_send(w->pair[1], listener) == -1 ? errno : 0;
}

/* Take the namespace and the listener over, once they were sent. */
static void
adopt_listener(struct watch *w)
{
	struct epoll_event e = { .events = EPOLLIN };

	if (w->jailed && w->ns == -1)
		w->ns = filter_receive(w->pair[0]);
	if (w->listener != -1 || w->heard || (w->jailed && w->ns == -1))
		return;
	w->listener = filter_receive(w->pair[0]);
	if (w->listener == -1)
		return;
	w->heard = true;
	(void)epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->listener, &e);
}

void
watch_ready(struct watch *w)
{
	struct pollfd p;

	drain(w->fan, w);
	adopt_listener(w);
	for (;;) {
		p = (struct pollfd){ .fd = w->listener, .events = POLLIN };
		if (w->listener == -1 || poll(&p, 1, 0) != 1)
			return;
		if (p.revents & POLLIN) {
			w->network |= filter_answer(w->listener);
			continue;
		}
		/* Nobody is left who could call. */
		close(w->listener);
		w->listener = -1;
	}
}

int
watch_open(struct watch *w, struct build *b, const char *hooks, bool jailed,
    struct error *e)
{
	struct epoll_event event = { .events = EPOLLIN };
	size_t outside = jailed ? strlen(b->tree) : 0;

	*w = (struct watch){ .b = b,
		.hooks = mem_dup(hooks + outside),
		.jailed = jailed,
		.fan = -1,
		.ns = -1,
		.listener = -1,
		.epoll = epoll_create1(EPOLL_CLOEXEC) };
	/* The clock that files get their times from. */
	clock_gettime(CLOCK_REALTIME_COARSE, &w->start);
	if (w->epoll == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->pair) == -1)
		return error_errno(e, "watch");
	watch_files(w, b, hooks);
	(void)epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->pair[0], &event);
	if (w->fan != -1)
		(void)epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->fan, &event);
	return 0;
}

/*
 * What was written was not an input, and what was only needed for a moment is
 * gone by now; order is of no meaning.
 */
void
watch_settle(struct watch *w)
{
	watch_ready(w);
	for (size_t i = w->writes.len; i > 0; i--)
		if (is_transient(w, w->writes.items[i - 1]) &&
		    access(w->writes.items[i - 1], F_OK) == -1)
			strlist_remove(&w->writes, i - 1);
	for (size_t i = w->reads.len; i > 0; i--)
		if (strlist_has(&w->writes, w->reads.items[i - 1]))
			strlist_remove(&w->reads, i - 1);
	strlist_sort(&w->reads);
	strlist_sort(&w->folders);
}

void
watch_close(struct watch *w)
{
	int fds[] = { w->listener, w->ns, w->epoll, w->pair[0], w->pair[1] };

	if (w->hooks == NULL)
		return;
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] > 0)
			close(fds[i]);
	free(w->hooks);
	strlist_clear(&w->reads);
	strlist_clear(&w->folders);
	strlist_clear(&w->writes);
	*w = (struct watch){ 0 };
}
