/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg-map: the maps from an element's package names to the distribution's.
 */
#include <fcntl.h>

#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define MAPS "usr/share/pkg-map"

static void
add_names(const struct value *names, struct strlist *all)
{
	for (uint32_t i = 0;
	     names != NULL && names->kind == VALUE_MAP && i < names->len; i++)
		if (!strlist_has(all, value_member(names, i).name))
			strlist_add(all, value_member(names, i).name);
}

/* Every name of a map with what it means here: "name<tab>packages" lines. */
static void
resolve(const struct build *b, const struct value *map, struct strbuf *lines)
{
	const char *distro = strlist_env_get(&b->phase_env, "DISTRO_NAME");
	const char *release = strlist_env_get(&b->phase_env, "DIB_RELEASE");
	const char *family;
	own(strlist_clear) struct strlist names = { 0 };

	distro = distro != NULL ? distro : "";
	release = release != NULL ? release : "";
	family = packages_family(distro);
	add_names(value_get(map, "default"), &names);
	if (family != NULL)
		add_names(value_get(value_get(map, "family"), family), &names);
	add_names(value_get(value_get(map, "distro"), distro), &names);
	add_names(packages_release_names(map, distro, release), &names);
	for (size_t i = 0; i < names.len; i++)
		strbuf_printf(lines, "%s\t%s\n", names.items[i],
		    packages_map_value(map, names.items[i], distro, release));
}

static int
copy_map(struct build *b, const struct element *el, struct error *e)
{
	own_free char *from = path_join(el->path, "pkg-map");
	own_free char *to = path_join(MAPS, el->name);
	own_free char *resolved = path_join(MAPS "/.resolved", el->name);
	own(strbuf_clear) struct strbuf text = { 0 }, lines = { 0 };
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *map;

	if (!file_exists(AT_FDCWD, from))
		return 0;
	if (file_read(AT_FDCWD, from, LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	map = doc_parse(d, strbuf_text(&text), text.len, from, e);
	if (map == NULL || packages_map_check(map, from, e) == -1)
		return -1;
	resolve(b, map, &lines);
	if (target_put(b->tree, to, 0644, &text, e) == -1)
		return -1;
	return target_put(b->tree, resolved, 0644, &lines, e);
}

static int
copy_maps(struct build *b, const struct step *s, struct error *e)
{
	(void)s;
	for (size_t i = 0; i < b->nchosen; i++) {
		const struct element *el = b->chosen[i];

		if (el->path != NULL && copy_map(b, el, e) == -1)
			return error_prefix(e, "element %s", el->name);
	}
	return 0;
}

static const struct native_step pkg_map_steps[] = {
	{ "extra-data", "10-create-pkg-map-dir", copy_maps, NULL },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_pkg_map = {
	.name = "pkg-map",
	.summary = "what packages are called on the target's distribution",
	.deps = "install-bin",
	.steps = pkg_map_steps,
};
