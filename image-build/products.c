/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the last build of the same name made, and from what: if the tree and
 * all that shapes the disk are the same, and nobody touched the files, there
 * is nothing to make.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image-build/image-build.h"
#include "image-build/snapshot.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

/* Everything that the products depend on. */
static void
products_id(const struct build *b, char id[DIGEST_TEXT])
{
	const struct settings *s = b->settings;
	const char *const words[] = { snapshot_key(b), b->layout_text, s->arch,
		s->image_size, s->extra_size, s->journal_size, s->root_label,
		s->root_type, s->mkfs_options, s->qemu_options };
	own(strbuf_clear) struct strbuf all = { 0 };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		strbuf_printf(&all, "%s%c", words[i] ? words[i] : "-", 0);
	for (size_t i = 0; i < s->formats.len; i++)
		strbuf_printf(&all, "%s,", s->formats.items[i]);
	strbuf_printf(&all, "%d %d %lld %s", s->uncompressed, s->checksum,
	    (long long)s->epoch, s->name);
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

bool
products_current(const struct build *b, struct strlist *paths)
{
	own(strlist_clear) struct strlist states = { 0 };
	char id[DIGEST_TEXT];
	struct error e;

	if (b->snapshots == NULL)
		return false;
	products_id(b, id);
	if (snapshot_recall(b, id, &states, &e) != 1)
		return false;
	for (size_t i = 0; i < states.len; i++) {
		const char *path = strchr(states.items[i], '/');
		own_free char *now = path != NULL ? state_of(path) : NULL;

		if (now == NULL || strcmp(now, states.items[i]) != 0) {
			strlist_clear(paths);
			return false;
		}
		strlist_add(paths, path);
	}
	return states.len > 0;
}

int
products_remember(
    const struct build *b, const struct strlist *paths, struct error *e)
{
	own(strlist_clear) struct strlist states = { 0 };
	char id[DIGEST_TEXT];

	if (b->snapshots == NULL)
		return 0;
	products_id(b, id);
	for (size_t i = 0; i < paths->len; i++) {
		own_free char *path = realpath(paths->items[i], NULL);
		own_free char *state = path != NULL ? state_of(path) : NULL;

		if (state == NULL)
			return error_errno(e, "%s", paths->items[i]);
		strlist_add(&states, state);
	}
	return snapshot_remember(b, id, &states, e);
}
