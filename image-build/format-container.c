/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives with one layer for containers: as docker save makes them, and of
 * the Open Container Initiative (image-spec 1.0, image-layout).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image-build/format.h"
#include "image-build/image-build.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tar.h"
#include "lib/tree.h"

#define OCI "application/vnd.oci.image."

struct container {
	const struct format_job *job;
	char *dir; /* what becomes the archive */
	char layer[DIGEST_TEXT]; /* digest of the uncompressed layer */
	char config[DIGEST_TEXT];
	uint64_t layer_bytes, config_bytes;
};

static void
container_clear(struct container *c)
{
	struct error none;

	if (c->dir != NULL)
		(void)tree_remove(AT_FDCWD, c->dir, &none);
	free(c->dir);
}

static int
put(struct container *c, const char *name, const struct strbuf *text,
    struct error *e)
{
	own_free char *path = path_join(c->dir, name);

	return file_put(AT_FDCWD, path, 0644, strbuf_text(text), text->len, e);
}

/* ---- the layer -------------------------------------------------------------- */

static int
make_layer(struct container *c, const char *folder, struct error *e)
{
	own_free char *path = path_join(c->dir, "layer");
	own_free char *name = NULL, *to = NULL;
	own_fd int fd =
	    open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	const struct tar_output out = { .fd = fd,
		.epoch = c->job->settings->epoch };

	if (fd == -1)
		return error_errno(e, "%s", path);
	if (tar_create(AT_FDCWD, c->job->tree, &out, e) == -1)
		return -1;
	if (lseek(fd, 0, SEEK_SET) == -1 ||
	    digest_file(fd, c->layer, &c->layer_bytes) == -1)
		return error_errno(e, "%s", path);
	name = mem_printf("%s%s", folder, c->layer);
	to = path_join(c->dir, name);
	return rename(path, to) == -1 ? error_errno(e, "%s", to) : 0;
}

/* ---- the documents ------------------------------------------------------------ */

static int
make_config(struct container *c, const char *folder, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *root = value_map(d), *fs = value_map(d),
		     *ids = value_list(d);
	own_free char *diff = mem_printf("sha256:%s", c->layer), *name = NULL;
	time_t now = (time_t)c->job->now;
	struct tm tm;
	char made[32];

	gmtime_r(&now, &tm);
	strftime(made, sizeof(made), "%Y-%m-%dT%H:%M:%SZ", &tm);
	value_set_text(d, root, "created", made);
	value_set_text(d, root, "architecture", c->job->settings->arch);
	value_set_text(d, root, "os", "linux");
	value_set(d, root, "config", value_map(d));
	value_set_text(d, fs, "type", "layers");
	value_add(d, ids, value_string(d, diff));
	value_set(d, fs, "diff_ids", ids);
	value_set(d, root, "rootfs", fs);
	value_print(root, STYLE_UTF8, &text);
	digest_text(strbuf_text(&text), text.len, c->config);
	c->config_bytes = text.len;
	name = mem_printf("%s%s", folder, c->config);
	return put(c, name, &text, e);
}

static struct value *
descriptor(struct doc *d, const char *type, const char *sum, uint64_t bytes)
{
	own_free char *digest = mem_printf("sha256:%s", sum);
	own_free char *media = mem_printf(OCI "%s", type);
	struct value *v = value_map(d);

	value_set_text(d, v, "mediaType", media);
	value_set_text(d, v, "digest", digest);
	value_set(d, v, "size", value_int(d, (long long)bytes));
	return v;
}

static struct value *
versioned(struct doc *d, const char *type)
{
	own_free char *media = mem_printf(OCI "%s", type);
	struct value *v = value_map(d);

	value_set(d, v, "schemaVersion", value_int(d, 2));
	value_set_text(d, v, "mediaType", media);
	return v;
}

