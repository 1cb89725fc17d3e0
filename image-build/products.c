/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the last build of the same name made, and from what: if the tree and
 * all that shapes the disk are the same, and nobody touched the files, there
 * is nothing to make.  What stands beside the image counts like the image.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "image-build/snapshot.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define PRODUCT 'p' /* in front of a file's state: its path is told */
#define COMPANION 'c'

/* Everything that the products depend on. */
static void
products_id(const struct build *b, char id[DIGEST_TEXT])
{
	const struct settings *s = b->settings;
	const char *const words[] = { snapshot_key(b), b->layout_text, s->arch,
		s->image_size, s->extra_size, s->journal_size, s->root_label,
		s->root_type, s->mkfs_options, s->qemu_options,
		s->docker_target };
	own(strbuf_clear) struct strbuf all = { 0 };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		strbuf_printf(&all, "%s%c", words[i] ? words[i] : "-", 0);
	for (size_t i = 0; i < s->formats.len; i++)
		strbuf_printf(&all, "%s,", s->formats.items[i]);
	strbuf_printf(
	    &all, "%d%d ", checksum_wanted("md5"), checksum_wanted("sha256"));
	strbuf_printf(&all, "%d %d %lld %s%c%s%c%s%c%s", s->uncompressed,
	    s->checksum, (long long)s->epoch, s->name, 0,
	    s->sign != NULL ? s->sign : "-", 0,
	    s->image_version != NULL ? s->image_version : "-", 0,
	    s->expires != NULL ? s->expires : "-");
	for (size_t i = 0; i < s->budgets.len; i++)
		strbuf_printf(&all, "%c%s", 0, s->budgets.items[i]);
	digest_text(strbuf_text(&all), all.len, id);
}

/* A file by what changes when anybody writes to it. */
static char *
state_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return NULL;
	return mem_printf("%llu %lld %lld.%09ld %lld.%09ld %s",
	    (unsigned long long)st.st_ino, (long long)st.st_size,
	    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
	    (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, path);
}

/* Every file that belongs to the products: documents, sums, the signature. */
static void
add_companions(const struct settings *s, const struct strlist *products,
    struct strlist *all)
{
	static const char *const documents[] = { "origins", "manifest.json",
		"provenance.json", "spdx.json", "cdx.json", "build.json",
		"html", "contents" };
	static const char *const sums[] = { "md5", "sha256" };

	strlist_add_all(all, products);
	for (size_t k = 0; s->checksum && k < 2; k++)
		for (size_t i = 0; i < products->len; i++)
			if (checksum_wanted(sums[k]))
				strlist_printf(
				    all, "%s.%s", products->items[i], sums[k]);
	for (size_t i = 0; i < sizeof(documents) / sizeof(*documents); i++)
		strlist_printf(all, "%s.%s", s->name, documents[i]);
	if (s->sign != NULL)
		strlist_printf(all, "%s.manifest.json.sig", s->name);
}

/* The path as a build that makes the file tells it. */
static char *
as_told(const struct settings *s, const char *path)
{
	own_free char *folder = path_dir(s->name);

	return strchr(s->name, '/') == NULL
	    ? mem_dup(path_base(path))
	    : path_join(folder, path_base(path));
}

bool
products_current(const struct build *b, struct strlist *paths)
{
	own(strlist_clear) struct strlist states = { 0 };
	char id[DIGEST_TEXT];
	struct error e;

	products_id(b, id);
	if (snapshot_recall(b, id, &states, &e) != 1)
		return false;
	for (size_t i = 0; i < states.len; i++) {
		const char *path = strchr(states.items[i], '/');
		own_free char *now = path != NULL ? state_of(path) : NULL;
		bool is_product = *states.items[i] == PRODUCT;

		if (now == NULL || strcmp(now, states.items[i] + 1) != 0) {
			strlist_clear(paths);
			return false;
		}
		if (is_product)
			strlist_take(paths, as_told(b->settings, path));
	}
	return paths->len > 0;
}

int
products_remember(
    const struct build *b, const struct strlist *paths, struct error *e)
{
	own(strlist_clear) struct strlist states = { 0 }, all = { 0 };
	char id[DIGEST_TEXT];

	products_id(b, id);
	add_companions(b->settings, paths, &all);
	for (size_t i = 0; i < all.len; i++) {
		own_free char *path = realpath(all.items[i], NULL);
		own_free char *state = path != NULL ? state_of(path) : NULL;

		if (state == NULL)
			return error_errno(e, "%s", all.items[i]);
		strlist_printf(&states, "%c%s",
		    i < paths->len ? PRODUCT : COMPANION, state);
	}
	return snapshot_remember(b, id, &states, e);
}
