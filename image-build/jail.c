/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a script in the target cannot reach, beside what the build's private
 * PID, IPC and UTS namespaces keep from it.
 *
 * Each program gets a mount namespace in which the target is the root and the
 * host's mounts are gone, so that there is nothing to break out to.  The
 * target's own mounts are shared with the build's namespace, where the next
 * program finds what this one mounted.  And it shares the kernel and the
 * network with the host, which root may change both: not without capabilities.
 * Of cgroups it sees what is below its own.
 *
 * It stays root over its tree: owners, devices, mounts, chroot.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/privileges.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

/* ---- the target as the root ------------------------------------------------ */

int
jail_open(struct build *b, struct error *e)
{
	if (privileges_held() != PRIVILEGES_CHROOT &&
	    mount(NULL, b->work, NULL, MS_REC | MS_SHARED, NULL) == -1)
		return error_errno(e, "%s: share mounts", b->work);
	return devices_enter(b, e);
}

void
jail_close(struct build *b)
{
	devices_leave(b);
	/* What is shared could not be moved to the next step's tree. */
	(void)mount(NULL, b->work, NULL, MS_REC | MS_PRIVATE, NULL);
}

/*
 * The host's mounts leave by way of the hooks tree's, which is below the new
 * root, belongs to this step alone and is not shared; nor may the old root
 * be, or the build's own mounts would go as well.
 */
static int
leave_host(const char *jail, const char *door)
{
	if (chdir(jail) == -1 ||
	    mount(NULL, door, NULL, MS_PRIVATE, NULL) == -1 ||
	    syscall(SYS_pivot_root, ".", door) == -1 || chdir("/") == -1 ||
	    mount(NULL, door, NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return -1;
	return umount2(door, MNT_DETACH);
}

static int
change_root(const struct build *b, int *ns)
{
	struct error e;
	own_free char *hooks = enter_hooks_place(b, true, &e);
	own_fd int fd = -1;

	if (hooks == NULL)
		return e.code;
	if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP) == -1)
		return errno;
	fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (fd == -1 ||
	    mount(b->tree, b->jail, NULL, MS_BIND | MS_REC, NULL) == -1 ||
	    leave_host(b->jail, path_relative(hooks + strlen(b->tree))) == -1)
		return errno;
	*ns = take_fd(&fd);
	return 0;
}

/* ---- capabilities ------------------------------------------------------------ */

/* No element needs these: they change the host, or see its processes. */
static const int dropped[] = {
	CAP_AUDIT_CONTROL,
	CAP_AUDIT_READ,
	CAP_BLOCK_SUSPEND,
	CAP_BPF,
	CAP_CHECKPOINT_RESTORE,
	CAP_DAC_READ_SEARCH, /* opens any file of the host by its number */
	CAP_NET_ADMIN, /* the network is the host's */
	CAP_PERFMON,
	CAP_SYS_BOOT,
	CAP_SYS_MODULE,
	CAP_SYS_PACCT,
	CAP_SYS_PTRACE, /* /proc/1/root is the host's tree */
	CAP_SYS_RAWIO,
	CAP_SYS_TIME,
	CAP_SYS_TTY_CONFIG,
	CAP_SYSLOG,
	CAP_WAKE_ALARM,
};

int
jail_enter(const struct build *b, int *ns)
{
	int code = 0;

	*ns = -1;
	if (privileges_held() != PRIVILEGES_CHROOT)
		code = change_root(b, ns);
	else if (chroot(b->tree) == -1 || chdir("/") == -1)
		code = errno;
	if (code != 0)
		return code;
	/* What a kernel does not know, or we do not have, nobody gets. */
	for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped); i++)
		(void)prctl(PR_CAPBSET_DROP, dropped[i], 0, 0, 0);
	return 0;
}

/* ---- the target's /proc ------------------------------------------------------- */

/* A mount of a place on itself, that nobody writes to. */
static int
seal(const struct build *b, const char *name, struct error *e)
{
	const unsigned long flags =
	    MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
	struct error none;
	own_fd int fd = target_open(b->tree, name, O_PATH, &none);
	own_free char *at = mem_printf("/proc/self/fd/%d", fd);
	own_free char *sealed = NULL;
	own_fd int again = -1;

	if (fd == -1)
		return 0;
	if (mount(at, at, NULL, MS_BIND, NULL) == -1)
		return error_errno(e, "%s/%s: bind mount", b->tree, name);
	again = target_open(b->tree, name, O_PATH, e);
	if (again == -1)
		return -1;
	sealed = mem_printf("/proc/self/fd/%d", again);
	/* In a container of others it is read-only already, or locked. */
	if (mount(NULL, sealed, NULL, flags, NULL) == -1 &&
	    privileges_held() == PRIVILEGES_ROOT)
		return error_errno(e, "%s/%s: read-only", b->tree, name);
	return 0;
}

/* Something empty in the place of a file. */
static int
cover(const struct build *b, const char *name, struct error *e)
{
	struct error none;
	own_fd int fd = target_open(b->tree, name, O_PATH, &none);
	own_fd int null = target_open(b->tree, "dev/null", O_PATH, e);
	own_free char *at = mem_printf("/proc/self/fd/%d", fd);
	own_free char *from = mem_printf("/proc/self/fd/%d", null);

	if (null == -1)
		return -1;
	if (fd != -1 && mount(from, at, NULL, MS_BIND, NULL) == -1)
		return error_errno(e, "%s/%s: bind mount", b->tree, name);
	return 0;
}

int
jail_seal(const struct build *b, struct error *e)
{
	static const char *const settings[] = { "proc/sys",
		"proc/sysrq-trigger", "proc/irq", "proc/bus", "proc/acpi",
		"proc/scsi" };
	/* The build itself is process 1, and these need no capability. */
	static const char *const mounts[] = { "proc/1/mounts",
		"proc/1/mountinfo", "proc/1/mountstats", "proc/1/task/1/mounts",
		"proc/1/task/1/mountinfo" };

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (seal(b, settings[i], e) == -1)
			return -1;
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++)
		if (cover(b, mounts[i], e) == -1)
			return -1;
	return 0;
}
