/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: the command line first, then the environment, then defaults, by
 * the names that diskimage-builder gave them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"

/* Keep a string for as long as the settings live. */
static const char *
keep(struct settings *s, char *text)
{
	strlist_take(&s->owned, text);
	return text;
}

static const char *
env_or(const char *name, const char *fallback)
{
	const char *v = getenv(name);

	return v != NULL && *v != '\0' ? v : fallback;
}

static bool
env_true(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && *v != '\0' && strcmp(v, "0") != 0;
}

/* A variable that holds a number, added to *n; so far none has a large one. */
static int
env_number(const char *name, unsigned *n, struct error *e)
{
	int64_t value = 0;

	if (options_number(name, env_or(name, NULL), &value, e) == -1)
		return -1;
	if (value > 1000000)
		return error_set(e, ERANGE, "%s: too much", name);
	*n += (unsigned)value;
	return 0;
}

static const char *
host_arch(struct settings *s)
{
	static const char *const names[][2] = { { "x86_64", "amd64" },
		{ "aarch64", "arm64" }, { "ppc64le", "ppc64el" },
		{ "i686", "i386" }, { NULL, NULL } };
	struct utsname u;

	if (uname(&u) == -1)
		return "amd64";
	if (strncmp(u.machine, "armv", 4) == 0)
		return "armhf";
	for (size_t i = 0; names[i][0] != NULL; i++)
		if (strcmp(u.machine, names[i][0]) == 0)
			return names[i][1];
	return keep(s, mem_dup(u.machine));
}

/*
 * Our own elements: beside the program in a build tree, or below the prefix
 * that it is installed in.
 */
static int
find_data(struct settings *s, struct error *e)
{
	static const char *const places[] = { "../share/ingot", "../..", NULL };
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	own_free char *dir = NULL;

	if (n == -1)
		return error_errno(e, "/proc/self/exe");
	exe[n] = '\0';
	dir = path_dir(exe);
	s->bin = keep(s, mem_dup(dir));
	for (const char *const *p = places; *p != NULL; p++) {
		own_free char *data = path_join(dir, *p);
		own_free char *elements = path_join(data, "elements");

		if (file_is_dir(AT_FDCWD, elements)) {
			s->data = keep(s, realpath(data, NULL));
			s->shell =
			    keep(s, path_join(s->data, "image-build/shell"));
			return 0;
		}
	}
	return error_set(e, ENOENT,
	    "%s: no elements folder beside this program or in " DATADIR, dir);
}

/* With exactly one type, "-o x.qcow2 -t qcow2" means x. */
static void
trim_name(struct settings *s)
{
	own_free char *ending = NULL;
	size_t n = strlen(s->name), m;

	if (s->formats.len != 1)
		return;
	ending = mem_printf(".%s", s->formats.items[0]);
	m = strlen(ending);
	if (n > m && strcmp(s->name + n - m, ending) == 0)
		s->name = keep(s, mem_dupn(s->name, n - m));
}

/* Scripts and mounts are given these folders, wherever they are. */
static const char *
absolute(struct settings *s, const char *path)
{
	own_free char *here = *path == '/' ? NULL : getcwd(NULL, 0);

	return here == NULL ? path : keep(s, path_join(here, path));
}

void
settings_cache(struct settings *s)
{
	const char *home = env_or("HOME", "/root");

	if (s->cache == NULL)
		s->cache = getenv("DIB_IMAGE_CACHE");
	if (s->cache == NULL || *s->cache == '\0')
		s->cache = keep(s, path_join(home, ".cache/image-create"));
	s->cache = absolute(s, s->cache);
}

static void
default_paths(struct settings *s)
{
	const char *home = env_or("HOME", "/root");
	const char *path = env_or("ELEMENTS_PATH", NULL);

	settings_cache(s);
	s->locks = env_or("DIB_LOCKFILES", NULL);
	if (s->locks == NULL)
		s->locks = keep(s, path_join(home, ".cache/dib/lockfiles"));
	s->locks = absolute(s, s->locks);
	s->tmp = absolute(s, env_or("TMP_DIR", env_or("TMPDIR", "/tmp")));
	s->elements_path = keep(s, path_join(s->data, "elements"));
	if (path != NULL)
		s->elements_path =
		    keep(s, mem_printf("%s:%s", path, s->elements_path));
}

static void
default_values(struct settings *s)
{
	if (s->arch == NULL)
		s->arch = env_or("ARCH", host_arch(s));
	if (s->name == NULL)
		s->name = env_or("IMAGE_NAME", "image");
	if (s->types == NULL)
		s->types = "qcow2";
	if (s->image_size == NULL)
		s->image_size = env_or("DIB_IMAGE_SIZE", NULL);
	if (s->extra_size == NULL)
		s->extra_size = env_or("DIB_IMAGE_EXTRA_SIZE", NULL);
	if (s->journal_size == NULL)
		s->journal_size = env_or("DIB_JOURNAL_SIZE", "64");
	if (s->root_label == NULL)
		s->root_label = env_or("ROOT_LABEL", NULL);
	if (s->install_type == NULL)
		s->install_type = env_or("DIB_DEFAULT_INSTALLTYPE", NULL);
	if (s->qemu_options == NULL)
		s->qemu_options = env_or("QEMU_IMG_OPTIONS", NULL);
	s->root_type = env_or("FS_TYPE", "ext4");
	s->offline |= env_true("DIB_OFFLINE");
	s->no_tmpfs |= env_true("DIB_NO_TMPFS") ||
	    strstr(env_or("GENTOO_PROFILE", ""), "hardened") != NULL;
	s->checksum |= env_true("DIB_CHECKSUM");
	if (s->max_resize == NULL)
		s->max_resize = env_or("MAX_ONLINE_RESIZE", NULL);
	if (s->ramdisk_element == NULL)
		s->ramdisk_element = env_or("RAMDISK_ELEMENT", "ramdisk");
	s->no_base |= env_true("SKIP_BASE");
}

