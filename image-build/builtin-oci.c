/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci: the root file system is that of a container image here, an OCI image
 * layout as a folder or as an archive of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "image-build/base.h"
#include "image-build/image-build.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tar.h"

/* ---- blobs ---------------------------------------------------------------- */

/* Open a blob; what it holds is what its name says. */
static int
open_blob(int layout, const struct oci_blob *blob, struct error *e)
{
	own_free char *path = mem_printf("blobs/sha256/%s", blob->digest);
	own_fd int fd = file_open_in(layout, path, O_RDONLY);
	char text[DIGEST_TEXT];
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return error_errno(e, "blob %.12s", blob->digest);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != blob->size)
		return error_set(e, EBADMSG,
		    "blob %.12s: %lld bytes, and should have %llu",
		    blob->digest, (long long)st.st_size,
		    (unsigned long long)blob->size);
	if (digest_file(fd, text, NULL) == -1 || lseek(fd, 0, SEEK_SET) == -1)
		return error_errno(e, "blob %.12s", blob->digest);
	if (strcmp(text, blob->digest) != 0)
		return error_set(e, EBADMSG,
		    "blob %.12s: its bytes have another digest", blob->digest);
	return take_fd(&fd);
}

static int
read_blob(void *ctx, const struct oci_blob *blob, size_t max,
    struct strbuf *text, struct error *e)
{
	own_fd int fd = open_blob(*(int *)ctx, blob, e);

	if (fd == -1)
		return -1;
	return file_read_fd(fd, blob->digest, max, text, e);
}

/* ---- the layout ------------------------------------------------------------ */

/* The layout as a folder: an archive is unpacked into the scratch folder. */
static int
open_layout(
    const struct base_source *source, const char *scratch, struct error *e)
{
	own_fd int to = -1;

	if (file_is_dir(AT_FDCWD, source->path)) {
		if (source->digest != NULL || source->signature != NULL)
			return error_set(e, EINVAL,
			    "a folder has neither digest nor signature");
		to = open(source->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return to == -1 ? error_errno(e, "%s", source->path)
				: take_fd(&to);
	}
	to = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to == -1)
		return error_errno(e, "%s", scratch);
	if (tar_extract(AT_FDCWD, source->path, to, 0, e) == -1)
		return -1;
	return take_fd(&to);
}

static int
choose_image(
    struct build *b, int layout, struct oci_image *image, struct error *e)
{
	own(strbuf_clear) struct strbuf index = { 0 };
	own_fd int fd = file_open_in(layout, "index.json", O_RDONLY);

	if (fd == -1)
		return error_set(
		    e, EINVAL, "is no OCI image layout: it has no index.json");
	if (file_read_fd(fd, "index.json", LIMIT_TEXT_BYTES, &index, e) == -1)
		return -1;
	return oci_choose(strbuf_text(&index), index.len, b->settings->arch,
	    base_variable(b, "DIB_IMAGE_REF"), read_blob, &layout, image, e);
}

static int
apply_layers(
    int layout, const struct oci_image *image, int tree, struct error *e)
{
	int flags = TAR_OWNERS | TAR_LAYER;

	if (!base_has_devices(tree))
		flags |= TAR_NO_DEVICES;
	for (size_t i = 0; i < image->nlayers; i++) {
		own_fd int fd = open_blob(layout, &image->layers[i], e);
		own_free char *path = mem_printf("/proc/self/fd/%d", fd);

		if (fd == -1)
			return -1;
		log_status("layer %zu of %zu", i + 1, image->nlayers);
		if (tar_extract(AT_FDCWD, path, tree, flags, e) == -1)
			return error_prefix(
			    e, "layer %.12s", image->layers[i].digest);
	}
	return 0;
}

static int
unpack_layout(struct build *b, const struct base_source *source,
    const char *scratch, struct error *e)
{
	own(oci_image_clear) struct oci_image image = { 0 };
	own_fd int tree = base_open_tree(b, e);
	own_fd int layout = -1;

	if (tree == -1)
		return -1;
	layout = open_layout(source, scratch, e);
	if (layout == -1 || choose_image(b, layout, &image, e) == -1)
		return -1;
	log_info("unpacking %s: sha256:%.12s, %zu layers", source->path,
	    image.manifest.digest, image.nlayers);
	return apply_layers(layout, &image, tree, e);
}

/* ---- the step ----------------------------------------------------------------- */

static int
unpack_oci(struct build *b, const struct step *s, struct error *e)
{
	return base_unpack(b, s, unpack_layout, e);
}

/* The image of a layout in a folder is known by its manifest's digest. */
static int
oci_inputs(
    struct build *b, const struct step *s, struct strbuf *text, struct error *e)
{
	own(base_source_clear) struct base_source source = { 0 };
	own(oci_image_clear) struct oci_image image = { 0 };
	own_fd int layout = -1;

	(void)s;
	if (base_find(b, &source, e) == -1)
		return -1;
	if (source.url != NULL || !file_is_dir(AT_FDCWD, source.path))
		return base_pin(b, "oci", &source, NULL, e) == -1
		    ? -1
		    : base_state(b, &source, text, e);
	layout = open(source.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layout == -1)
		return error_errno(e, "%s", source.path);
	if (choose_image(b, layout, &image, e) == -1)
		return error_prefix(e, "%s", source.path);
	strbuf_printf(text, "manifest %s", image.manifest.digest);
	return base_pin(b, "oci", &source, image.manifest.digest, e);
}

static const struct native_step steps[] = {
	{ "root", "10-oci", unpack_oci, oci_inputs },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_oci = {
	.name = "oci",
	.summary = "begin with a container image",
	.deps = "",
	.steps = steps,
};
