/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One build from start to end: folders, phases, disk, formats.
 *
 * The caller's process only makes the temporary folders, waits, and removes
 * them; all else happens in a child with namespaces of its own (enter.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "image-build/format.h"
#include "image-build/image-build.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"
#include "lib/yaml.h"

/* ---- the layout ------------------------------------------------------------ */

static const char bare_layout[] = "- local_loop:\n"
				  "    name: image0\n"
				  "- mkfs:\n"
				  "    base: image0\n"
				  "    name: mkfs_root\n"
				  "    mount:\n"
				  "      mount_point: /\n"
				  "      fstab:\n"
				  "        options: defaults\n"
				  "        fsck-passno: 1\n";

/* The first chosen element with a description for the architecture, or any. */
static char *
element_layout(const struct build *b)
{
	const char *arch = b->settings->arch;
	own_free char *own = mem_printf("block-device-%s.yaml",
	    strcmp(arch, "ppc64le") == 0 ? "ppc64el" : arch);
	const char *const names[] = { own, "block-device-default.yaml" };

	for (size_t i = 0; i < b->nchosen; i++)
		for (int k = 0; k < 2; k++) {
			own_free char *path = NULL;

			if (b->chosen[i]->path == NULL)
				continue;
			path = path_join(b->chosen[i]->path, names[k]);
			if (file_exists(AT_FDCWD, path))
				return take(path);
		}
	return NULL;
}

/* The text of the description that holds, and its name for messages. */
static int
layout_text(
    const struct build *b, struct strbuf *text, char **source, struct error *e)
{
	const char *given = getenv("DIB_BLOCK_DEVICE_CONFIG");

	if (given != NULL && strncmp(given, "file://", 7) == 0) {
		*source = mem_dup(given + 7);
	} else if (given != NULL && *given != '\0') {
		*source = mem_dup("DIB_BLOCK_DEVICE_CONFIG");
		strbuf_puts(text, given);
		return 0;
	} else {
		*source = element_layout(b);
	}
	if (*source == NULL) {
		*source = mem_dup("the default layout");
		strbuf_puts(text, bare_layout);
		return 0;
	}
	return file_read(AT_FDCWD, *source, LIMIT_TEXT_BYTES, text, e);
}

/* Random, unless the build is to be the same every time. */
static void
make_seed(struct build *b)
{
	uint8_t bytes[DIGEST_BYTES];
	char text[DIGEST_TEXT];
	own_free char *fixed = mem_printf("%s:%lld",
	    path_base(b->settings->name), (long long)b->settings->epoch);

	if (b->settings->epoch >= 0 ||
	    getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		digest_buffer(fixed, strlen(fixed), bytes);
	digest_print(bytes, text);
	strlist_env_set(&b->env, "INGOT_SEED", text);
}

static int
check_kinds(const struct build *b, struct error *e)
{
	own(strbuf_clear) struct strbuf names = { 0 };

	for (size_t i = 0; i < b->layout.nfilesystems; i++) {
		const struct filesystem *f = &b->layout.filesystems[i];

		if (fs_find(f->type) != NULL)
			continue;
		fs_names(&names);
		return error_set(e, EINVAL,
		    "mkfs %s: no such file system: %s (%s can be written)",
		    f->name, f->type, strbuf_text(&names));
	}
	return 0;
}

int
build_layout(struct build *b, struct error *e)
{
	const struct settings *s = b->settings;
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *source = NULL;
	own_free char *options = mem_printf("-i 4096 -J size=%s%s%s",
	    s->journal_size, s->mkfs_options ? " " : "",
	    s->mkfs_options ? s->mkfs_options : "");
	const char *sector = getenv("DIB_BLOCK_SIZE");
	const struct value *yaml;
	struct layout_defaults defaults = { .root_type = s->root_type,
		.root_label = s->root_label,
		.options = options };

	make_seed(b);
	defaults.seed = strlist_env_get(&b->env, "INGOT_SEED");
	if (strcmp(s->root_type, "ext4") != 0)
		defaults.options = s->mkfs_options;
	if (sector != NULL)
		defaults.sector = (unsigned)atoi(sector);
	if (layout_text(b, &text, &source, e) == -1)
		return -1;
	yaml = yaml_parse(d, strbuf_text(&text), text.len, source, e);
	if (yaml == NULL ||
	    layout_parse(&b->layout, yaml, source, &defaults, e) == -1)
		return -1;
	return check_kinds(b, e);
}

/* ---- phases ---------------------------------------------------------------- */

static int
run_phase(struct build *b, const char *name, struct error *e)
{
	const struct phase *p = phases;

	while (strcmp(p->name, name) != 0)
		p++;
	return steps_run(b, p, e);
}

static int
run_phases(struct build *b, const char *const *names, struct error *e)
{
	for (; *names != NULL; names++)
		if (run_phase(b, *names, e) == -1)
			return -1;
	return 0;
}

static int
check_root(const struct build *b, struct error *e)
{
	own_free char *etc = path_join(b->tree, "etc");

	if (file_is_dir(AT_FDCWD, etc))
		return 0;
	return error_set(
	    e, ENOENT, "root.d made no root file system: %s is not there", etc);
}

/* -p: handed to install-packages without environment.d, as it always was. */
static int
extra_packages(struct build *b, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	double start = report_clock();

	if (b->settings->packages.len == 0)
		return 0;
	strlist_clear(&b->phase_env);
	environment_chroot(&b->env, &b->phase_env);
	strlist_add(&argv, "/usr/bin/env");
	strlist_add(&argv, "install-packages");
	strlist_add_all(&argv, &b->settings->packages);
	log_status("install the packages of -p");
	if (steps_in_target(b, "install-packages", strlist_argv(&argv), e) ==
	    -1)
		return -1;
	report_step(
	    b->report, "install", "-p", "caller", report_clock() - start);
	log_status("%s", "");
	return 0;
}

static int
write_fstab(struct build *b, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *path = path_join(b->tree, "etc/fstab");

	layout_fstab(&b->layout, &text);
	return file_replace(
	    AT_FDCWD, path, 0644, strbuf_text(&text), text.len, e);
}

/* From the work tree as the packages left it to the one that is delivered. */
static int
settle_tree(struct build *b, struct error *e)
{
	own_free char *lost = path_join(b->tree, "lost+found");
	char kib[32];
	size_t d = 0;

	if (enter_unmount(b, e) == -1 || tree_remove(AT_FDCWD, lost, e) == -1 ||
	    disk_measure(b, e) == -1 || write_fstab(b, e) == -1)
		return -1;
	while (strcmp(b->layout.disks[d].name, "image0") != 0)
		d++;
	snprintf(kib, sizeof(kib), "%llu",
	    (unsigned long long)(b->layout.disks[d].bytes / 1024));
	strlist_env_set(&b->env, "DIB_IMAGE_SIZE", kib);
	return enter_mount(b, e);
}

static int
make_tree(struct build *b, struct error *e)
{
	static const char *const first[] = { "extra-data", "pre-install",
		"install", NULL };
	static const char *const second[] = { "post-install", "post-root",
		NULL };
	static const char *const third[] = { "pre-finalise", "finalise",
		"cleanup", NULL };

	if (hooks_merge(b, e) == -1 || run_phase(b, "root", e) == -1 ||
	    check_root(b, e) == -1 || finish_borrow_resolver(b, e) == -1 ||
	    enter_mount(b, e) == -1)
		return -1;
	if (run_phases(b, first, e) == -1 || extra_packages(b, e) == -1 ||
	    run_phases(b, second, e) == -1 || settle_tree(b, e) == -1 ||
	    run_phases(b, third, e) == -1)
		return -1;
	if (enter_unmount(b, e) == -1)
		return -1;
	return finish_tree(b, e);
}

/* ---- products -------------------------------------------------------------- */

static void
announce(const struct build *b, const struct strlist *products)
{
	report_print(b->report);
	for (size_t i = 0; i < products->len; i++) {
		struct stat st = { 0 };

		(void)stat(products->items[i], &st);
		log_info("%s: %.1f MiB (%.1f MiB on disk), %u packages",
		    products->items[i], (double)st.st_size / 0x1p20,
		    (double)st.st_blocks * 512 / 0x1p20,
		    packages_count(b->tree));
		printf("%s\n", products->items[i]);
	}
}

/* Memory that can be had without swapping, in bytes. */
static uint64_t
available_memory(void)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error none;
	const char *line;

	if (file_read(AT_FDCWD, "/proc/meminfo", LIMIT_TEXT_BYTES, &text,
		&none) == -1)
		return 0;
	line = strstr(strbuf_text(&text), "MemAvailable:");
	return line == NULL ? 0 : strtoull(line + 13, NULL, 10) * 1024;
}

/* A tmpfs saves every write to disk, where memory allows. */
static int
use_tmpfs(const struct build *b, struct error *e)
{
	uint64_t memory = available_memory();
	uint64_t least = (uint64_t)b->settings->min_tmpfs << 31; /* twice */

	if (b->settings->no_tmpfs || memory < least)
		return 0;
	return enter_tmpfs(b->dir, memory / 10 * 8, e);
}

static int
make_folders(struct build *b, struct error *e)
{
	b->image_dir = path_join(b->dir, "image");
	b->hooks = path_join(b->dir, "hooks");
	b->tree = path_join(b->dir, "mnt");
	if (file_mkdirs(AT_FDCWD, b->image_dir, 0700, e) == -1 ||
	    file_mkdirs(AT_FDCWD, b->tree, 0755, e) == -1)
		return -1;
	if (file_mkdirs(AT_FDCWD, b->settings->locks, 0755, e) == -1)
		return -1;
	return file_mkdirs(AT_FDCWD, b->settings->cache, 0755, e);
}

/* In the namespaces: the whole build.  Returns the exit status. */
static int
inside(void *ctx)
{
	struct build *b = ctx;
	own(strlist_clear) struct strlist products = { 0 };
	struct error e;

	if (use_tmpfs(b, &e) == -1 || make_folders(b, &e) == -1) {
		log_error(&e);
		return 1;
	}
	environment_init(b);
	if (make_tree(b, &e) == -1 || deliver(b, &products, &e) == -1 ||
	    report_write(b->report, b, &products, &e) == -1) {
		log_error(&e);
		return 1;
	}
	announce(b, &products);
	return 0;
}

/* Better now than after minutes. */
static int
check_output(const struct settings *s, struct error *e)
{
	own_free char *dir = path_dir(s->name);
	own(strbuf_clear) struct strbuf names = { 0 };

	if (access(dir, W_OK) == -1)
		return error_errno(e, "%s: cannot write the image here", dir);
	for (size_t i = 0; i < s->formats.len; i++) {
		if (format_find(s->formats.items[i]) != NULL)
			continue;
		format_names(&names);
		return error_set(e, EINVAL,
		    "no such image type: %s (%s can be written)",
		    s->formats.items[i], strbuf_text(&names));
	}
	return 0;
}

int
build_run(struct build *b, struct error *e)
{
	own_free char *dir = path_join(b->settings->tmp, "dib_build.XXXXXXXX");
	struct error other;
	int status;

	if (check_output(b->settings, e) == -1)
		return -1;
	if (mkdtemp(dir) == NULL)
		return error_errno(e, "%s", dir);
	b->dir = realpath(dir, NULL);
	if (b->dir == NULL)
		return error_errno(e, "%s", dir);
	status = enter_run(inside, b, b->dir, e);
	if (tree_remove(AT_FDCWD, b->dir, &other) == -1)
		log_warn("%s", other.text);
	return status;
}

void
build_clear(struct build *b)
{
	layout_clear(&b->layout);
	packages_clear(&b->packages);
	report_free(b->report);
	strlist_clear(&b->env);
	strlist_clear(&b->phase_env);
	strlist_clear(&b->origins);
	free(b->chosen);
	free(b->dir);
	free(b->image_dir);
	free(b->hooks);
	free(b->tree);
}
