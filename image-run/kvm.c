/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe: a boot sector that writes one byte to QEMU's debug port, which
 * ends QEMU with a status that nothing else gives.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image-run/image-run.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strlist.h"

#define PROBE_SECONDS 3
#define PROBE_BYTE 0x10
#define SECTOR 512
#define DISK_BYTES (1 << 20) /* the firmware boots no smaller disk */

static int
write_disk(const char *path, struct error *e)
{
	static const unsigned char code[] = {
		0xb0, PROBE_BYTE, /* mov al, PROBE_BYTE */
		0xe6, 0xf4, /* out 0xf4, al */
		0xf4, /* hlt */
		0xeb, 0xfd, /* jmp to the hlt */
	};
	unsigned char sector[SECTOR] = { 0 };
	own_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	memcpy(sector, code, sizeof(code));
	sector[SECTOR - 2] = 0x55;
	sector[SECTOR - 1] = 0xaa;
	if (fd == -1 || file_write_all(fd, sector, SECTOR) == -1 ||
	    ftruncate(fd, DISK_BYTES) == -1)
		return error_errno(e, "%s", path);
	return 0;
}

bool
kvm_works(const char *dir, struct error *why)
{
	own_free char *disk = path_join(dir, "probe.img");
	own(strlist_clear) struct strlist argv = { 0 };
	struct proc p = {
		.seconds = PROBE_SECONDS, .tick = log_tick, .stop = &stop_asked
	};
	struct proc_status s;

	if (access("/dev/kvm", R_OK | W_OK) == -1) {
		error_errno(why, "/dev/kvm");
		return false;
	}
	if (write_disk(disk, why) == -1)
		return false;
	qemu_probe_plan(disk, &argv);
	p.argv = strlist_argv(&argv);
	if (proc_run(&p, &s, why) == -1)
		return false;
	if (s.code == QEMU_PROBE_STATUS(PROBE_BYTE))
		return true;
	if (proc_check(&s, why) == 0)
		error_set(why, 0, "it ended too early");
	error_prefix(why, "a machine tried with it");
	return false;
}
