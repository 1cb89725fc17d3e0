/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd-boot on the EFI system partition, from what the tree has: the
 * loader, the newest kernel with its initramfs, and the command line in
 * /etc/kernel/cmdline.  The entry's name counts boots (the Boot Loader
 * Specification): one that fails three times is not tried first any more.
 * With a hash tree or a key it is one signed program (boot-uki.c).  On a
 * disk with two slots the entry is as image-update will write the next one
 * (lib/boot.h), GRUB's part included.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/boot-uki.h"
#include "image-build/disk.h"
#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/boot.h"
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

static bool
has_partition(const struct boot_job *job, const char *name)
{
	const struct disk *disk = &job->layout->disks[job->disk];

	for (size_t i = 0; i < disk->npartitions; i++)
		if (strcmp(disk->partitions[i].name, name) == 0)
			return true;
	return false;
}

/* Slots are two partitions, or trees of one. */
static bool
has_slots(const struct boot_job *job)
{
	return has_partition(job, "trees") ||
	    (has_partition(job, "root-a") && has_partition(job, "root-b"));
}

/* The loader; Debian 13 has none but with the distribution's signature. */
static char *
loader_path(const struct boot_job *job, struct error *e)
{
	own_free char *path =
	    mem_printf(LOADERS "/systemd-boot%s.efi", efi_arch(job));
	own_free char *with = mem_printf("%s.signed", path);

	return target_path(job->tree,
	    target_exists(job->tree, path) || !target_exists(job->tree, with)
		? path
		: with,
	    e);
}

/* A tree that fills the ESP's EFI/BOOT itself needs no loader of ours. */
static bool
fits(const struct boot_job *job)
{
	own_free char *loader = NULL, *other = NULL;
	struct error none;

	if (job->esp == NULL || efi_arch(job) == NULL)
		return false;
	loader = loader_path(job, &none);
	other = path_join(job->esp, "EFI/BOOT");
	/* Nothing else starts slots: that it is missing is an error then. */
	return (loader != NULL || has_slots(job)) &&
	    (job->fd != -1 || !file_exists(AT_FDCWD, other));
}

/* ---- the kernel ----------------------------------------------------------------- */

/* The newest release that /boot has, or NULL. */
static char *
find_release(const struct boot_job *job, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };
	const char *best = NULL;

	if (target_names(job->tree, "boot", &names, e) == -1)
		return NULL;
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];

		if (strncmp(name, KERNEL, strlen(KERNEL)) == 0 &&
		    (best == NULL || strverscmp(name, best) > 0))
			best = name;
	}
	if (best != NULL)
		return mem_dup(best + strlen(KERNEL));
	error_set(e, ENOENT, "%s/boot: no kernel (" KERNEL "*)", job->tree);
	return NULL;
}

/* For measuring, as long as a root hash. */
static const char not_yet[] = "0000000000000000000000000000000000000000"
			      "000000000000000000000000";

