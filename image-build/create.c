/* SPDX-License-Identifier: Apache-2.0 */
/* Make an image: what the command line asks for, loaded and carried out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/compat.h"
#include "image-build/image-build.h"
#include "image-build/pins.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"

static struct settings settings;

/* -p takes a list with commas and may be given several times. */
static int
add_packages(const char *value, struct error *e)
{
	(void)e;
	strlist_split(&settings.packages, value, ", ");
	return 0;
}

static int
set_size(const char *value, struct error *e)
{
	char *end;
	double n = strtod(value, &end);

	if (end == value || *end != '\0' || !(n > 0) || n > 1e6)
		return error_set(e, EINVAL, "not a size in GiB: %s", value);
	settings.image_size = value;
	return 0;
}

static const struct option_def defs[] = {
	{ 'a', "arch", "ARCH", OPTION_STRING, &settings.arch, NULL,
	    "architecture of the image (the host's)" },
	{ 'o', "output", "NAME", OPTION_STRING, &settings.name, NULL,
	    "path of the image, without its ending (image)" },
	{ 't', "types", "TYPE[,TYPE]", OPTION_STRING, &settings.types, NULL,
	    "what to deliver (qcow2)" },
	{ 'p', "packages", "PKG[,PKG]", OPTION_CALL, NULL, add_packages,
	    "install these packages too" },
	{ 'n', "skip-base", NULL, OPTION_FLAG, &settings.no_base, NULL,
	    "without the element base" },
	{ 'u', "uncompressed", NULL, OPTION_FLAG, &settings.uncompressed, NULL,
	    "do not compress qcow2" },
	{ 'x', "trace", NULL, OPTION_COUNT, &settings.trace, NULL,
	    "trace the scripts, twice for more" },
	{ 'c', "clear", NULL, OPTION_FLAG, &settings.clear, NULL,
	    "with an environment of HOME, PATH and TERM only" },
	{ 0, "image-size", "GIB", OPTION_CALL, NULL, set_size,
	    "size of the disk (what fits)" },
	{ 0, "image-extra-size", "MIB", OPTION_STRING, &settings.extra_size,
	    NULL, "room beside the contents (two thirds of them)" },
	{ 0, "image-cache", "DIR", OPTION_STRING, &settings.cache, NULL,
	    "where downloads are kept (~/.cache/image-create)" },
	{ 0, "install-type", "TYPE", OPTION_STRING, &settings.install_type,
	    NULL, "how elements install software (source)" },
	{ 0, "min-tmpfs", "GIB", OPTION_NUMBER, &settings.min_tmpfs, NULL,
	    "build in memory only with twice this available (2)" },
	{ 0, "mkfs-journal-size", "MIB", OPTION_STRING, &settings.journal_size,
	    NULL, "journal of an ext4 root (64)" },
	{ 0, "mkfs-options", "OPTIONS", OPTION_STRING, &settings.mkfs_options,
	    NULL, "more options for the root file system" },
	{ 0, "lock", NULL, OPTION_FLAG, &settings.lock, NULL,
	    "write down in NAME.lock.json what was used" },
	{ 0, "locked", NULL, OPTION_FLAG, &settings.locked, NULL,
	    "use what NAME.lock.json says, or fail" },
	{ 0, "max-online-resize", "BLOCKS", OPTION_STRING, &settings.max_resize,
	    NULL, "how far an ext4 root can grow (1000 times)" },
	{ 0, "no-tmpfs", NULL, OPTION_FLAG, &settings.no_tmpfs, NULL,
	    "build on disk" },
	{ 0, "no-cache", NULL, OPTION_FLAG, &settings.no_cache, NULL,
	    "run every step, use and make no snapshots" },
	{ 0, "why", NULL, OPTION_FLAG, &settings.why, NULL,
	    "say of each step that runs why it does" },
	{ 0, "offline", NULL, OPTION_FLAG, &settings.offline, NULL,
	    "tell elements to use what is cached" },
	{ 0, "qemu-img-options", "K=V[,K=V]", OPTION_STRING,
	    &settings.qemu_options, NULL, "options for qemu-img" },
	{ 0, "ramdisk-element", "ELEMENT", OPTION_STRING,
	    &settings.ramdisk_element, NULL,
	    "what makes the ramdisk (ramdisk)" },
	{ 0, "docker-target", "REPO:TAG", OPTION_STRING,
	    &settings.docker_target, NULL,
	    "what docker calls the image (NAME:latest)" },
	{ 0, "root-label", "LABEL", OPTION_STRING, &settings.root_label, NULL,
	    "label of the root (cloudimg-rootfs)" },
	{ 0, "logfile", "FILE", OPTION_STRING, &settings.logfile, NULL,
	    "append the log to FILE, and be quiet" },
	{ 0, "dry-run", NULL, OPTION_FLAG, &settings.dry_run, NULL,
	    "print the plan and do nothing" },
	{ 0, "budget", "[ELEMENT:]LIMIT[,LIMIT]", OPTION_LIST,
	    &settings.budgets, NULL,
	    "fail over size=300M or time=120s, of all or one element" },
	{ 0, "checksum", NULL, OPTION_FLAG, &settings.checksum, NULL,
	    "write MD5 and SHA-256 sums beside the images" },
	{ 0, "sign", "KEY", OPTION_STRING, &settings.sign, NULL,
	    "sign manifest and contents with this private key" },
	{ 0, "image-version", "N", OPTION_STRING, &settings.image_version, NULL,
	    "the contents' version (SOURCE_DATE_EPOCH or now)" },
	{ 0, "expires", "N", OPTION_STRING, &settings.expires, NULL,
	    "last second since 1970 to take the image for an update" },
	{ 'q', "quiet", NULL, OPTION_FLAG, &settings.quiet, NULL,
	    "say only what went wrong" },
	{ 'v', "verbose", NULL, OPTION_FLAG, &settings.verbose, NULL,
	    "say more" },
	{ 0, NULL, NULL, OPTION_FLAG, NULL, NULL, NULL },
};

