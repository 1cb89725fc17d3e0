/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements that are part of this program.  Each does what the element of its
 * name does in diskimage-builder, at the same place among the scripts; where
 * the caller's path holds an element of the name, that one is used instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

/* Replace a file of the target, below folders that are made. */
static int
put_file(const struct build *b, const char *path, mode_t mode,
    const struct strbuf *text, struct error *e)
{
	own_fd int tree = open(b->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_free char *dir = path_dir(path);

	if (tree == -1)
		return error_errno(e, "%s", b->tree);
	if (file_mkdirs(tree, dir, 0755, e) == -1)
		return -1;
	return file_replace(tree, path, mode, strbuf_text(text), text->len, e);
}

/* ---- install-bin ------------------------------------------------------- */

static int
install_bin(struct build *b, const struct step *s, struct error *e)
{
	own_free char *dir = path_join(b->hooks, "bin");
	own(strlist_clear) struct strlist names = { 0 };

	(void)s;
	if (!file_is_dir(AT_FDCWD, dir))
		return 0;
	if (file_names(AT_FDCWD, dir, &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		own(strbuf_clear) struct strbuf text = { 0 };
		own_free char *from = path_join(dir, names.items[i]);
		own_free char *to = path_join("usr/local/bin", names.items[i]);

		if (*names.items[i] == '.')
			continue;
		if (file_read(AT_FDCWD, from, LIMIT_DOC_BYTES, &text, e) ==
			-1 ||
		    put_file(b, to, 0755, &text, e) == -1)
			return -1;
	}
	return 0;
}

static const struct native_step install_bin_steps[] = {
	{ "pre-install", "01-install-bin", install_bin },
	{ NULL, NULL, NULL },
};

static const struct builtin install_bin_element = {
	.name = "install-bin",
	.summary = "programs of elements' bin/ in the target's /usr/local/bin",
	.deps = "",
	.steps = install_bin_steps,
};

/* ---- package-installs -------------------------------------------------- */

static int
plan_packages(struct build *b, const struct step *s, struct error *e)
{
	(void)s;
	packages_clear(&b->packages);
	return packages_plan(b, &b->phase_env, &b->packages, e);
}

/* Map the names of a list and hand them to install-packages, all at once. */
static int
change_packages(struct build *b, const struct step *s,
    const struct package_list *list, bool remove, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 }, argv = { 0 };
	own_free char *speaker = mem_printf("%s.d/%s", s->phase, s->name);

	if (packages_map(b, &b->phase_env, list, &names, e) == -1)
		return -1;
	if (names.len == 0)
		return 0;
	strlist_add(&argv, "/usr/bin/env");
	strlist_add(&argv, "install-packages");
	if (remove)
		strlist_add(&argv, "-e");
	strlist_add_all(&argv, &names);
	return steps_in_target(b, speaker, strlist_argv(&argv), e);
}

static enum package_phase
phase_of(const struct step *s)
{
	if (strcmp(s->phase, "pre-install") == 0)
		return PACKAGES_PRE;
	return strcmp(s->phase, "install") == 0 ? PACKAGES_INSTALL
						: PACKAGES_POST;
}

static int
install_packages(struct build *b, const struct step *s, struct error *e)
{
	return change_packages(
	    b, s, &b->packages.install[phase_of(s)], false, e);
}

static int
uninstall_packages(struct build *b, const struct step *s, struct error *e)
{
	return change_packages(
	    b, s, &b->packages.uninstall[phase_of(s)], true, e);
}

static const struct native_step package_steps[] = {
	{ "extra-data", "99-squash-package-install", plan_packages },
	{ "pre-install", "10-package-installs", install_packages },
	{ "pre-install", "99-package-uninstalls", uninstall_packages },
	{ "install", "01-package-installs", install_packages },
	{ "install", "99-package-uninstalls", uninstall_packages },
	{ "post-install", "00-package-installs", install_packages },
	{ "post-install", "95-package-uninstalls", uninstall_packages },
	{ NULL, NULL, NULL },
};

static const struct builtin package_installs_element = {
	.name = "package-installs",
	.summary = "packages that elements name in package-installs.yaml",
	.deps = "install-bin pkg-map",
	.steps = package_steps,
};

/* ---- pkg-map ----------------------------------------------------------- */

static int
copy_maps(struct build *b, const struct step *s, struct error *e)
{
	(void)s;
	for (size_t i = 0; i < b->nchosen; i++) {
		const struct element *el = b->chosen[i];
		own(strbuf_clear) struct strbuf text = { 0 };
		own_free char *from = NULL;
		own_free char *to = path_join("usr/share/pkg-map", el->name);

		if (el->path == NULL)
			continue;
		from = path_join(el->path, "pkg-map");
		if (!file_exists(AT_FDCWD, from))
			continue;
		if (file_read(AT_FDCWD, from, LIMIT_TEXT_BYTES, &text, e) ==
			-1 ||
		    put_file(b, to, 0644, &text, e) == -1)
			return -1;
	}
	return 0;
}

static const struct native_step pkg_map_steps[] = {
	{ "extra-data", "10-create-pkg-map-dir", copy_maps },
	{ NULL, NULL, NULL },
};

static const struct builtin pkg_map_element = {
	.name = "pkg-map",
	.summary = "what packages are called on the target's distribution",
	.deps = "",
	.steps = pkg_map_steps,
};

/* ---- svc-map ----------------------------------------------------------- */

/* The map is "service: name" lines by then, so this needs no YAML. */
static const char svc_map[] =
    "#!/bin/sh\n"
    "# What each service named is called here, one a line.\n"
    "for s; do\n"
    "\tif [ -f \"/lib/systemd/system/$s.service\" ] ||\n"
    "\t    [ -f \"/etc/init/$s.conf\" ]; then\n"
    "\t\techo \"$s\"\n"
    "\t\tcontinue\n"
    "\tfi\n"
    "\tawk -v s=\"$s\" -F ': ' '$1 == s { n = $2 }\n"
    "\t    END { print n != \"\" ? n : s }' /usr/share/svc-map/services\n"
    "done\n";

static int
merge_services(struct build *b, const struct step *s, struct error *e)
{
	const char *distro = strlist_env_get(&b->phase_env, "DISTRO_NAME");
	own(strbuf_clear) struct strbuf text = { 0 }, program = { 0 };

	(void)s;
	if (services_map(b, distro != NULL ? distro : "", &text, e) == -1)
		return -1;
	strbuf_puts(&program, svc_map);
	if (put_file(b, "usr/share/svc-map/services", 0644, &text, e) == -1)
		return -1;
	return put_file(b, "usr/local/bin/svc-map", 0755, &program, e);
}

static const struct native_step svc_map_steps[] = {
	{ "extra-data", "10-merge-svc-map-files", merge_services },
	{ NULL, NULL, NULL },
};

static const struct builtin svc_map_element = {
	.name = "svc-map",
	.summary = "what services are called on the target's distribution",
	.deps = "",
	.steps = svc_map_steps,
};

/* ------------------------------------------------------------------------ */

const struct builtin *const builtins[] = {
	&install_bin_element,
	&package_installs_element,
	&pkg_map_element,
	&svc_map_element,
	NULL,
};
