/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an index to the layers of one image (OCI image specification 1.1:
 * image index, manifest, configuration).  Every document is foreign; what one
 * says of another counts only when the digest agrees.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/base.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define MOST_LAYERS 1000
#define MOST_MANIFESTS 1000 /* in one index */
#define DEEPEST 4 /* indexes in indexes */

struct choice {
	const char *arch, *ref; /* Go's word; the name wanted, or NULL */
	oci_read *read;
	void *ctx;
	struct oci_blob found[2]; /* the first two that fit */
	unsigned n;
	struct strbuf names; /* of all that fit, for the message */
	struct strbuf archs; /* that are there */
	unsigned looked; /* documents read */
};

/* Debian's word for an architecture to Go's. */
static const char *
go_arch(const char *arch)
{
	static const char *const words[][2] = { { "armhf", "arm" },
		{ "armel", "arm" }, { "i386", "386" }, { "ppc64el", "ppc64le" },
		{ "mips64el", "mips64le" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i][0], arch) == 0)
			return words[i][1];
	return arch;
}

/* A descriptor: what a blob must be. */
static int
read_descriptor(const struct value *v, struct oci_blob *blob, struct error *e)
{
	const char *digest = value_text(v, "digest", "");
	long long size;

	if (strncmp(digest, "sha256:", 7) != 0 ||
	    strlen(digest) != 7 + DIGEST_TEXT - 1 ||
	    strspn(digest + 7, "0123456789abcdef") != DIGEST_TEXT - 1)
		return error_set(e, EINVAL,
		    "a blob has no SHA-256 digest: \"%.80s\"", digest);
	if (!value_to_int(value_get(v, "size"), &size) || size < 0)
		return error_set(e, EINVAL, "%s: has no size", digest);
	memcpy(blob->digest, digest + 7, DIGEST_TEXT);
	blob->size = (uint64_t)size;
	return 0;
}

/* A JSON document that is a blob. */
static struct value *
read_document(const struct choice *c, struct doc *d,
    const struct oci_blob *blob, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *name = mem_printf("sha256:%.12s", blob->digest);

	if (c->read(c->ctx, blob, LIMIT_TEXT_BYTES, &text, e) == -1)
		return NULL;
	return doc_parse(d, strbuf_text(&text), text.len, name, e);
}

/* ---- the index ------------------------------------------------------------- */

static bool
has_name(const struct value *descriptor, const char *ref)
{
	const char *name = value_text(value_get(descriptor, "annotations"),
	    "org.opencontainers.image.ref.name", NULL);

	return name != NULL && strcmp(name, ref) == 0;
}

static void
add_word(struct strbuf *words, const char *word)
{
	if (words->len < 200)
		strbuf_printf(
		    words, "%s%.40s", words->len > 0 ? ", " : "", word);
}

static void
add_found(struct choice *c, const struct value *descriptor,
    const struct oci_blob *blob)
{
	const char *name = value_text(value_get(descriptor, "annotations"),
	    "org.opencontainers.image.ref.name", blob->digest);

	if (c->n > 0 && strcmp(c->found[0].digest, blob->digest) == 0)
		return;
	add_word(&c->names, name);
	if (c->n < 2)
		c->found[c->n++] = *blob;
}

static int look_at_index(struct choice *c, const struct value *index,
    bool named, unsigned depth, struct error *e);

static int
look_at(struct choice *c, const struct value *descriptor, bool named,
    unsigned depth, struct error *e)
{
	const char *type = value_text(descriptor, "mediaType", "");
	const struct value *platform = value_get(descriptor, "platform");
	const char *arch = value_text(platform, "architecture", c->arch);
	struct oci_blob blob;

	if (read_descriptor(descriptor, &blob, e) == -1)
		return -1;
	named = named || (c->ref != NULL && has_name(descriptor, c->ref));
	if (strstr(type, ".index.") != NULL ||
	    strstr(type, ".manifest.list.") != NULL) {
		ownp(doc_free) struct doc *d = doc_new();
		const struct value *index;

		if (++c->looked > MOST_MANIFESTS)
			return error_set(e, E2BIG, "too many indexes");
		index = read_document(c, d, &blob, e);
		return index == NULL
		    ? -1
		    : look_at_index(c, index, named, depth + 1, e);
	}
	if (strcmp(value_text(platform, "os", "linux"), "linux") != 0)
		return 0; /* attestations say "unknown" */
	if (platform != NULL)
		add_word(&c->archs, arch);
	if (strcmp(arch, c->arch) == 0 && (named || c->ref == NULL))
		add_found(c, descriptor, &blob);
	return 0;
}