/* The command line on one line; the root's hash is added to it. */
static int
command_line(const struct boot_job *job, struct strbuf *line, struct error *e)
{
	const struct filesystem *root = layout_root(job->layout);

	if (target_exists(job->tree, CMDLINE)) {
		if (target_read(job->tree, CMDLINE, KIB(64), line, e) == -1)
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
			strbuf_printf(line, " roothash=%s",
			    v->root_hash[0] != '\0' ? v->root_hash : not_yet);
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
	return file_put(AT_FDCWD, to, 0644, strbuf_text(text), text->len, e);
}

/* Where firmware looks, and where systemd's tools look. */
static int
stage_loader(const struct boot_job *job, struct error *e)
{
	const char *const names[] = {
		mem_printf("EFI/BOOT/BOOT%s.EFI",
		    strcmp(efi_arch(job), "x64") == 0 ? "X64" : "AA64"),
		mem_printf("EFI/systemd/systemd-boot%s.efi", efi_arch(job))
	};
	own_free char *loader = loader_path(job, e);
	own(strbuf_clear) struct strbuf conf = { 0 };
	int r = loader == NULL ? -1 : 0;

	for (int i = 0; i < 2; i++) {
		own_free char *to = path_join(job->esp, names[i]);

		if (r == 0)
			r = copy(loader, job->esp, names[i], e);
		if (r == 0)
			r = uki_sign(job, to, e);
		free((char *)names[i]);
	}
	strbuf_puts(&conf, "timeout 0\nconsole-mode keep\n");
	return r == -1 ? -1 : put(job, "loader/loader.conf", &conf, e);
}

struct kernel {
	char *release, *image, *initrd; /* paths; initrd may be NULL */
	struct strbuf line;
};

static void
kernel_clear(struct kernel *k)
{
	free(k->release);
	free(k->image);
	free(k->initrd);
	strbuf_clear(&k->line);
}

static int
find_kernel(const struct boot_job *job, struct kernel *k, struct error *e)
{
	own_free char *image = NULL, *initrd = NULL;

	k->release = find_release(job, e);
	if (k->release == NULL)
		return -1;
	image = mem_printf("boot/" KERNEL "%s", k->release);
	initrd = mem_printf("boot/initrd.img-%s", k->release);
	k->image = target_path(job->tree, image, e);
	if (k->image == NULL)
		return -1;
	if (target_exists(job->tree, initrd) &&
	    (k->initrd = target_path(job->tree, initrd, e)) == NULL)
		return -1;
	return command_line(job, &k->line, e);
}

/* A machine that can say "this boot was good" counts those that were not. */
static char *
entry_name(const struct boot_job *job, const struct kernel *k)
{
	return target_exists(job->tree, "lib/systemd/systemd-bless-boot")
	    ? mem_printf("ingot-%s+%d", k->release, TRIES)
	    : mem_printf("ingot-%s", k->release);
}

/* Kernel, initramfs and a text that names them. */
static int
stage_entry(const struct boot_job *job, const struct kernel *k, struct error *e)
{
	own_free char *dir = mem_printf("%s/ingot/%s", job->esp, k->release);
	own_free char *name = entry_name(job, k);
	own_free char *conf = mem_printf("loader/entries/%s.conf", name);
	own(strbuf_clear) struct strbuf entry = { 0 };

	if (copy(k->image, dir, "linux", e) == -1 ||
	    (k->initrd != NULL && copy(k->initrd, dir, "initrd", e) == -1))
		return -1;
	strbuf_printf(&entry,
	    "title Linux %s\nversion %s\nlinux /ingot/%s/linux\n", k->release,
	    k->release, k->release);
	if (k->initrd != NULL)
		strbuf_printf(&entry, "initrd /ingot/%s/initrd\n", k->release);
	strbuf_printf(&entry, "options %s\n", strbuf_text(&k->line));
	return put(job, conf, &entry, e);
}

/* The first image's entry is not on trial: there is none to go back to. */
static int
stage_slot(const struct boot_job *job, const struct kernel *k, struct error *e)
{
	static const struct boot_entry first = { 'a', 1, -1 };
	own_free char *dir = path_join(job->esp, "ingot/a");
	own_free char *title = mem_printf("Linux %s", k->release);
	const struct boot_about about = { .title = title,
		.cmdline = strbuf_text(&k->line),
		.tree = has_partition(job, "trees") ? job->id : NULL,
		.initrd = k->initrd != NULL };
	own_fd int esp = open(job->esp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (esp == -1)
		return error_errno(e, "%s", job->esp);
	if (copy(k->image, dir, "linux", e) == -1 ||
	    (k->initrd != NULL && copy(k->initrd, dir, "initrd", e) == -1) ||
	    boot_grub_config(esp, e) == -1)
		return -1;
	return boot_entry_write(esp, &first, &about, e);
}

static int
stage_uki(const struct boot_job *job, const struct kernel *k, struct error *e)
{
	own_free char *name_of_stub =
	    mem_printf(LOADERS "/linux%s.efi.stub", efi_arch(job));
	own_free char *stub = target_path(job->tree, name_of_stub, e);
	own_free char *name = entry_name(job, k);
	own_free char *to = mem_printf("%s/EFI/Linux/%s.efi", job->esp, name);
	const struct uki u = { .stub = stub,
		.kernel = k->image,
		.initrd = k->initrd,
		.cmdline = strbuf_text(&k->line) };

	return stub == NULL ? -1 : uki_write(job, &u, to, e);
}

static int
stage(const struct boot_job *job, struct error *e)
{
	own(kernel_clear) struct kernel k = { 0 };

	if (find_kernel(job, &k, e) == -1 || stage_loader(job, e) == -1)
		return -1;
	if (uki_wanted(job))
		return stage_uki(job, &k, e);
	return has_slots(job) ? stage_slot(job, &k, e)
			      : stage_entry(job, &k, e);
}

const struct boot_kind boot_systemd = {
	.name = "systemd-boot",
	.summary = "systemd-boot on an EFI system partition",
	.fits = fits,
	.stage = stage,
};
