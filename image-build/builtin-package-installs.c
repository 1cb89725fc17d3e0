/* SPDX-License-Identifier: Apache-2.0 */
/*
 * package-installs: what elements name in package-installs.yaml, and in lists
 * of the old form, is installed and removed by the target's install-packages, at the start and the end of the
 * phases that they name.
 */
#include <string.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

static int
plan_packages(struct build *b, const struct step *s, struct error *e)
{
	(void)s;
	packages_clear(&b->packages);
	return packages_plan(b, &b->phase_env, &b->packages, e);
}

static enum package_phase
phase_of(const struct step *s)
{
	if (strcmp(s->phase, "pre-install") == 0)
		return PACKAGES_PRE;
	return strcmp(s->phase, "install") == 0 ? PACKAGES_INSTALL
						: PACKAGES_POST;
}

static bool
is_removal(const struct step *s)
{
	return strstr(s->name, "uninstalls") != NULL;
}

/* The distribution's names of what this step installs or removes. */
static int
names_of(const struct build *b, const struct step *s, struct strlist *names,
    struct error *e)
{
	const struct package_list *lists =
	    is_removal(s) ? b->packages.uninstall : b->packages.install;
	own(packages_list_clear) struct package_list old = { 0 };

	if (packages_lists(b, s->phase, is_removal(s), &old, e) == -1 ||
	    packages_map(b, &b->phase_env, &old, names, e) == -1)
		return -1;
	return packages_map(b, &b->phase_env, &lists[phase_of(s)], names, e);
}

static int
package_inputs(
    struct build *b, const struct step *s, struct strbuf *text, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *all = NULL;

	if (names_of(b, s, &names, e) == -1)
		return -1;
	all = strlist_join(&names, " ");
	strbuf_puts(text, all);
	return 0;
}

/* All of them at once, by install-packages. */
static int
change_packages(struct build *b, const struct step *s, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 }, argv = { 0 };
	own_free char *speaker = mem_printf("%s.d/%s", s->phase, s->name);

	if (names_of(b, s, &names, e) == -1)
		return -1;
	strlist_add(&argv, "/usr/bin/env");
	strlist_add(&argv, "install-packages");
	if (is_removal(s))
		strlist_add(&argv, "-e");
	strlist_add_all(&argv, &names);
	return step_in_target(b, speaker, strlist_argv(&argv), e);
}

static const struct native_step package_steps[] = {
	{ "extra-data", "99-squash-package-install", plan_packages, NULL },
	{ "pre-install", "10-package-installs", change_packages,
	    package_inputs },
	{ "pre-install", "99-package-uninstalls", change_packages,
	    package_inputs },
	{ "install", "01-package-installs", change_packages, package_inputs },
	{ "install", "99-package-uninstalls", change_packages, package_inputs },
	{ "post-install", "00-package-installs", change_packages,
	    package_inputs },
	{ "post-install", "95-package-uninstalls", change_packages,
	    package_inputs },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_package_installs = {
	.name = "package-installs",
	.summary = "packages that elements name in package-installs.yaml",
	.deps = "install-bin pkg-map",
	.steps = package_steps,
};