static int
look_at_index(struct choice *c, const struct value *index, bool named,
    unsigned depth, struct error *e)
{
	const struct value *all = value_get(index, "manifests");

	if (depth > DEEPEST)
		return error_set(e, ELOOP, "indexes are nested too deeply");
	if (all == NULL || all->kind != VALUE_LIST)
		return error_set(e, EINVAL, "an index without manifests");
	if (all->len > MOST_MANIFESTS)
		return error_set(e, E2BIG, "an index of too many manifests");
	for (uint32_t i = 0; i < all->len; i++)
		if (look_at(c, all->items[i], named, depth, e) == -1)
			return -1;
	return 0;
}

static int
choose(struct choice *c, struct error *e)
{
	if (c->n == 1)
		return 0;
	if (c->n > 1)
		return error_set(e, EINVAL,
		    "has several images (%s): say which by DIB_IMAGE_REF",
		    strbuf_text(&c->names));
	return error_set(e, ENOENT, "has no image%s%s for %s%s%s",
	    c->ref != NULL ? " " : "", c->ref != NULL ? c->ref : "", c->arch,
	    c->archs.len > 0 ? ", but for " : "", strbuf_text(&c->archs));
}

/* ---- the manifest ------------------------------------------------------------- */

static int
check_layer(const struct value *layer, struct error *e)
{
	static const char *const types[] = { "application/vnd.oci.image.layer.",
		"application/vnd.docker.image.rootfs." };
	const char *type = value_text(layer, "mediaType", "");

	for (size_t i = 0; i < 2; i++)
		if (strncmp(type, types[i], strlen(types[i])) == 0 &&
		    strstr(type, "tar") != NULL &&
		    strstr(type, "encrypted") == NULL)
			return 0;
	return error_set(
	    e, EINVAL, "a layer is no file system: \"%.80s\"", type);
}

static int
read_layers(
    const struct value *manifest, struct oci_image *image, struct error *e)
{
	const struct value *layers = value_get(manifest, "layers");

	if (layers == NULL || layers->kind != VALUE_LIST || layers->len == 0)
		return error_set(e, EINVAL, "a manifest without layers");
	if (layers->len > MOST_LAYERS)
		return error_set(e, E2BIG, "more than %d layers", MOST_LAYERS);
	image->layers = mem_resize(NULL, layers->len, sizeof(*image->layers));
	for (uint32_t i = 0; i < layers->len; i++) {
		if (check_layer(layers->items[i], e) == -1 ||
		    read_descriptor(layers->items[i], &image->layers[i], e) ==
			-1)
			return -1;
		image->nlayers++;
	}
	return 0;
}

/* What the configuration says must agree with what was asked for. */
static int
check_config(
    const struct choice *c, const struct oci_image *image, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *v = read_document(c, d, &image->config, e), *ids;
	const char *arch;

	if (v == NULL)
		return -1;
	arch = value_text(v, "architecture", "");
	if (strcmp(arch, c->arch) != 0)
		return error_set(e, EINVAL, "the image is for %.40s, not %s",
		    *arch != '\0' ? arch : "no architecture", c->arch);
	ids = value_get(value_get(v, "rootfs"), "diff_ids");
	if (ids == NULL || ids->kind != VALUE_LIST ||
	    ids->len != image->nlayers)
		return error_set(e, EINVAL,
		    "the configuration does not have as many layers as the "
		    "manifest");
	return 0;
}

static int
read_manifest(const struct choice *c, struct oci_image *image, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *v = read_document(c, d, &image->manifest, e);

	if (v == NULL)
		return -1;
	if (read_descriptor(value_get(v, "config"), &image->config, e) == -1)
		return error_prefix(e, "the configuration");
	if (read_layers(v, image, e) == -1)
		return -1;
	return check_config(c, image, e);
}

/* ---- the whole ------------------------------------------------------------------ */

int
oci_choose(const char *index, size_t len, const char *arch, const char *ref,
    oci_read *read, void *ctx, struct oci_image *image, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct choice c = {
		.arch = go_arch(arch), .ref = ref, .read = read, .ctx = ctx
	};
	struct oci_image new = { 0 };
	const struct value *v = doc_parse(d, index, len, "index.json", e);
	int r = v == NULL ? -1 : look_at_index(&c, v, false, 0, e);

	if (r == 0)
		r = choose(&c, e);
	strbuf_clear(&c.names);
	strbuf_clear(&c.archs);
	new.manifest = c.found[0];
	if (r == 0)
		r = read_manifest(&c, &new, e);
	if (r == -1)
		oci_image_clear(&new);
	else
		*image = new;
	return r;
}

void
oci_image_clear(struct oci_image *image)
{
	free(image->layers);
	*image = (struct oci_image){ 0 };
}
