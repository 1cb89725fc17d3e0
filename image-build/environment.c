/* SPDX-License-Identifier: Apache-2.0 */
/* The variables that scripts see, by diskimage-builder's names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define CHROOT_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern char **environ;

static void
set(struct build *b, const char *name, const char *value)
{
	strlist_env_set(&b->env, name, value != NULL ? value : "");
}

static void
set_number(struct build *b, const char *name, unsigned n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	set(b, name, text);
}

/* A switch that is on keeps what the caller says of it. */
static void
set_switch(struct build *b, const char *name, bool on)
{
	const char *v = strlist_env_get(&b->env, name);

	if (!on || v == NULL || *v == '\0' || strcmp(v, "0") == 0)
		set(b, name, on ? "1" : "0");
}

/*
 * The system folders that a user's PATH may lack; and before all the stand-ins
 * for programs that mean nothing in a build, sudo above all.
 */
static void
complete_path(struct build *b)
{
	static const char *const wanted[] = { "/usr/local/sbin", "/usr/sbin",
		"/sbin", NULL };
	const char *old = strlist_env_get(&b->env, "PATH");
	own(strlist_clear) struct strlist parts = { 0 };
	own_free char *joined = NULL, *path = NULL;

	strlist_split(&parts, old != NULL ? old : CHROOT_PATH, ":");
	for (const char *const *w = wanted; *w != NULL; w++)
		if (!strlist_has(&parts, *w))
			strlist_add(&parts, *w);
	joined = strlist_join(&parts, ":");
	path = mem_printf("%s/bin:%s", b->settings->shell, joined);
	set(b, "PATH", path);
}

/* "NAME=value" as bash declares it. */
static char *
declaration(const char *item)
{
	struct strbuf text = { 0 };
	const char *s = strchr(item, '=') + 1;

	strbuf_printf(&text, "declare -x %.*s\"", (int)(s - item), item);
	for (; *s != '\0'; s++) {
		if (strchr("\"\\$`", *s) != NULL)
			strbuf_putc(&text, '\\');
		strbuf_putc(&text, *s);
	}
	strbuf_putc(&text, '"');
	return strbuf_take(&text);
}

/* The caller's DIB_* variables as they were, for the manifests. */
static void
remember_caller(struct build *b)
{
	own(strlist_clear) struct strlist dib = { 0 };
	own_free char *text = NULL;

	for (char **v = environ; *v != NULL; v++)
		if (strncmp(*v, "DIB_", 4) == 0 && strchr(*v, '=') != NULL)
			strlist_take(&dib, declaration(*v));
	strlist_sort(&dib);
	text = strlist_join(&dib, "\n");
	set(b, "DIB_ENV", text);
	set(b, "DIB_ARGS", b->settings->args);
}

static void
element_list(struct build *b)
{
	own(strbuf_clear) struct strbuf names = { 0 }, yaml = { 0 },
					array = { 0 };

	for (size_t i = 0; i < b->nchosen; i++) {
		const struct element *el = b->chosen[i];

		strbuf_printf(&names, "%s%s", i > 0 ? " " : "", el->name);
		if (el->path == NULL)
			continue;
		strbuf_printf(&yaml, "%s: %s\n", el->name, el->path);
		strbuf_printf(&array, "[%s]=%s ", el->name, el->path);
	}
	set(b, "IMAGE_ELEMENT", strbuf_text(&names));
	set(b, "IMAGE_ELEMENT_YAML", strbuf_text(&yaml));
	strbuf_cut(&names, 0);
	strbuf_printf(&names, "() {  echo '%s'\n}", strbuf_text(&array));
	set(b, "BASH_FUNC_get_image_element_array%%", strbuf_text(&names));
	set(b, "BASH_FUNC_die%%",
	    "() {  local s=$?; echo \"ERROR: $*\" >&2; "
	    "[ $s -ne 0 ] || s=1; exit $s\n}");
}

static void
file_systems(struct build *b)
{
	const struct filesystem *root = layout_root(&b->layout);
	own(strbuf_clear) struct strbuf points = { 0 };
	const char *boot = "";

	for (size_t i = 0; i < b->layout.nfilesystems; i++) {
		const struct filesystem *f = &b->layout.filesystems[i];

		if (f->mount_point == NULL)
			continue;
		strbuf_printf(
		    &points, "%s%s", points.len ? "|" : "", f->mount_point);
		if (strcmp(f->mount_point, "/boot") == 0)
			boot = f->label;
	}
	set(b, "DIB_ROOT_LABEL", root != NULL ? root->label : "");
	set(b, "DIB_ROOT_FSTYPE", root != NULL ? root->type : "");
	set(b, "DIB_BOOT_LABEL", boot);
	set(b, "DIB_MOUNTPOINTS", strbuf_text(&points));
}

