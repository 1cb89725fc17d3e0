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

#include "image-build/budget.h"
#include "image-build/compat.h"
#include "image-build/disk.h"
#include "image-build/format.h"
#include "image-build/image-build.h"
#include "image-build/origins.h"
#include "image-build/pins.h"
#include "image-build/privileges.h"
#include "image-build/snapshot.h"
#include "image-build/target.h"
#include "lib/cgroup.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"
#include "lib/yaml.h"

#define IMAGE_DEVICE "/dev/image0"

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
	b->seed = mem_dup(text);
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
	/* What boots with so old a kernel cannot read checksums. */
	const char *release = getenv("DIB_RELEASE");
	bool old = release != NULL && strcmp(release, "trusty") == 0;
	own_free char *options = mem_printf("%s%s%s%s-i 4096 -J size=%s%s%s",
	    old ? "-O ^metadata_csum " : "", s->max_resize ? "-E resize=" : "",
	    s->max_resize ? s->max_resize : "", s->max_resize ? " " : "",
	    s->journal_size, s->mkfs_options ? " " : "",
	    s->mkfs_options ? s->mkfs_options : "");
	const char *given = getenv("DIB_BLOCK_SIZE");
	int64_t sector = 0;
	const struct value *yaml;
	struct layout_defaults defaults = { .root_type = s->root_type,
		.root_label = s->root_label,
		.options = options,
		.other_options = s->mkfs_options };

	make_seed(b);
	defaults.seed = b->seed;
	if (given != NULL && *given != '\0' &&
	    options_number("DIB_BLOCK_SIZE", given, &sector, e) == -1)
		return -1;
	defaults.sector = (unsigned)sector;
	if (layout_text(b, &text, &source, e) == -1)
		return -1;
	b->layout_yaml = mem_dup(strbuf_text(&text));
	b->layout_text = mem_printf("%s\n%s %u %s", options, s->root_type,
	    defaults.sector, strbuf_text(&text));
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
	own_fd int etc = target_open(b->tree, "etc", O_PATH | O_DIRECTORY, e);

	return etc == -1 ? error_prefix(e, "root.d made no root file system")
			 : 0;
}

/* -p: handed to install-packages without environment.d, as it always was. */
static int
extra_inputs(
    struct build *b, const struct step *s, struct strbuf *text, struct error *e)
{
	own_free char *names = strlist_join(&b->settings->packages, " ");

	(void)s;
	(void)e;
	strbuf_puts(text, names);
	return 0;
}

static int
extra_install(struct build *b, const struct step *s, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };

	(void)s;
	strlist_add(&argv, "/usr/bin/env");
	strlist_add(&argv, "install-packages");
	strlist_add_all(&argv, &b->settings->packages);
	return step_in_target(b, "install-packages", strlist_argv(&argv), e);
}

static int
extra_packages(struct build *b, struct error *e)
{
	static const struct native_step native = { "install", "-p",
		extra_install, extra_inputs };
	static const struct phase install = { "install", true };
	char name[] = "-p", caller[] = "caller";
	const struct step s = { .phase = "install",
		.name = name,
		.element = caller,
		.native = &native };

	strlist_clear(&b->phase_env);
	environment_chroot(&b->env, &b->phase_env);
	return step_do(b, &install, &s, e);
}

/* The tree is there: what the scripts in it want from outside. */
static int
settle_in(struct build *b, struct error *e)
{
	if (snapshot_show(b, e) == -1)
		return -1;
	if (check_root(b, e) == -1 || enter_make_places(b, e) == -1 ||
	    finish_borrow_resolver(b, e) == -1)
		return -1;
	b->rooted = true;
	return snapshot_fold(b, NULL, false, e);
}

static int
write_fstab(struct build *b, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	layout_fstab(&b->layout, &text);
	return target_put(b->tree, "etc/fstab", 0644, &text, e);
}

static int
measure_image(struct build *b, struct strlist *kib, struct error *e)
{
	size_t d = 0;

	if (disk_measure(b, e) == -1)
		return -1;
	while (strcmp(b->layout.disks[d].name, "image0") != 0)
		d++;
	strlist_printf(
	    kib, "%llu", (unsigned long long)(b->layout.disks[d].bytes / 1024));
	return 0;
}

