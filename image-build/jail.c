/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a script in the target cannot reach, beside what a private PID, mount,
 * IPC and UTS namespace and a chroot keep from it: it shares the kernel and
 * the network with the host, and root may change both.
 *
 * It stays root over its tree: owners, devices, mounts, chroot.  A script
 * that sets out to break a chroot as root can; this is for those that do not
 * know what they are doing to the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "image-build/image-build.h"
#include "image-build/privileges.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"

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

void
jail_drop(void)
{
	/* What a kernel does not know, or we do not have, nobody gets. */
	for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped); i++)
		(void)prctl(PR_CAPBSET_DROP, dropped[i], 0, 0, 0);
}

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

int
jail_seal(const struct build *b, struct error *e)
{
	static const char *const places[] = { "proc/sys", "proc/sysrq-trigger",
		"proc/irq", "proc/bus", "proc/acpi", "proc/scsi" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (seal(b, places[i], e) == -1)
			return -1;
	return 0;
}
