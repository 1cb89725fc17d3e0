/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-build verify: an image against its manifest, and the manifest
 * against its signature.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"

#define ENDING ".manifest.json"

static const char *key;

static const struct option_def defs[] = {
	{ 'k', "key", "FILE", OPTION_STRING, &key, NULL,
	    "public key that must have signed (PEM or OpenSSH)" },
	{ 0, NULL, NULL, OPTION_FLAG, NULL, NULL, NULL },
};

static const struct options command = {
	.program = "image-build verify",
	.operands = "IMAGE|MANIFEST...",
	.summary = "Check images, their manifests and signatures.",
	.defs = defs,
};

static bool
is_manifest(const char *path)
{
	size_t n = strlen(path), m = strlen(ENDING);

	return n > m && strcmp(path + n - m, ENDING) == 0;
}

/* "web.tar.zst" has "web.tar.manifest.json" or "web.manifest.json". */
static char *
find_manifest(const char *image, struct error *e)
{
	own_free char *stem = NULL;
	char *dot;

	if (is_manifest(image))
		return mem_dup(image);
	stem = mem_dup(image);
	while ((dot = strrchr(stem, '.')) != NULL && strchr(dot, '/') == NULL) {
		own_free char *path = NULL;

		*dot = '\0';
		path = mem_printf("%s" ENDING, stem);
		if (file_exists(AT_FDCWD, path))
			return take(path);
	}
	error_set(
	    e, ENOENT, "%s: no manifest beside it (NAME" ENDING ")", image);
	return NULL;
}

/* ---- one file --------------------------------------------------------------- */

static int
check_file(const char *dir, const struct value *entry, struct error *e)
{
	const char *name = value_text(entry, "name", "");
	const char *wanted = value_text(entry, "sha256", "");
	own(strlist_clear) struct strlist path = { 0 };
	struct checksum sum = { 0 };
	char text[DIGEST_TEXT];
	long long bytes = -1;

	if (!path_is_name(name))
		return error_set(e, EBADMSG, "the manifest lists \"%s\"", name);
	strlist_take(&path, path_join(dir, name));
	log_status("check %s", path.items[0]);
	if (checksum_files(&path, &sum, false, e) == -1)
		return -1;
	(void)value_to_int(value_get(entry, "bytes"), &bytes);
	if (bytes != (long long)sum.bytes)
		return error_set(e, EBADMSG,
		    "%s: %llu bytes, and the manifest says %lld", path.items[0],
		    (unsigned long long)sum.bytes, bytes);
	digest_print(sum.sha256, text);
	if (strcmp(text, wanted) != 0)
		return error_set(e, EBADMSG,
		    "%s: its SHA-256 is not the manifest's", path.items[0]);
	log_status("%s", "");
	printf("%s: good\n", path.items[0]);
	return 0;
}

/* Those that the manifest lists, or the one that is asked for. */
static int
check_files(const char *image, const char *manifest, const struct value *root,
    struct error *e)
{
	const struct value *files = value_get(root, "files");
	own_free char *dir = path_dir(manifest);
	bool found = false;

	if (files == NULL || files->kind != VALUE_LIST || files->len == 0)
		return error_set(e, EBADMSG, "%s: lists no files", manifest);
	for (uint32_t i = 0; i < files->len; i++) {
		const char *name = value_text(files->items[i], "name", "");

		if (!is_manifest(image) && strcmp(name, path_base(image)) != 0)
			continue;
		found = true;
		if (check_file(dir, files->items[i], e) == -1)
			return -1;
	}
	if (found)
		return 0;
	return error_set(
	    e, ENOENT, "%s: not in the manifest %s", image, manifest);
}

static int
verify(const char *image, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own_free char *manifest = find_manifest(image, e);
	const struct value *root;

	if (manifest == NULL)
		return -1;
	if (key != NULL && sign_check(manifest, key, e) == -1)
		return -1;
	root = doc_load(d, AT_FDCWD, manifest, e);
	if (root == NULL)
		return -1;
	return check_files(image, manifest, root, e);
}

int
image_verify(int argc, char **argv, struct error *e)
{
	int first = options_parse(&command, argc, argv, e);

	if (first < 0)
		return first == OPTIONS_SHOWN ? 0 : 2;
	if (first == argc) {
		error_set(e, EINVAL, "an image is wanted");
		return 2;
	}
	log_open("image-build", LOG_INFO);
	if (key == NULL)
		log_warn("no --key: the signature is not checked");
	for (int i = first; i < argc; i++)
		if (verify(argv[i], e) == -1)
			return 1;
	return 0;
}
