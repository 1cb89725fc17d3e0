/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unified kernel images: systemd's stub with kernel, initramfs and command
 * line in one program for UEFI, and signatures for Secure Boot.  By objcopy
 * and sbsign.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-build/boot-uki.h"
#include "image-build/disk.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

/* Where the stub finds each section is told by its name, not its place. */
static const struct section {
	const char *name, *at;
} sections[] = {
	{ ".osrel", "0x20000" },
	{ ".cmdline", "0x30000" },
	{ ".linux", "0x2000000" },
	{ ".initrd", "0x4000000" },
};

static void
add_section(struct strlist *argv, size_t i, const char *file)
{
	strlist_add(argv, "--add-section");
	strlist_printf(argv, "%s=%s", sections[i].name, file);
	strlist_add(argv, "--change-section-vma");
	strlist_printf(argv, "%s=%s", sections[i].name, sections[i].at);
}

static int
put(const struct boot_job *job, const char *name, const char *text, char **path,
    struct error *e)
{
	*path = path_join(job->scratch, name);
	return file_put(AT_FDCWD, *path, 0644, text, strlen(text), e);
}

int
uki_sign(const struct boot_job *job, const char *file, struct error *e)
{
	const char *key = getenv("SECURE_BOOT_KEY");
	const char *cert = getenv("SECURE_BOOT_CERT");
	const struct fs_job run = { .what = "sign for Secure Boot",
		.now = job->now };
	own(strlist_clear) struct strlist argv = { 0 };

	if (key == NULL || *key == '\0')
		return 0;
	if (cert == NULL || *cert == '\0')
		return error_set(e, EINVAL,
		    "SECURE_BOOT_KEY is set, and SECURE_BOOT_CERT is not");
	strlist_add(&argv, "sbsign");
	strlist_add(&argv, "--key");
	strlist_add(&argv, key);
	strlist_add(&argv, "--cert");
	strlist_add(&argv, cert);
	strlist_add(&argv, "--output");
	strlist_add(&argv, file);
	strlist_add(&argv, file);
	return fs_run(&run, &argv, e);
}

bool
uki_wanted(const struct boot_job *job)
{
	const char *key = getenv("SECURE_BOOT_KEY");

	return job->layout->nverities > 0 || (key != NULL && *key != '\0');
}

static int
run_objcopy(const struct boot_job *job, const struct uki *u, const char *to,
    struct error *e)
{
	const struct fs_job run = { .what = "unified kernel image",
		.now = job->now };
	own(strlist_clear) struct strlist argv = { 0 };
	own_free char *cmdline = NULL;
	struct error none;
	own_free char *osrel =
	    target_path(job->tree, "usr/lib/os-release", &none);
	int r;

	if (put(job, "uki-cmdline", u->cmdline, &cmdline, e) == -1)
		return -1;
	/* Without it objcopy would write the time of day into the header. */
	strlist_split(&argv, "objcopy --enable-deterministic-archives", " ");
	if (osrel != NULL)
		add_section(&argv, 0, osrel);
	add_section(&argv, 1, cmdline);
	add_section(&argv, 2, u->kernel);
	if (u->initrd != NULL)
		add_section(&argv, 3, u->initrd);
	strlist_add(&argv, u->stub);
	strlist_add(&argv, to);
	r = fs_run(&run, &argv, e);
	(void)unlink(cmdline);
	return r;
}

int
uki_write(const struct boot_job *job, const struct uki *u, const char *to,
    struct error *e)
{
	own_free char *dir = path_dir(to);

	if (!file_exists(AT_FDCWD, u->stub))
		return error_set(e, ENOENT,
		    "%s: not there (package systemd-boot-efi), and a hash "
		    "tree or a key wants a unified kernel image",
		    u->stub);
	if (file_mkdirs(AT_FDCWD, dir, 0755, e) == -1 ||
	    run_objcopy(job, u, to, e) == -1)
		return -1;
	return uki_sign(job, to, e);
}
