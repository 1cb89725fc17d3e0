/* SPDX-License-Identifier: Apache-2.0 */
/*
 * install-types: of several ways to install the same thing, each a folder
 * install.d/<prefix>-<type>-install, the one chosen is linked into install.d.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

#define VARIABLE "DIB_INSTALLTYPE_"

/* Link all that is in install.d/<folder> into install.d. */
static int
link_folder(const char *dir, const char *folder, struct error *e)
{
	own_free char *from = path_join(dir, folder);
	own(strlist_clear) struct strlist names = { 0 };

	if (!file_is_dir(AT_FDCWD, from))
		return 0;
	if (file_names(AT_FDCWD, from, &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		own_free char *to = path_join(dir, names.items[i]);
		own_free char *target = path_join(folder, names.items[i]);

		if (*names.items[i] == '.')
			continue;
		if (unlink(to) == -1 && errno != ENOENT)
			return error_errno(e, "%s", to);
		if (symlink(target, to) == -1)
			return error_errno(e, "%s", to);
	}
	return 0;
}

/* The prefixes that a variable names get the type it says. */
static int
link_named(const struct build *b, const char *dir, struct strlist *named,
    struct error *e)
{
	for (size_t i = 0; i < b->phase_env.len; i++) {
		const char *item = b->phase_env.items[i], *eq;
		own_free char *prefix = NULL, *folder = NULL;

		if (strncmp(item, VARIABLE, strlen(VARIABLE)) != 0)
			continue;
		item += strlen(VARIABLE);
		eq = strchr(item, '=');
		prefix = mem_dupn(item, (size_t)(eq - item));
		for (char *s = prefix; *s != '\0'; s++)
			if (*s == '_')
				*s = '-';
		strlist_add(named, prefix);
		folder = mem_printf("%s-%s-install", prefix, eq + 1);
		if (link_folder(dir, folder, e) == -1)
			return -1;
	}
	return 0;
}

/* All others get the default type. */
static int
link_default(const struct build *b, const char *dir,
    const struct strlist *named, struct error *e)
{
	const char *type =
	    strlist_env_get(&b->phase_env, "DIB_DEFAULT_INSTALLTYPE");
	own_free char *end = mem_printf("-%s-install", type ? type : "source");
	own(strlist_clear) struct strlist names = { 0 };
	size_t n = strlen(end);

	if (file_names(AT_FDCWD, dir, &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		size_t len = strlen(names.items[i]);
		own_free char *prefix = NULL;

		if (len <= n || strcmp(names.items[i] + len - n, end) != 0)
			continue;
		prefix = mem_dupn(names.items[i], len - n);
		if (!strlist_has(named, prefix) &&
		    link_folder(dir, names.items[i], e) == -1)
			return -1;
	}
	return 0;
}

static int
link_types(struct build *b, const struct step *s, struct error *e)
{
	own_free char *dir = path_join(b->hooks, "install.d");
	own(strlist_clear) struct strlist named = { 0 };

	(void)s;
	if (!file_is_dir(AT_FDCWD, dir))
		return 0;
	if (link_named(b, dir, &named, e) == -1)
		return -1;
	return link_default(b, dir, &named, e);
}

static const struct native_step steps[] = {
	{ "extra-data", "99-enable-install-types", link_types, NULL },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_install_types = {
	.name = "install-types",
	.summary = "which of several ways to install something is used",
	.deps = "",
	.steps = steps,
};