static const char more[] =
    "The elements are folders below ELEMENTS_PATH (colons between) or "
    "shipped ones.\n"
    "Example: image-build -o web -t qcow2,raw debian vm readonly-root web\n"
    "\n"
    "Beside this (each has --help): image-build pack a tree, verify an image, "
    "compare\n"
    "two, project FILE for many, new and lint for elements of your own, "
    "cache, doctor.\n";

static struct options command = {
	.program = "image-build",
	.operands = "ELEMENT...",
	.summary = "Build a golden image from elements.",
	.defs = defs,
	.more = more,
};

/* ---- loading --------------------------------------------------------------- */

/* An element has to be named, as an operand or in the environment. */
static int
check_named(const struct settings *s, struct error *e)
{
	const char *named = getenv("IMAGE_ELEMENT");

	if (s->elements.len > 0 ||
	    (named != NULL && named[strspn(named, " \t\n")] != '\0'))
		return 0;
	return error_set(e, EINVAL,
	    "At least one distribution root element must be specified%s",
	    s->compat ? "" : ", say debian; --help shows more");
}

static int
load(struct build *b, struct elements *all, struct error *e)
{
	struct settings *s = &settings;

	if (settings_complete(s, e) == -1 ||
	    elements_index(all, s->elements_path, s->data, e) == -1)
		return -1;
	for (size_t i = 0; i < all->overridden.len; i++)
		log_debug("%s", all->overridden.items[i]);
	settings_add_layout(s, all);
	b->settings = s;
	b->all = all;
	if (elements_resolve(
		all, &s->elements, true, &b->chosen, &b->nchosen, e) == -1)
		return -1;
	return build_layout(b, e);
}

static int
make_image(struct error *e)
{
	own(elements_clear) struct elements all = { 0 };
	own(build_clear) struct build b = { .report = report_new() };

	if (load(&b, &all, e) == -1)
		return -1;
	if (pins_open(&b, e) == -1)
		return -1;
	if (settings.dry_run) {
		environment_init(&b);
		return plan_print(&b, e);
	}
	return build_run(&b, e);
}

/* The command line as one string, for the manifests. */
static char *
join_args(int argc, char **argv)
{
	own(strlist_clear) struct strlist args = { 0 };

	for (int i = 1; i < argc; i++)
		strlist_add(&args, argv[i]);
	return strlist_join(&args, " ");
}

int
image_create(int argc, char **argv, struct error *e)
{
	int first, r, misused;

	settings.program = path_base(argv[0]);
	settings.ramdisk =
	    strcmp(settings.program, "ramdisk-image-create") == 0;
	settings.compat = settings.ramdisk ||
	    strcmp(settings.program, "disk-image-create") == 0;
	if (settings.compat)
		command.program = settings.program;
	misused = settings.compat ? 1 : 2;
	settings.args = join_args(argc, argv);
	first = options_parse(&command, argc, argv, e);
	if (first < 0)
		return first == OPTIONS_SHOWN ? 0 : misused;
	if (settings.logfile != NULL && *settings.logfile == '\0')
		settings.logfile = NULL;
	if (settings.clear)
		compat_clear_environment();
	/* Operands are split at blanks, and empty ones vanish. */
	for (int i = first; i < argc; i++)
		strlist_split(&settings.elements, argv[i], " \t\n");
	r = compat_open_log(&settings, e) == -1 ? 1
	    : check_named(&settings, e) == -1	? misused
						: make_image(e);
	settings_clear(&settings);
	return r == -1 ? 1 : r;
}
