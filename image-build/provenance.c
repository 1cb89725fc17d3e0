/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an image comes from: an in-toto statement (version 1) with SLSA's
 * provenance (version 1).  Elements are named with a digest of their files;
 * of the caller's variables those that are nobody's business stay out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

extern char **environ;

static void
set(struct doc *d, struct value *map, const char *name, const char *text)
{
	value_set(d, map, name, value_string(d, text));
}

static struct value *
sha256_value(struct doc *d, const uint8_t sum[DIGEST_BYTES])
{
	struct value *v = value_map(d);
	char text[DIGEST_TEXT];

	digest_print(sum, text);
	set(d, v, "sha256", text);
	return v;
}

/* ---- elements --------------------------------------------------------------- */

static int
digest_content(struct digest *sum, const struct tree_entry *t, struct error *e)
{
	own_fd int fd =
	    openat(t->dir, t->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char buffer[16384];
	ssize_t n;

	if (fd == -1)
		return error_errno(e, "%s", t->path);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		digest_add(sum, buffer, (size_t)n);
	return n == -1 ? error_errno(e, "%s", t->path) : 0;
}

/* Name, mode, size and content of each, so that no two trees are alike. */
static int
digest_entry(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct digest *sum = ctx;
	char target[4096];
	own_free char *head =
	    mem_printf("%s%c%o %lld%c", t->path, '\n', (unsigned)t->st->st_mode,
		S_ISREG(t->st->st_mode) ? (long long)t->st->st_size : 0, '\n');
	ssize_t n;

	digest_add(sum, head, strlen(head));
	if (S_ISREG(t->st->st_mode))
		return digest_content(sum, t, e);
	if (!S_ISLNK(t->st->st_mode))
		return 0;
	n = readlinkat(t->dir, t->name, target, sizeof(target));
	if (n == -1)
		return error_errno(e, "%s", t->path);
	digest_add(sum, target, (size_t)n);
	return 0;
}

static struct value *
element_value(struct doc *d, const struct element *el, struct error *e)
{
	struct value *v = value_map(d);
	struct digest *sum = digest_new();
	uint8_t out[DIGEST_BYTES];
	int r = 0;

	set(d, v, "name", el->name);
	if (el->path == NULL) {
		digest_add(sum, VERSION, strlen(VERSION));
		set(d, v, "uri", "builtin:image-build-" VERSION);
	} else {
		r = tree_walk(AT_FDCWD, el->path, digest_entry, sum, e);
	}
	digest_end(sum, out);
	value_set(d, v, "digest", sha256_value(d, out));
	return r == -1 ? NULL : v;
}

static struct value *
elements_value(struct doc *d, const struct build *b, struct error *e)
{
	struct value *list = value_list(d);

	for (size_t i = 0; i < b->nchosen; i++) {
		struct value *v = element_value(d, b->chosen[i], e);

		if (v == NULL) {
			error_prefix(e, "element %s", b->chosen[i]->name);
			return NULL;
		}
		value_add(d, list, v);
	}
	return list;
}

/* ---- the rest ------------------------------------------------------------------ */

static struct value *
variables(struct doc *d)
{
	own(strlist_clear) struct strlist names = { 0 };
	struct value *map = value_map(d);

	for (char **v = environ; *v != NULL; v++)
		if (strncmp(*v, "DIB_", 4) == 0 && strchr(*v, '=') != NULL)
			strlist_add(&names, *v);
	strlist_sort(&names);
	for (size_t i = 0; i < names.len; i++) {
		char *value = strchr(names.items[i], '=');

		*value++ = '\0';
		if (!manifest_is_secret(names.items[i]))
			set(d, map, names.items[i], value);
	}
	return map;
}

static struct value *
parameters(struct doc *d, const struct build *b)
{
	struct value *map = value_map(d), *names = value_list(d),
		     *formats = value_list(d);

	for (size_t i = 0; i < b->nchosen; i++)
		value_add(d, names, value_string(d, b->chosen[i]->name));
	for (size_t i = 0; i < b->settings->formats.len; i++)
		value_add(
		    d, formats, value_string(d, b->settings->formats.items[i]));
	value_set(d, map, "elements", names);
	value_set(d, map, "formats", formats);
	set(d, map, "architecture", b->settings->arch);
	value_set(d, map, "variables", variables(d));
	return map;
}

static struct value *
subjects(
    struct doc *d, const struct strlist *products, const struct checksum *sums)
{
	struct value *list = value_list(d);

	for (size_t i = 0; i < products->len; i++) {
		struct value *v = value_map(d);

		set(d, v, "name", path_base(products->items[i]));
		value_set(d, v, "digest", sha256_value(d, sums[i].sha256));
		value_add(d, list, v);
	}
	return list;
}

struct value *
provenance(struct doc *d, const struct build *b, const struct strlist *products,
    const struct checksum *sums, struct error *e)
{
	struct value *root = value_map(d), *predicate = value_map(d),
		     *definition = value_map(d), *run = value_map(d),
		     *builder = value_map(d), *meta = value_map(d);
	struct value *elements = elements_value(d, b, e);

	if (elements == NULL)
		return NULL;
	set(d, root, "_type", "https://in-toto.io/Statement/v1");
	value_set(d, root, "subject", subjects(d, products, sums));
	set(d, root, "predicateType", "https://slsa.dev/provenance/v1");
	set(d, definition, "buildType", "urn:ingot:image-build:1");
	value_set(d, definition, "externalParameters", parameters(d, b));
	value_set(d, definition, "resolvedDependencies", elements);
	set(d, builder, "id", "urn:ingot:image-build");
	value_set(d, run, "builder", builder);
	value_set(d, meta, "finishedOn", inventory_time(d, b));
	value_set(d, run, "metadata", meta);
	value_set(d, predicate, "buildDefinition", definition);
	value_set(d, predicate, "runDetails", run);
	value_set(d, root, "predicate", predicate);
	return root;
}
