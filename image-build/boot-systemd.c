/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd-boot on the EFI system partition, from what the tree has: the
 * loader, the newest kernel with its initramfs, and the command line in
 * /etc/kernel/cmdline.  The entry's name counts boots (the Boot Loader
 * Specification): one that fails three times is not tried first any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image-build/disk.h"
#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define LOADERS "usr/lib/systemd/boot/efi"
#define CMDLINE "etc/kernel/cmdline"
#define KERNEL "vmlinuz-"
#define TRIES 3

/* What UEFI calls the architecture, or NULL. */
static const char *
efi_arch(const struct boot_job *job)
{
	if (strcmp(job->settings->arch, "amd64") == 0)
		return "x64";
	return strcmp(job->settings->arch, "arm64") == 0 ? "aa64" : NULL;
}

static char *
loader_path(const struct boot_job *job)
{
	return mem_printf(
	    "%s/" LOADERS "/systemd-boot%s.efi", job->tree, efi_arch(job));
}

/* A tree that fills the ESP's EFI/BOOT itself needs no loader of ours. */
static bool
fits(const struct boot_job *job)
{
	own_free char *loader = NULL, *other = NULL;

	if (job->esp == NULL || efi_arch(job) == NULL)
		return false;
	loader = loader_path(job);
	other = path_join(job->esp, "EFI/BOOT");
	return file_exists(AT_FDCWD, loader) &&
	    (job->fd != -1 || !file_exists(AT_FDCWD, other));
}

/* ---- the kernel ----------------------------------------------------------------- */

/* The newest release that /boot has, or NULL. */
static char *
find_release(const struct boot_job *job, struct error *e)
{
	own_free char *boot = path_join(job->tree, "boot");
	own(strlist_clear) struct strlist names = { 0 };
	const char *best = NULL;

	if (file_names(AT_FDCWD, boot, &names, e) == -1)
		return NULL;
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];

		if (strncmp(name, KERNEL, strlen(KERNEL)) == 0 &&
		    (best == NULL || strverscmp(name, best) > 0))
			best = name;
	}
	if (best != NULL)
		return mem_dup(best + strlen(KERNEL));
	error_set(e, ENOENT, "%s: no kernel (" KERNEL "*)", boot);
	return NULL;
}

/* The command line on one line; root hashes of verity are added to it. */
static int
command_line(const struct boot_job *job, struct strbuf *line, struct error *e)
{
	const struct filesystem *root = layout_root(job->layout);
	own_free char *path = path_join(job->tree, CMDLINE);

	if (file_exists(AT_FDCWD, path)) {
		if (file_read(AT_FDCWD, path, KIB(64), line, e) == -1)
			return -1;
		for (size_t i = 0; i < line->len; i++)
			if (line->s[i] == '\n' || line->s[i] == '\0')
				line->s[i] = ' ';
		while (line->len > 0 && line->s[line->len - 1] == ' ')
			strbuf_cut(line, line->len - 1);
	} else if (root != NULL) {
		strbuf_printf(line, "root=LABEL=%s ro", root->label);
	}
	for (size_t i = 0; i < job->layout->nverities; i++) {
		const struct verity *v = &job->layout->verities[i];

		if (&job->layout->filesystems[v->filesystem] == root)
			strbuf_printf(line, " roothash=%s", v->root_hash);
	}
	return 0;
}

/* ---- the partition's files --------------------------------------------------- */

static int
copy(const char *from, const char *to_dir, const char *name, struct error *e)
{
	own_free char *to = path_join(to_dir, name);
	own_free char *dir = path_dir(to);

	if (file_mkdirs(AT_FDCWD, dir, 0755, e) == -1)
		return -1;
	return tree_copy(AT_FDCWD, from, AT_FDCWD, to, e);
}

static int
put(const struct boot_job *job, const char *name, const struct strbuf *text,
    struct error *e)
{
	own_free char *to = path_join(job->esp, name);
	own_free char *dir = path_dir(to);

	if (file_mkdirs(AT_FDCWD, dir, 0755, e) == -1)
		return -1;
	return file_replace(
	    AT_FDCWD, to, 0644, strbuf_text(text), text->len, e);
}

/* Where firmware looks, and where systemd's tools look. */
static int
stage_loader(const struct boot_job *job, struct error *e)
{
	own_free char *loader = loader_path(job);
	own_free char *fallback = mem_printf("EFI/BOOT/BOOT%s.EFI",
	    strcmp(efi_arch(job), "x64") == 0 ? "X64" : "AA64");
	own_free char *own_name =
	    mem_printf("EFI/systemd/systemd-boot%s.efi", efi_arch(job));
	own(strbuf_clear) struct strbuf conf = { 0 };

	strbuf_puts(&conf, "timeout 0\nconsole-mode keep\n");
	if (copy(loader, job->esp, fallback, e) == -1 ||
	    copy(loader, job->esp, own_name, e) == -1)
		return -1;
	return put(job, "loader/loader.conf", &conf, e);
}

static int
stage_kernel(const struct boot_job *job, const char *release, bool *initrd,
    struct error *e)
{
	own_free char *kernel =
	    mem_printf("%s/boot/" KERNEL "%s", job->tree, release);
	own_free char *memory =
	    mem_printf("%s/boot/initrd.img-%s", job->tree, release);
	own_free char *dir = mem_printf("%s/ingot/%s", job->esp, release);

	*initrd = file_exists(AT_FDCWD, memory);
	if (copy(kernel, dir, "linux", e) == -1)
		return -1;
	return *initrd ? copy(memory, dir, "initrd", e) : 0;
}

static int
stage(const struct boot_job *job, struct error *e)
{
	own_free char *release = find_release(job, e);
	own(strbuf_clear) struct strbuf line = { 0 }, entry = { 0 };
	own_free char *name = NULL;
	bool initrd;

	if (release == NULL || command_line(job, &line, e) == -1 ||
	    stage_loader(job, e) == -1 ||
	    stage_kernel(job, release, &initrd, e) == -1)
		return -1;
	strbuf_printf(&entry,
	    "title Linux %s\nversion %s\nlinux /ingot/%s/linux\n", release,
	    release, release);
	if (initrd)
		strbuf_printf(&entry, "initrd /ingot/%s/initrd\n", release);
	strbuf_printf(&entry, "options %s\n", strbuf_text(&line));
	name = mem_printf("loader/entries/ingot-%s+%d.conf", release, TRIES);
	return put(job, name, &entry, e);
}

const struct boot_kind boot_systemd = {
	.name = "systemd-boot",
	.summary = "systemd-boot on an EFI system partition",
	.fits = fits,
	.stage = stage,
};
