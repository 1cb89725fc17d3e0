/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dib-init-system: elements' units and init scripts, from init-scripts/ by
 * the name of the target's init system.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

static const struct {
	const char *name, *folder;
} systems[] = {
	{ "systemd", "usr/lib/systemd/system" },
	{ "upstart", "etc/init" },
	{ "openrc", "etc/init.d" },
	{ "sysv", "etc/init.d" },
};

static const char *
folder_of(const char *init)
{
	for (size_t i = 0; i < sizeof(systems) / sizeof(*systems); i++)
		if (init != NULL && strcmp(init, systems[i].name) == 0)
			return systems[i].folder;
	return NULL;
}

static int
install_scripts(struct build *b, const struct step *s, struct error *e)
{
	const char *init = strlist_env_get(&b->phase_env, "DIB_INIT_SYSTEM");
	const char *folder = folder_of(init);
	own_free char *all = path_join(b->hooks, "init-scripts");
	own_free char *from = NULL;
	own_fd int to = -1;

	(void)s;
	if (folder == NULL)
		return error_set(e, EINVAL, "DIB_INIT_SYSTEM is not set");
	from = path_join(all, init);
	if (!file_is_dir(AT_FDCWD, from))
		return 0;
	to = target_folder(b->tree, folder, 0755, e);
	return to == -1 ? -1 : tree_copy(AT_FDCWD, from, to, ".", e);
}

/* Only openrc's are enabled for the elements; systemd's are by them. */
static int
enable_scripts(struct build *b, const struct step *s, struct error *e)
{
	const char *init = strlist_env_get(&b->phase_env, "DIB_INIT_SYSTEM");
	own_free char *dir = path_join(b->hooks, "init-scripts/openrc");
	own(strlist_clear) struct strlist names = { 0 };

	if (init == NULL || strcmp(init, "openrc") != 0 ||
	    !file_is_dir(AT_FDCWD, dir))
		return 0;
	if (file_names(AT_FDCWD, dir, &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		own(strlist_clear) struct strlist argv = { 0 };

		strlist_add(&argv, "rc-update");
		strlist_add(&argv, "add");
		strlist_add(&argv, names.items[i]);
		strlist_add(&argv, "default");
		if (step_in_target(b, s->name, strlist_argv(&argv), e) == -1)
			return -1;
	}
	return 0;
}

static const struct native_step steps[] = {
	{ "install", "20-install-init-scripts", install_scripts, NULL },
	{ "post-install", "10-enable-init-scripts", enable_scripts, NULL },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_dib_init_system = {
	.name = "dib-init-system",
	.summary = "units and init scripts of elements",
	.deps = "install-bin",
	.steps = steps,
};
