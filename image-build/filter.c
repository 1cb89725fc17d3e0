/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system-call filter for the scripts of a build (seccomp).
 *
 * Nothing that a build writes must survive a power cut, so fsync and its kin
 * succeed without doing anything, which saves most of the time of installing
 * packages on a disk.  And the first internet socket that a script opens is
 * told to us: what it does then depends on more than the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image-build/filter.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#define NATIVE 0 /* no filter is made */
#endif

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
	    (unsigned)offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, what)

/* Jumps are counted from the next line on. */
static struct sock_filter program[] = {
	LOAD(arch), IF_EQUAL(NATIVE, 1, 0), ANSWER(SECCOMP_RET_ALLOW), LOAD(nr),
	IF_EQUAL(SYS_fsync, 11, 0), IF_EQUAL(SYS_fdatasync, 10, 0),
	IF_EQUAL(SYS_sync, 9, 0), IF_EQUAL(SYS_syncfs, 8, 0),
	IF_EQUAL(SYS_msync, 7, 0), IF_EQUAL(SYS_sync_file_range, 6, 0),
	IF_EQUAL(SYS_socket, 0, 4), LOAD(args[0]), IF_EQUAL(AF_INET, 1, 0),
	IF_EQUAL(AF_INET6, 0, 1), ANSWER(SECCOMP_RET_USER_NOTIF),
	ANSWER(SECCOMP_RET_ALLOW),
	ANSWER(SECCOMP_RET_ERRNO), /* errno 0: done */
};

int
filter_install(bool tell)
{
	const struct sock_fprog prog = {
		.len = sizeof(program) / sizeof(*program), .filter = program
	};
	unsigned flags = tell ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;

	if (NATIVE == 0) {
		errno = ENOSYS;
		return -1;
	}
	/* Nobody would answer. */
	for (size_t i = 0; i < prog.len && !tell; i++)
		if (program[i].k == SECCOMP_RET_USER_NOTIF)
			program[i].k = SECCOMP_RET_ALLOW;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

int
filter_send(int socket, int listener)
{
	char byte = 0;
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &listener, sizeof(int));
	return sendmsg(socket, &m, 0) == 1 ? 0 : -1;
}

int
filter_receive(int socket)
{
	char byte;
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;
	int fd;

	if (recvmsg(socket, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (c == NULL || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

/* Let the call go on; it was only of interest that it was made. */
bool
filter_answer(int listener)
{
	struct seccomp_notif n = { 0 };
	struct seccomp_notif_resp r = { 0 };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) == -1)
		return false;
	r.id = n.id;
	r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
	return true;
}