static void
folders(struct build *b)
{
	const struct settings *s = b->settings;

	/* Relative ones of the caller's would lead elsewhere. */
	if (getenv("TMP_DIR") != NULL)
		set(b, "TMP_DIR", s->tmp);
	set(b, "TMP_BUILD_DIR", b->work);
	set(b, "TMP_IMAGE_DIR", b->image_dir);
	set(b, "TMP_HOOKS_PATH", b->hooks);
	set(b, "TMP_MOUNT_PATH", b->tree);
	set(b, "TARGET_ROOT", b->tree);
	set(b, "ELEMENTS_PATH", s->elements_path);
	set(b, "DIB_IMAGE_CACHE", s->cache);
	set(b, "DIB_LOCKFILES", s->locks);
	set(b, "_LIB", s->shell);
	set(b, "INGOT_BIN", s->bin);
	set(b, "INGOT_DATA", s->data);
}

void
environment_init(struct build *b)
{
	const struct settings *s = b->settings;

	for (char **v = environ; *v != NULL; v++)
		strlist_add(&b->env, *v);
	set(b, "LC_ALL", "C");
	complete_path(b);
	remember_caller(b);
	set(b, "ARCH", s->arch);
	set(b, "IMAGE_NAME", s->name);
	set(b, "IMAGE_TYPE", s->formats.len ? s->formats.items[0] : "");
	set(b, "FS_TYPE", s->root_type);
	set(b, "DIB_OFFLINE", s->offline ? "1" : "");
	set_switch(b, "DIB_CHECKSUM", s->checksum);
	set_switch(b, "DIB_NO_TMPFS", s->no_tmpfs);
	set_number(b, "DIB_MIN_TMPFS", s->min_tmpfs);
	set_number(b, "DIB_DEBUG_TRACE", s->trace);
	if (s->install_type != NULL)
		set(b, "DIB_DEFAULT_INSTALLTYPE", s->install_type);
	if (s->image_size != NULL)
		set(b, "DIB_IMAGE_SIZE", s->image_size);
	/* Elements of others may have parts in Python; ours have none. */
	if (getenv("DIB_PYTHON_EXEC") == NULL)
		set(b, "DIB_PYTHON_EXEC", "python3");
	if (s->ramdisk)
		set(b, "IS_RAMDISK", "1");
	folders(b);
	element_list(b);
	file_systems(b);
}

/*
 * What sudo -E keeps back from the program it starts, and what says that a
 * script runs beside the tree.
 */
static bool
is_dropped(const char *item)
{
	static const char *const names[] = { "TARGET_ROOT=", "TMPDIR=",
		"VIRTUAL_ENV=", "PS4=", "LD_",
		"PYTHONPATH=", "PYTHONHOME=", "PYTHONINSPECT=",
		"PYTHONUSERBASE=", "BASH_ENV=", "ENV=", "IFS=", "CDPATH=",
		"GLOBIGNORE=", "PERLLIB=", "PERL5LIB=", "PERL5OPT=", "PERL5DB=",
		"RUBYLIB=", "RUBYOPT=", "SHELLOPTS=", "BASHOPTS=", "BASH_FUNC_",
		"JAVA_TOOL_OPTIONS=", "TERMINFO",
		"TERMCAP=", "NLSPATH=", "HOSTALIASES=", "LOCALDOMAIN=",
		"RES_OPTIONS=", "FPATH=", "ZDOTDIR=", NULL };

	for (const char *const *n = names; *n != NULL; n++)
		if (strncmp(item, *n, strlen(*n)) == 0)
			return true;
	return false;
}

void
environment_chroot(const struct strlist *from, struct strlist *env)
{
	for (size_t i = 0; i < from->len; i++)
		if (!is_dropped(from->items[i]))
			strlist_add(env, from->items[i]);
	strlist_env_set(env, "HOME", "/root");
	/* First those that stand in for what would change the host. */
	strlist_env_set(env, "PATH", IN_TARGET "/" TARGET_BIN ":" CHROOT_PATH);
	strlist_env_set(env, "SUDO_USER", "root");
	strlist_env_set(env, "SUDO_UID", "0");
	strlist_env_set(env, "SUDO_GID", "0");
}