/* DIB_IMAGE_SIZE in KiB, measured unless the same tree was measured before. */
static int
image_size(struct build *b, struct error *e)
{
	own(strlist_clear) struct strlist kib = { 0 };
	const char *extra = b->settings->extra_size;
	const char *size = b->settings->image_size;
	own_free char *all = NULL;
	char id[DIGEST_TEXT];
	int r;

	all = mem_printf("size %s %s %s %s", snapshot_key(b), b->layout_text,
	    extra ? extra : "", size ? size : "");
	digest_text(all, strlen(all), id);
	r = snapshot_recall(b, id, &kib, e);
	if (r == 0 && measure_image(b, &kib, e) == -1)
		r = -1;
	else if (r == 0)
		r = snapshot_remember(b, id, &kib, e);
	if (r != -1)
		strlist_env_set(&b->env, "DIB_IMAGE_SIZE", kib.items[0]);
	return r == -1 ? -1 : 0;
}

/* From the work tree as the packages left it to the one that is delivered. */
static int
settle_tree(struct build *b, struct error *e)
{
	own_free char *lost = path_join(b->tree, "lost+found");

	if (snapshot_show(b, e) == -1 || pins_look(b, e) == -1)
		return -1;
	snapshot_forget_mounts(b);
	if (enter_unmount(b, e) == -1 || tree_remove(AT_FDCWD, lost, e) == -1 ||
	    image_size(b, e) == -1 || write_fstab(b, e) == -1)
		return -1;
	return snapshot_fold(b, NULL, true, e);
}

/*
 * The disk is written when all is done, so its devices are names: scripts pass
 * them on to programs that stand in for those of the loader.
 */
static void
name_devices(struct build *b)
{
	own(strbuf_clear) struct strbuf all = { 0 };

	if (b->layout.ndisks == 0)
		return;
	layout_devices(&b->layout, IMAGE_DEVICE, &all);
	strlist_env_set(&b->env, "IMAGE_BLOCK_DEVICE", IMAGE_DEVICE);
	strlist_env_set(&b->env, "IMAGE_BLOCK_DEVICES", strbuf_text(&all));
}

/* The disk's description and what it goes with, where scripts look for it. */
static int
write_parameters(struct build *b, struct error *e)
{
	const struct settings *s = b->settings;
	own_free char *dir = path_join(b->work, "block-device");
	own_free char *config = path_join(dir, "config.yaml");
	own_free char *path = path_join(dir, "params.yaml");
	own_free char *text = mem_printf("config: %s\nimage-dir: %s\n"
					 "root-fs-type: %s\nroot-label: %s\n"
					 "mount-base: %s\nbuild-dir: %s\n",
	    config, b->image_dir, s->root_type,
	    s->root_label != NULL ? s->root_label : "", b->tree, b->work);

	if (file_mkdirs(AT_FDCWD, dir, 0755, e) == -1 ||
	    file_replace(AT_FDCWD, config, 0644, b->layout_yaml,
		strlen(b->layout_yaml), e) == -1 ||
	    file_replace(AT_FDCWD, path, 0644, text, strlen(text), e) == -1)
		return -1;
	strlist_env_set(&b->env, "DIB_BLOCK_DEVICE_PARAMS_YAML", path);
	return 0;
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

	if (file_mkdirs(AT_FDCWD, b->tree, 0755, e) == -1 ||
	    write_parameters(b, e) == -1 || hooks_merge(b, e) == -1)
		return -1;
	if (snapshot_fold(b, NULL, false, e) == -1)
		return -1;
	if (run_phase(b, "root", e) == -1 || settle_in(b, e) == -1 ||
	    pins_hold(b, e) == -1 || run_phases(b, first, e) == -1 ||
	    extra_packages(b, e) == -1 || run_phases(b, second, e) == -1 ||
	    settle_tree(b, e) == -1)
		return -1;
	if (run_phase(b, "block-device", e) == -1)
		return -1;
	name_devices(b);
	if (run_phases(b, third, e) == -1)
		return -1;
	return pins_settle(b, e);
}

