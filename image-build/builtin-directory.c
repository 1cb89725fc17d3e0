/* SPDX-License-Identifier: Apache-2.0 */
/* directory: the root file system is a copy of a folder here. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/base.h"
#include "image-build/image-build.h"
#include "lib/contents.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

/* The build must not copy what it is just writing. */
static bool
is_below(const char *path, const char *above)
{
	size_t n = strlen(above);

	return strncmp(path, above, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/' || n == 1);
}

static int
find_directory(struct build *b, struct base_source *source, struct error *e)
{
	if (base_find(b, source, e) == -1)
		return -1;
	if (source->digest != NULL || source->signature != NULL)
		return error_set(
		    e, EINVAL, "a folder has neither digest nor signature");
	if (!file_is_dir(AT_FDCWD, source->path))
		return error_set(
		    e, ENOTDIR, "%s is not a folder", source->path);
	if (is_below(b->settings->cache, source->path) ||
	    is_below(b->tree, source->path))
		return error_set(e, EINVAL,
		    "%s holds the build's own folders (DIB_IMAGE_CACHE, "
		    "TMP_DIR)",
		    source->path);
	return 0;
}

struct listing {
	struct digest *digest;
	dev_t dev;
};

/* A changed byte shows in a file's times, so its bytes are not read. */
static int
list_entry(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct listing *l = ctx;
	own(strbuf_clear) struct strbuf line = { 0 };
	const struct stat *st = t->st;

	(void)e;
	if (t->depth == 0)
		l->dev = st->st_dev;
	strbuf_printf(&line,
	    "%s %o %u:%u %lld %lld.%09ld %lld.%09ld %llu %llx\n", t->path,
	    (unsigned)st->st_mode, (unsigned)st->st_uid, (unsigned)st->st_gid,
	    S_ISDIR(st->st_mode) ? 0 : (long long)st->st_size,
	    (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
	    (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec,
	    (unsigned long long)st->st_ino, (unsigned long long)st->st_rdev);
	digest_add(l->digest, line.s, line.len);
	return S_ISDIR(st->st_mode) && st->st_dev != l->dev;
}

/* For a lock every byte counts, not times and inode numbers. */
static int
pin(struct build *b, const struct base_source *source, struct error *e)
{
	ownp(contents_free) struct contents *c = NULL;
	own_fd int dir = -1;
	char text[DIGEST_TEXT];

	if (b->pins == NULL)
		return 0;
	dir = open(source->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return error_errno(e, "%s", source->path);
	c = contents_scan(dir, "base", CONTENTS_DIGESTS, e);
	if (c == NULL)
		return error_prefix(e, "%s", source->path);
	contents_seal(c);
	digest_print(c->root, text);
	return base_pin(b, "directory", source, text, e);
}

static int
directory_inputs(
    struct build *b, const struct step *s, struct strbuf *text, struct error *e)
{
	own(base_source_clear) struct base_source source = { 0 };
	struct listing l = { 0 };
	uint8_t sum[DIGEST_BYTES];
	char hex[DIGEST_TEXT];
	int r;

	(void)s;
	if (find_directory(b, &source, e) == -1 || pin(b, &source, e) == -1)
		return -1;
	l.digest = digest_new();
	r = tree_walk(AT_FDCWD, source.path, list_entry, &l, e);
	digest_end(l.digest, sum);
	digest_print(sum, hex);
	if (r == 0)
		strbuf_printf(text, "%s %s", source.path, hex);
	return r;
}

static int
copy_directory(struct build *b, const struct step *s, struct error *e)
{
	own(base_source_clear) struct base_source source = { 0 };
	own_fd int tree = base_open_tree(b, e);

	(void)s;
	if (tree == -1 || find_directory(b, &source, e) == -1)
		return -1;
	log_info("copying %s", source.path);
	if (tree_clone(AT_FDCWD, source.path, tree, ".", base_has_devices(tree),
		e) == -1)
		return -1;
	return base_check(b, e);
}

static const struct native_step steps[] = {
	{ "root", "10-directory", copy_directory, directory_inputs },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_directory = {
	.name = "directory",
	.summary = "begin with a copy of a folder",
	.deps = "",
	.steps = steps,
};
