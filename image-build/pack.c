/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-build pack: the disk stage alone.  A tree that is there already, or
 * an archive of one, becomes file systems, disks and formats.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/compat.h"
#include "image-build/format.h"
#include "image-build/image-build.h"
#include "image-build/scratch.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tar.h"
#include "lib/tree.h"

#define PREFIX ".image-pack."

static struct settings settings;
static const char *layout_file, *filesystem;

static const struct option_def defs[] = {
	{ 'f', "format", "FORMAT[,FORMAT]", OPTION_STRING, &settings.types,
	    NULL, "what to make (qcow2)" },
	{ 'o', "output", "NAME", OPTION_STRING, &settings.name, NULL,
	    "path of the image, without its ending (image)" },
	{ 0, "layout", "FILE", OPTION_STRING, &layout_file, NULL,
	    "block-device description (one file system, no partitions)" },
	{ 0, "filesystem", "TYPE", OPTION_STRING, &filesystem, NULL,
	    "what the root becomes (ext4)" },
	{ 0, "root-label", "LABEL", OPTION_STRING, &settings.root_label, NULL,
	    "label of the root (cloudimg-rootfs)" },
	{ 0, "image-size", "GIB", OPTION_STRING, &settings.image_size, NULL,
	    "size of the disk (what fits)" },
	{ 0, "image-extra-size", "MIB", OPTION_STRING, &settings.extra_size,
	    NULL, "room beside the contents (two thirds of them)" },
	{ 0, "mkfs-options", "OPTIONS", OPTION_STRING, &settings.mkfs_options,
	    NULL, "more options for the root file system" },
	{ 'a', "arch", "ARCH", OPTION_STRING, &settings.arch, NULL,
	    "architecture of the tree (the host's)" },
	{ 'u', "uncompressed", NULL, OPTION_FLAG, &settings.uncompressed, NULL,
	    "do not compress qcow2" },
	{ 0, "qemu-img-options", "K=V[,K=V]", OPTION_STRING,
	    &settings.qemu_options, NULL, "options for qcow2" },
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
	{ 0, NULL, NULL, OPTION_FLAG, NULL, NULL, NULL },
};

static const struct options command = {
	.program = "image-build pack",
	.operands = "DIR|ARCHIVE",
	.summary = "Make file systems, disks and formats of a tree.",
	.defs = defs,
	.more = "Example: image-build pack -f raw,tgz -o web rootfs.tar\n",
};

static void
remove_scratch(char **dir)
{
	struct error e;

	if (*dir != NULL && tree_remove(AT_FDCWD, *dir, &e) == -1)
		log_warn("%s", e.text);
	free(*dir);
}

/* The tree: as it is, or unpacked. */
static int
find_tree(struct build *b, const char *source, struct error *e)
{
	own_fd int to = -1;

	if (file_is_dir(AT_FDCWD, source)) {
		b->tree = realpath(source, NULL);
		return b->tree == NULL ? error_errno(e, "%s", source) : 0;
	}
	if (!file_exists(AT_FDCWD, source))
		return error_set(e, ENOENT, "%s: no such tree", source);
	b->tree = path_join(b->image_dir, "tree");
	if (file_mkdirs(AT_FDCWD, b->tree, 0755, e) == -1)
		return -1;
	to = open(b->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to == -1)
		return error_errno(e, "%s", b->tree);
	log_status("unpack %s", source);
	return tar_extract(AT_FDCWD, source, to, TAR_OWNERS, e);
}

static int
check_formats(struct error *e)
{
	own(strbuf_clear) struct strbuf names = { 0 };

	for (size_t i = 0; i < settings.formats.len; i++) {
		if (format_find(settings.formats.items[i]) != NULL)
			continue;
		format_names(&names);
		return error_set(e, EINVAL,
		    "no such format: %s (%s can be written)",
		    settings.formats.items[i], strbuf_text(&names));
	}
	return 0;
}

/* The description comes the way that a build gets one from its caller. */
static int
load(struct build *b, struct error *e)
{
	own_free char *url = NULL;

	if (filesystem != NULL)
		setenv("FS_TYPE", filesystem, 1);
	if (layout_file != NULL) {
		url = mem_printf("file://%s", layout_file);
		setenv("DIB_BLOCK_DEVICE_CONFIG", url, 1);
	}
	if (settings_complete(&settings, e) == -1 || check_formats(e) == -1)
		return -1;
	b->settings = &settings;
	return build_layout(b, e);
}

/* Beside the image, so that the disk need not be copied, or in TMP_DIR. */
static int
make_scratch(char **dir, struct error *e)
{
	own_free char *beside = path_dir(settings.name);
	const char *parent = getenv("TMP_DIR") != NULL ? settings.tmp : beside;

	scratch_sweep(parent, PREFIX);
	return scratch_make(parent, PREFIX, dir, e);
}

struct run {
	struct build *build;
	const char *source;
};

/* In a child, so that a signal leaves nothing behind.  The exit status. */
static int
make(void *ctx)
{
	const struct run *r = ctx;
	own(strlist_clear) struct strlist products = { 0 };
	struct error e;

	if (find_tree(r->build, r->source, &e) == -1 ||
	    deliver(r->build, &products, &e) == -1) {
		log_error(&e);
		return 1;
	}
	log_status("%s", "");
	for (size_t i = 0; i < products.len; i++)
		printf("%s\n", products.items[i]);
	return 0;
}

/* Returns the exit status, or -1. */
static int
pack(const char *source, struct error *e)
{
	own(build_clear) struct build b = { .report = report_new() };
	struct run r;
	__attribute__((cleanup(remove_scratch))) char *dir = NULL;
	own_fd int lock = -1;
	int status;

	if (load(&b, e) == -1)
		return -1;
	enter_catch_signals();
	lock = make_scratch(&dir, e);
	if (lock == -1)
		return -1;
	b.image_dir = mem_dup(dir);
	r.build = &b;
	r.source = source;
	status = enter_run(make, &r, NULL, e);
	outputs_tidy(&settings);
	return status;
}

int
image_pack(int argc, char **argv, struct error *e)
{
	int first, r;

	settings.program = "image-build";
	settings.args = mem_dup("");
	first = options_parse(&command, argc, argv, e);
	if (first < 0)
		return first == OPTIONS_SHOWN ? 0 : 2;
	if (argc - first != 1) {
		error_set(e, EINVAL, "one tree or archive is wanted");
		return 2;
	}
	log_open("image-build", settings.quiet ? LOG_WARN : LOG_INFO);
	umask(022); /* the caller's is not the image's */
	r = pack(argv[first], e);
	settings_clear(&settings);
	return r == -1 ? 1 : r;
}
