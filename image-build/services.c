/* SPDX-License-Identifier: Apache-2.0 */
/* svc-map: what a service is called on the target's distribution. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/yaml.h"

/* Only these, unlike packages: that is how svc-map has it. */
static const char *
family_of(const char *distro)
{
	if (strcmp(distro, "centos") == 0 || strcmp(distro, "fedora") == 0 ||
	    strcmp(distro, "rhel") == 0 || strcmp(distro, "centos7") == 0 ||
	    strcmp(distro, "rhel7") == 0)
		return "redhat";
	if (strcmp(distro, "debian") == 0 || strcmp(distro, "ubuntu") == 0)
		return "debian";
	return strcmp(distro, "opensuse") == 0 ? "suse" : "";
}

static const char *
mapped(const struct value *names, const char *service, const char *distro)
{
	const char *name = value_text(names, distro, NULL);

	if (name == NULL)
		name = value_text(names, family_of(distro), NULL);
	if (name == NULL)
		name = value_text(names, "default", NULL);
	return name != NULL ? name : service;
}

/* A map of strings. */
static int
check_service(const struct member *m, const char *path, struct error *e)
{
	const struct value *v = m->value;

	if (v->kind == VALUE_NULL)
		return 0;
	if (v->kind != VALUE_MAP)
		return error_set(e, EINVAL, "%s: %s: wants a map, not %s", path,
		    m->name, value_kind_name(v));
	for (uint32_t i = 0; i < v->len; i++) {
		const struct member name = value_member(v, i);

		if (name.value->kind != VALUE_STRING)
			return error_set(e, EINVAL,
			    "%s: %s: %s: wants a string, not %s", path, m->name,
			    name.name, value_kind_name(name.value));
	}
	return 0;
}

static int
add_map(struct doc *d, const struct value *map, const char *path,
    const char *distro, struct value *all, struct error *e)
{
	if (map->kind != VALUE_MAP)
		return error_set(e, EINVAL, "%s: wants a map, not %s", path,
		    value_kind_name(map));
	for (uint32_t i = 0; i < map->len; i++) {
		const struct member m = value_member(map, i);

		if (check_service(&m, path, e) == -1)
			return -1;
		if (value_get(all, m.name) != NULL)
			return error_set(e, EEXIST,
			    "%s: %s already found in services list", path,
			    m.name);
		value_set(d, all, m.name,
		    value_string(d, mapped(m.value, m.name, distro)));
	}
	return 0;
}

int
services_map(const struct build *b, const char *distro, struct strbuf *text,
    struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *all = value_map(d);

	for (size_t i = 0; i < b->nchosen; i++) {
		const struct element *el = b->chosen[i];
		own_free char *path = NULL;
		const struct value *map;

		if (el->path == NULL)
			continue;
		path = path_join(el->path, "svc-map");
		if (!file_exists(AT_FDCWD, path))
			continue;
		map = yaml_load(d, AT_FDCWD, path, e);
		if (map == NULL || add_map(d, map, path, distro, all, e) == -1)
			return error_prefix(e, "element %s", el->name);
	}
	for (uint32_t i = 0; i < all->len; i++) {
		const struct member m = value_member(all, i);

		strbuf_printf(text, "%s: %s\n", m.name, m.value->text);
	}
	return 0;
}