static int
numbers(struct settings *s, struct error *e)
{
	if (env_number("DIB_DEBUG_TRACE", &s->trace, e) == -1)
		return -1;
	if (s->min_tmpfs != 0)
		return 0;
	if (env_or("DIB_MIN_TMPFS", NULL) == NULL)
		s->min_tmpfs = 2;
	return env_number("DIB_MIN_TMPFS", &s->min_tmpfs, e);
}

/* A decimal number from least on; NULL: not given. */
static int
check_size(const char *what, const char *text, double least, struct error *e)
{
	char *end = NULL;
	double n = text != NULL ? strtod(text, &end) : least;

	if (text != NULL &&
	    (end == text || *end != '\0' || !(n >= least) || n > 1e9))
		return error_set(
		    e, EINVAL, "%s: no such number: %s", what, text);
	return 0;
}

static int
check_values(const struct settings *s, struct error *e)
{
	size_t n = strlen(s->name);

	if (n == 0 || s->name[n - 1] == '/')
		return error_set(
		    e, EINVAL, "'%s' is no name for an image", s->name);
	if (s->formats.len == 0 && !s->ramdisk)
		return error_set(
		    e, EINVAL, "'%s' names no image type", s->types);
	if (check_size("image size in GiB", s->image_size, 1e-9, e) == -1)
		return -1;
	return check_size("extra size in MB", s->extra_size, 0, e);
}

static int
read_epoch(struct settings *s, struct error *e)
{
	const char *v = getenv("SOURCE_DATE_EPOCH");
	char *end;

	s->epoch = -1;
	if (v == NULL || *v == '\0')
		return 0;
	errno = 0;
	s->epoch = strtoll(v, &end, 10);
	if (errno != 0 || *end != '\0' || s->epoch < 0)
		return error_set(
		    e, EINVAL, "SOURCE_DATE_EPOCH: not a number: %s", v);
	return 0;
}

/* What the tool itself adds to the caller's elements. */
static void
default_elements(struct settings *s)
{
	own(strlist_clear) struct strlist named = { 0 };

	strlist_split(&named, env_or("IMAGE_ELEMENT", ""), " \t\n");
	strlist_add_all(&named, &s->elements);
	strlist_clear(&s->elements);
	if (s->ramdisk)
		strlist_add(&s->elements, s->ramdisk_element);
	if (!s->no_base)
		strlist_add(&s->elements, "base");
	for (size_t i = 0; i < named.len; i++)
		if (!strlist_has(&s->elements, named.items[i]))
			strlist_add(&s->elements, named.items[i]);
}

int
settings_complete(struct settings *s, struct error *e)
{
	if (find_data(s, e) == -1 || read_epoch(s, e) == -1)
		return -1;
	default_paths(s);
	default_values(s);
	strlist_split(&s->formats, s->types, ",");
	if (numbers(s, e) == -1 || check_values(s, e) == -1)
		return -1;
	trim_name(s);
	default_elements(s);
	return 0;
}

/* Whether an element is one of those that only describe the disk. */
static bool
brings_layout(const struct elements *all, const char *name)
{
	const struct element *el = elements_find(all, name);
	own(strlist_clear) struct strlist provides = { 0 };
	struct error none;

	if (strncmp(name, "block-device-", 13) == 0)
		return true;
	return el != NULL && elements_names(el, NULL, &provides, &none) == 0 &&
	    strlist_has(&provides, "block-device");
}

void
settings_add_layout(struct settings *s, const struct elements *all)
{
	const struct element *vm = elements_find(all, "vm");
	bool arm =
	    strcmp(s->arch, "arm64") == 0 || strcmp(s->arch, "aarch64") == 0;
	const char *name = arm ? "block-device-efi" : "block-device-mbr";
	const struct element *own = elements_find(all, "block-device-vm");

	if (!strlist_has(&s->elements, "vm") || vm == NULL)
		return;
	for (size_t i = 0; i < s->elements.len; i++)
		if (brings_layout(all, s->elements.items[i]))
			return;
	if (own != NULL && own->rank == vm->rank)
		name = own->name;
	strlist_add(&s->elements, name);
}

void
settings_clear(struct settings *s)
{
	strlist_clear(&s->formats);
	strlist_clear(&s->packages);
	strlist_clear(&s->budgets);
	strlist_clear(&s->elements);
	strlist_clear(&s->owned);
	free(s->args);
}
