/* SPDX-License-Identifier: Apache-2.0 */
/*
 * package-installs: what elements name in package-installs.yaml is installed and
 * removed by the target's install-packages, at the start and the end of the
 * phases that they name.
 */
#include <string.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

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

const struct builtin builtin_package_installs = {
	.name = "package-installs",
	.summary = "packages that elements name in package-installs.yaml",
	.deps = "install-bin pkg-map",
	.steps = package_steps,
};
