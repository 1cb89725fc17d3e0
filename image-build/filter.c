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
#include <stdint.h>
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

/* What would change the host, not the image: done, says the kernel. */
static const int ignored[] = {
	SYS_fsync,
	SYS_fdatasync,
	SYS_sync,
	SYS_syncfs,
	SYS_msync,
	SYS_sync_file_range,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_kexec_file_load,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_clock_adjtime,
	SYS_adjtimex,
	SYS_acct,
};

#define IGNORED (sizeof(ignored) / sizeof(*ignored))

static void
add(struct sock_fprog *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	p->filter[p->len++] = (struct sock_filter){ code, yes, no, k };
}

/* Jumps are counted from the next line on. */
static void
make_program(struct sock_fprog *p, bool tell)
{
	const uint32_t number = offsetof(struct seccomp_data, nr);
	const uint32_t arch = offsetof(struct seccomp_data, arch);
	const uint32_t family = offsetof(struct seccomp_data, args[0]);

	add(p, BPF_LD | BPF_W | BPF_ABS, arch, 0, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
	add(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	add(p, BPF_LD | BPF_W | BPF_ABS, number, 0, 0);
	for (size_t i = 0; i < IGNORED; i++)
		add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)ignored[i],
		    (uint8_t)(IGNORED - i), 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 4);
	add(p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO, 0, 0); /* errno 0: done */
	add(p, BPF_LD | BPF_W | BPF_ABS, family, 0, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0);
	add(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	add(p, BPF_RET | BPF_K,
	    tell ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW, 0, 0);
}

int
filter_install(bool tell)
{
	struct sock_filter lines[IGNORED + 16];
	struct sock_fprog prog = { .filter = lines };

	if (NATIVE == 0) {
		errno = ENOSYS;
		return -1;
	}
	make_program(&prog, tell);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    tell ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &prog);
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
