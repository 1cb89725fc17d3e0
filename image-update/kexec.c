/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reboot without firmware and loader: the kernel of the other slot is put
 * into memory, and systemd starts it when all else has ended.  Since no
 * loader counts that start, its entry has one try less beforehand.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image-update/machine.h"
#include "lib/boot.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

/* There is 1 in it when nothing may be loaded until the next boot. */
#define SETTING "proc/sys/kernel/kexec_load_disabled"

const char *
kexec_obstacle(const char *root)
{
	own_free char *path = path_join(root, SETTING);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error e;

	if (file_read(AT_FDCWD, path, KIB(4), &text, &e) == -1)
		return "this kernel cannot start another one";
	return *strbuf_text(&text) == '0' ? NULL
					  : "kernel.kexec_load_disabled is set";
}

static int
open_boot(const struct machine *m, const char *name, struct error *e)
{
	own_free char *path = boot_file(m->other, name);
	int fd = openat(m->esp, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd == -1 ? error_errno(e, "ESP: %s", path) : fd;
}

int
kexec_load(struct slots *s, const struct contents *c, struct error *e)
{
	struct machine *m = s->machine;
	const struct boot_about about = machine_about(s, c);
	own(strbuf_clear) struct strbuf options = { 0 };
	own_fd int kernel = open_boot(m, "linux", e), initrd = -1;
	unsigned long flags = c->initrd == NULL ? KEXEC_FILE_NO_INITRAMFS : 0;

	if (kernel == -1)
		return -1;
	if (c->initrd != NULL && (initrd = open_boot(m, "initrd", e)) == -1)
		return -1;
	boot_options(m->other, &about, &options);
	if (syscall(SYS_kexec_file_load, kernel, initrd, options.len + 1,
		strbuf_text(&options), flags) == -1)
		return error_errno(e, "kexec_file_load");
	m->way = "kexec";
	return 0;
}
