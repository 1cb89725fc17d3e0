/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we may do here.  A build wants to be root over a tree: to mount, to
 * give files to any user, to change the root folder.
 *
 *	root		with CAP_SYS_ADMIN: all of it
 *	user namespace	an ordinary user, or root in a container, is root in a
 *			namespace; other users are those that /etc/subuid and
 *			/etc/subgid give (newuidmap)
 *	chroot		root in a container that forbids both: no mounts
 */
#include "image-build/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)

static enum privileges held;
static unsigned outer_uid;
static bool known;

enum privileges
privileges_held(void)
{
	return held;
}

unsigned
privileges_uid(void)
{
	return known ? outer_uid : (unsigned)geteuid();
}

const char *
privileges_name(enum privileges p)
{
	return p == PRIVILEGES_ROOT ? "root"
	    : p == PRIVILEGES_USER  ? "user namespace"
				    : "chroot";
}

/* ---- what works ----------------------------------------------------------- */

static int
try_root(void)
{
	return unshare(NAMESPACES);
}

static int
try_user(void)
{
	return unshare(CLONE_NEWUSER | NAMESPACES);
}

static int
try_chroot(void)
{
	return chroot("/");
}

/* Try something in a child: 0, or the errno that it failed with. */
static int
attempt(int (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == -1)
		return errno;
	if (pid == 0)
		_exit(act() == 0 ? 0 : errno);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int
find(enum privileges *p, struct error *e)
{
	int code;

	*p = PRIVILEGES_ROOT;
	if (geteuid() == 0 && attempt(try_root) == 0)
		return 0;
	*p = PRIVILEGES_USER;
	code = attempt(try_user);
	if (code == 0)
		return 0;
	*p = PRIVILEGES_CHROOT;
	if (geteuid() == 0 && attempt(try_chroot) == 0)
		return 0;
	return error_set(e, code,
	    "cannot be root over a tree here: no user namespace can be made "
	    "(%s)%s",
	    strerror(code),
	    geteuid() == 0 ? ", and chroot is not allowed"
			   : "; as root it would do without");
}

/* ---- becoming root in a namespace -------------------------------------------- */

/* Every id that we have stands for itself. */
static int
map_all(pid_t pid, const char *kind, struct error *e)
{
	own_free char *from = mem_printf("/proc/self/%s_map", kind);
	own_free char *to = mem_printf("/proc/%d/%s_map", (int)pid, kind);
	own(strbuf_clear) struct strbuf text = { 0 }, map = { 0 };
	own(strlist_clear) struct strlist lines = { 0 };
	own_fd int fd = -1;

	if (file_read(AT_FDCWD, from, LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	strlist_split(&lines, strbuf_text(&text), "\n");
	for (size_t i = 0; i < lines.len; i++) {
		own(strlist_clear) struct strlist words = { 0 };

		strlist_split(&words, lines.items[i], " ");
		if (words.len == 3)
			strbuf_printf(&map, "%s %s %s\n", words.items[0],
			    words.items[0], words.items[2]);
	}
	fd = open(to, O_WRONLY | O_CLOEXEC);
	if (fd == -1 || write(fd, strbuf_text(&map), map.len) == -1)
		return error_errno(e, "%s", to);
	return 0;
}

/* "name:first:count" of this user, by name or number, in /etc/subuid. */
static int
find_range(const char *path, char range[2][16], struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist lines = { 0 };
	own_free char *id = mem_printf("%u", (unsigned)getuid());
	const struct passwd *user = getpwuid(getuid());
	const char *name = user != NULL ? user->pw_name : NULL;

	if (file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	strlist_split(&lines, strbuf_text(&text), "\n");
	for (size_t i = 0; i < lines.len; i++) {
		own(strlist_clear) struct strlist words = { 0 };

		strlist_split(&words, lines.items[i], ":");
		if (words.len != 3 ||
		    strtoul(words.items[2], NULL, 10) < 65534 ||
		    (strcmp(words.items[0], id) != 0 &&
			(name == NULL || strcmp(words.items[0], name) != 0)))
			continue;
		snprintf(range[0], 16, "%s", words.items[1]);
		snprintf(range[1], 16, "%s", words.items[2]);
		return 0;
	}
	return error_set(e, ENOENT,
	    "%s has no range of at least 65534 ids for user %s (%s); as root: "
	    "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "
	    "%s",
	    path, name != NULL ? name : id, id, name != NULL ? name : id);
}

/* We are 0, our range the others. */
static int
map_range(pid_t pid, const char *kind, unsigned id, struct error *e)
{
	own_free char *path = mem_printf("/etc/sub%s", kind);
	own_free char *program = mem_printf("new%smap", kind);
	own_free char *target = mem_printf("%d", (int)pid);
	own_free char *self = mem_printf("%u", id);
	char range[2][16], zero[] = "0", one[] = "1";
	char *argv[] = { program, target, zero, self, one, one, range[0],
		range[1], NULL };

	if (find_range(path, range, e) == -1)
		return -1;
	if (proc_do(argv, e) == -1)
		return error_prefix(e, "%s (package uidmap)", program);
	return 0;
}

static int
map(pid_t pid, struct error *e)
{
	if (geteuid() == 0)
		return map_all(pid, "uid", e) == -1 ? -1
						    : map_all(pid, "gid", e);
	if (map_range(pid, "uid", getuid(), e) == -1)
		return -1;
	return map_range(pid, "gid", getgid(), e);
}

/* A helper that stays outside waits for our word, maps, and says what failed. */
static int
helper(pid_t pid, int word, int answer)
{
	struct error e = { 0 };
	char byte;

	/* Nothing comes when unsharing failed. */
	if (read(word, &byte, 1) != 1)
		return 1;
	if (map(pid, &e) == 0)
		return 0;
	if (write(answer, &e, sizeof(e)) != sizeof(e))
		return 1;
	return 1;
}

static int
become_root(struct error *e)
{
	int word[2], answer[2], status = -1;
	struct error why = { 0 };
	pid_t self = getpid(), pid;

	if (pipe2(word, O_CLOEXEC) == -1)
		return error_errno(e, "pipe");
	if (pipe2(answer, O_CLOEXEC) == -1) {
		close(word[0]);
		close(word[1]);
		return error_errno(e, "pipe");
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(word[1]);
		close(answer[0]);
		_exit(helper(self, word[0], answer[1]));
	}
	close(answer[1]);
	if (pid == -1 || unshare(CLONE_NEWUSER) == -1)
		error_errno(e, "user namespace");
	else if (write(word[1], "", 1) != 1)
		error_errno(e, "user namespace: helper");
	else
		status = 0;
	close(word[0]);
	close(word[1]);
	if (status == 0 && read(answer[0], &why, sizeof(why)) == sizeof(why)) {
		*e = why;
		status = -1;
	}
	close(answer[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	return status;
}

int
privileges_take(struct error *e)
{
	if (find(&held, e) == -1)
		return -1;
	outer_uid = (unsigned)geteuid();
	known = true;
	if (held != PRIVILEGES_USER)
		return 0;
	if (become_root(e) == -1)
		return -1;
	if (setgroups(0, NULL) == -1 || setresgid(0, 0, 0) == -1 ||
	    setresuid(0, 0, 0) == -1)
		return error_errno(e, "user namespace: becoming root");
	return 0;
}