static int
make_oci(struct container *c, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 }, layout = { 0 };
	struct value *manifest = versioned(d, "manifest.v1+json");
	struct value *index = versioned(d, "index.v1+json");
	struct value *layers = value_list(d), *all = value_list(d), *entry;
	struct value *notes = value_map(d);
	char sum[DIGEST_TEXT];
	own_free char *name = NULL;

	value_set(d, manifest, "config",
	    descriptor(d, "config.v1+json", c->config, c->config_bytes));
	value_add(
	    d, layers, descriptor(d, "layer.v1.tar", c->layer, c->layer_bytes));
	value_set(d, manifest, "layers", layers);
	value_print(manifest, STYLE_UTF8, &text);
	digest_text(strbuf_text(&text), text.len, sum);
	name = mem_printf("blobs/sha256/%s", sum);
	if (put(c, name, &text, e) == -1)
		return -1;
	entry = descriptor(d, "manifest.v1+json", sum, text.len);
	value_set_text(d, notes, "org.opencontainers.image.ref.name", "latest");
	value_set(d, entry, "annotations", notes);
	value_add(d, all, entry);
	value_set(d, index, "manifests", all);
	strbuf_cut(&text, 0);
	value_print(index, STYLE_UTF8, &text);
	strbuf_puts(&layout, "{\"imageLayoutVersion\": \"1.0.0\"}");
	if (put(c, "index.json", &text, e) == -1)
		return -1;
	return put(c, "oci-layout", &layout, e);
}

static int
make_docker(struct container *c, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	const struct settings *s = c->job->settings;
	own_free char *tag = s->docker_target != NULL
	    ? mem_dup(s->docker_target)
	    : mem_printf("%s:latest", path_base(s->name));
	struct value *list = value_list(d), *one = value_map(d);
	struct value *tags = value_list(d), *layers = value_list(d);

	value_add(d, tags, value_string(d, tag));
	value_add(d, layers, value_string(d, c->layer));
	value_set_text(d, one, "Config", c->config);
	value_set(d, one, "RepoTags", tags);
	value_set(d, one, "Layers", layers);
	value_add(d, list, one);
	value_print(list, STYLE_UTF8, &text);
	return put(c, "manifest.json", &text, e);
}

/* ---- the archive --------------------------------------------------------------- */

/* The folder is ours, the times in the archive are the image's. */
static int
set_time(void *ctx, const struct tree_entry *t, struct error *e)
{
	const struct format_job *job = ctx;
	const struct timespec times[2] = { { .tv_sec = (time_t)job->now },
		{ .tv_sec = (time_t)job->now } };

	if (utimensat(t->dir, t->name, times, AT_SYMLINK_NOFOLLOW) == -1)
		return error_errno(e, "%s", t->path);
	return 0;
}

static int
pack(struct container *c, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };
	struct tar_output out = { .epoch = c->job->now };
	struct format_job job = *c->job;

	if (tree_walk(AT_FDCWD, c->dir, set_time, &job, e) == -1 ||
	    file_begin(&w, AT_FDCWD, c->job->output, 0644, e) == -1)
		return -1;
	out.fd = w.fd;
	if (tar_create(AT_FDCWD, c->dir, &out, e) == -1)
		return -1;
	return file_publish(&w, e);
}

static int
write_container(const struct format_job *job, const char *folder,
    int (*describe)(struct container *, struct error *), struct error *e)
{
	own(container_clear) struct container c = { .job = job };
	own_free char *blobs = NULL;

	c.dir =
	    mem_printf("%s/container-%s", job->scratch, path_base(job->output));
	blobs = mem_printf("%s/%s", c.dir, folder);
	if (file_mkdirs(AT_FDCWD, blobs, 0755, e) == -1 ||
	    make_layer(&c, folder, e) == -1 ||
	    make_config(&c, folder, e) == -1 || describe(&c, e) == -1)
		return -1;
	return pack(&c, e);
}

static int
write_oci(const struct format_job *job, struct error *e)
{
	return write_container(job, "blobs/sha256/", make_oci, e);
}

static int
write_docker(const struct format_job *job, struct error *e)
{
	return write_container(job, "", make_docker, e);
}

const struct format_kind format_oci = {
	.name = "oci",
	.summary = "the tree as a container image",
	.ending = "oci.tar",
	.archive = true,
	.write = write_oci,
};

const struct format_kind format_docker = {
	.name = "docker",
	.summary = "the same for docker load",
	.ending = "docker.tar",
	.archive = true,
	.write = write_docker,
};