/* What is delivered, as it is in no step's snapshot. */
static int
finish(struct build *b, struct error *e)
{
	if (snapshot_show(b, e) == -1)
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
		if (!b->settings->compat)
			printf("%s\n", products->items[i]);
		else
			log_info(
			    "Image file %s created...", products->items[i]);
	}
	if (b->settings->compat)
		log_info("Build completed successfully");
}

/* Say once why steps cannot be kept, and do without. */
static int
use_snapshots(struct build *b, struct error *e)
{
	own_free char *why = NULL;
	int r;

	if (b->settings->no_cache || break_wanted())
		return 0;
	if (privileges_held() == PRIVILEGES_CHROOT) {
		log_warn("nothing can be mounted here: every step is run, "
			 "without /proc, perhaps without devices, and what a "
			 "script mounts fails");
		return 0;
	}
	r = snapshot_open(b, &why, e);
	if (r == 1)
		log_info("every step is run, no snapshots: %s", why);
	return r == -1 ? -1 : 0;
}

static int
make_products(struct build *b, struct strlist *products, struct error *e)
{
	own(origins_clear) struct origins origins = { 0 };
	int r;

	if (!outputs_wanted(b)) {
		outputs_of_ramdisk(b, products);
		return report_write(b->report, b, products, e);
	}
	if (products_current(b, products)) {
		log_info("nothing changed: the image is as the last build "
			 "made it");
		return 0;
	}
	if (finish(b, e) == -1 || outputs_usage(b, e) == -1 ||
	    origins_load(b, &origins, e) == -1 ||
	    budget_size(b, &origins, e) == -1)
		return -1;
	b->written = &origins;
	r = deliver(b, products, e);
	b->written = NULL;
	if (r == -1 || report_write(b->report, b, products, e) == -1)
		return -1;
	return products_remember(b, products, e);
}

static int
build_all(struct build *b, struct strlist *products, struct error *e)
{
	if (work_enter(b, e) == -1 || use_snapshots(b, e) == -1)
		return -1;
	environment_init(b);
	if (pins_tell(b, e) == -1)
		return -1;
	if (make_tree(b, e) == -1 || make_products(b, products, e) == -1)
		return -1;
	announce(b, products);
	return 0;
}

/* In the namespaces: the whole build.  Returns the exit status. */
static int
inside(void *ctx)
{
	struct build *b = ctx;
	own(strlist_clear) struct strlist products = { 0 };
	struct error e;
	int r;

	umask(022); /* the caller's is not the image's */
	r = build_all(b, &products, &e);
	if (r == -1)
		log_error(&e);
	snapshot_close(b);
	return r == -1 ? 1 : 0;
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
		if (s->ramdisk || format_find(s->formats.items[i]) != NULL)
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
	int status;

	if (check_output(b->settings, e) == -1 || budget_check(b, e) == -1)
		return -1;
	if (privileges_take(e) == -1)
		return -1;
	if (privileges_held() != PRIVILEGES_ROOT)
		log_info("builds by: %s", privileges_name(privileges_held()));
	enter_catch_signals();
	b->cgroup = devices_close();
	status = work_begin(b, e);
	if (status == 0)
		status = enter_run(inside, b, b->dir, e);
	cgroup_remove(b->cgroup);
	outputs_tidy(b->settings);
	work_end(b);
	return status;
}

void
build_clear(struct build *b)
{
	layout_clear(&b->layout);
	packages_clear(&b->packages);
	report_free(b->report);
	pins_free(b->pins);
	strlist_clear(&b->env);
	strlist_clear(&b->phase_env);
	strlist_clear(&b->origins);
	strlist_clear(&b->made);
	free(b->contents);
	free(b->contents_id);
	free(b->chosen);
	free(b->seed);
	free(b->layout_yaml);
	free(b->layout_text);
	free(b->place);
	free(b->dir);
	free(b->work);
	free(b->jail);
	free(b->cgroup);
	free(b->image_dir);
	free(b->hooks);
	free(b->tree);
}
