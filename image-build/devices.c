/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that scripts of the target cannot use, whatever nodes they make or
 * find: a cgroup with a program that the kernel asks when one is opened.
 *
 * A script lives in a cgroup below that one and sees nothing above it (jail.c),
 * so it can neither leave it nor take the program away.  Each has one of its
 * own: into one that was ended once, the kernel lets no program be started.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/cgroup.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

/* A number for each device: 12 bits of major, 20 of minor. */
#define DEVICE(major, minor) ((major) << 20 | (minor))
#define PTS_FIRST DEVICE(136, 0)
#define PTS_END DEVICE(144, 0)

/* Instructions, as in the kernel's own notation. */
#define LOAD(reg, field) \
	{ \
		.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (reg), \
		.src_reg = 1, \
		.off = offsetof(struct bpf_cgroup_dev_ctx, field) \
	}
#define DO(op, reg, k) \
	{ \
		.code = BPF_ALU64 | BPF_K | (op), .dst_reg = (reg), .imm = (k) \
	}
#define DO_REG(op, reg, from) \
	{ \
		.code = BPF_ALU64 | BPF_X | (op), .dst_reg = (reg), \
		.src_reg = (from) \
	}
#define IF(op, reg, k, jump) \
	{ \
		.code = BPF_JMP | BPF_K | (op), .dst_reg = (reg), \
		.off = (jump), .imm = (k) \
	}
#define END \
	{ \
		.code = BPF_JMP | BPF_EXIT \
	}

/* Any node may be made; a jump is counted from the next line on. */
static const struct bpf_insn program[] = {
	LOAD(2, access_type),
	DO_REG(BPF_MOV, 3, 2),
	DO(BPF_RSH, 3, 16),
	IF(BPF_JEQ, 3, BPF_DEVCG_ACC_MKNOD, 17),
	DO(BPF_AND, 2, 0xffff),
	IF(BPF_JNE, 2, BPF_DEVCG_DEV_CHAR, 13),
	LOAD(2, major),
	DO(BPF_LSH, 2, 20),
	LOAD(3, minor),
	DO_REG(BPF_OR, 2, 3),
	IF(BPF_JEQ, 2, DEVICE(1, 3), 10), /* null */
	IF(BPF_JEQ, 2, DEVICE(1, 5), 9), /* zero */
	IF(BPF_JEQ, 2, DEVICE(1, 7), 8), /* full */
	IF(BPF_JEQ, 2, DEVICE(1, 8), 7), /* random */
	IF(BPF_JEQ, 2, DEVICE(1, 9), 6), /* urandom */
	IF(BPF_JEQ, 2, DEVICE(5, 0), 5), /* tty */
	IF(BPF_JEQ, 2, DEVICE(5, 2), 4), /* ptmx */
	IF(BPF_JLT, 2, PTS_FIRST, 1),
	IF(BPF_JLT, 2, PTS_END, 2),
	DO(BPF_MOV, 0, 0), /* no */
	END,
	DO(BPF_MOV, 0, 1), /* yes */
	END,
};

static int
bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static bool
attach(const char *cgroup)
{
	static const char license[] = "Apache-2.0";
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uintptr_t)program,
		.insn_cnt = sizeof(program) / sizeof(*program),
		.license = (uintptr_t)license };
	own_fd int dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_fd int fd = dir == -1 ? -1 : bpf(BPF_PROG_LOAD, &load);
	union bpf_attr to = { .target_fd = (uint32_t)dir,
		.attach_bpf_fd = (uint32_t)fd,
		.attach_type = BPF_CGROUP_DEVICE };

	return fd != -1 && bpf(BPF_PROG_ATTACH, &to) == 0;
}

/* Without a limit scripts could make more below, which nobody would remove. */
static bool
limit(const char *cgroup)
{
	own_free char *path = path_join(cgroup, "cgroup.max.descendants");
	own_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd != -1 && file_write_all(fd, "1", 1) == 0;
}

char *
devices_close(void)
{
	own_free char *base = cgroup_find("image-build");
	own_free char *cgroup = cgroup_make(base, "image-build", 0);

	if (cgroup == NULL)
		return NULL;
	if (attach(cgroup) && limit(cgroup))
		return take(cgroup);
	cgroup_remove(cgroup);
	return NULL;
}

int
devices_enter(struct build *b, struct error *e)
{
	own_free char *inner = NULL;

	if (b->cgroup == NULL)
		return 0;
	inner = path_join(b->cgroup, "in");
	if (mkdir(inner, 0755) == -1)
		return error_errno(e, "%s: a cgroup for scripts", inner);
	b->inner = take(inner);
	return 0;
}

void
devices_leave(struct build *b)
{
	cgroup_remove(b->inner);
	free(b->inner);
	b->inner = NULL;
}
