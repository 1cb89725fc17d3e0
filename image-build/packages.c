/* SPDX-License-Identifier: Apache-2.0 */
/*
 * package-installs and pkg-map: declarative packages, read natively by the
 * rules of the elements of those names.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/yaml.h"

/* ---- lists ------------------------------------------------------------- */

static ssize_t
list_find(const struct package_list *l, const char *name)
{
	for (size_t i = 0; i < l->len; i++)
		if (strcmp(l->items[i].name, name) == 0)
			return (ssize_t)i;
	return -1;
}

static void
list_add(struct package_list *l, const char *name, const char *element)
{
	for (size_t i = 0; i < l->len; i++)
		if (strcmp(l->items[i].name, name) == 0 &&
		    strcmp(l->items[i].element, element) == 0)
			return;
	l->items = mem_grow(l->items, &l->cap, l->len + 1, sizeof(*l->items));
	l->items[l->len++] = (struct package){ .name = mem_dup(name),
		.element = mem_dup(element) };
}

static void
list_drop(struct package_list *l, const char *name)
{
	for (size_t i = 0; i < l->len;) {
		if (strcmp(l->items[i].name, name) != 0) {
			i++;
			continue;
		}
		free(l->items[i].name);
		free(l->items[i].element);
		memmove(l->items + i, l->items + i + 1,
		    (--l->len - i) * sizeof(*l->items));
	}
}

void
packages_list_clear(struct package_list *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->items[i].name);
		free(l->items[i].element);
	}
	free(l->items);
	*l = (struct package_list){ 0 };
}

void
packages_clear(struct package_plan *plan)
{
	for (int p = 0; p < PACKAGES_N; p++) {
		packages_list_clear(&plan->install[p]);
		packages_list_clear(&plan->uninstall[p]);
	}
}

/* ---- conditions -------------------------------------------------------- */

struct entry {
	const char *source; /* file, for messages */
	const char *element, *package;
	const struct value *params; /* a map, or NULL */
	const struct strlist *env;
};

static int
bad(const struct entry *x, const char *key, const char *what, struct error *e)
{
	return error_set(
	    e, EINVAL, "%s: %s: %s: %s", x->source, x->package, key, what);
}

/* A parameter as text; NULL when it is absent or null. */
static const char *
param(const struct entry *x, const char *key)
{
	const struct value *v = value_get(x->params, key);

	if (v == NULL || v->kind == VALUE_NULL)
		return NULL;
	return v->kind == VALUE_STRING || v->kind == VALUE_NUMBER ? v->text
								  : "";
}

/* Those that are text: a list where text belongs would match nothing. */
static int
check_params(const struct entry *x, struct error *e)
{
	static const char *const names[] = { "phase", "arch", "not-arch",
		"installtype", "dib_python_version", NULL };

	for (const char *const *n = names; *n != NULL; n++) {
		const struct value *v = value_get(x->params, *n);

		if (v != NULL && v->kind != VALUE_NULL &&
		    v->kind != VALUE_STRING && v->kind != VALUE_NUMBER)
			return bad(x, *n, "wants a string", e);
	}
	return 0;
}

/* uninstall and build-only: presence counts, an explicit false does not. */
static bool
flag(const struct entry *x, const char *key)
{
	const struct value *v = value_get(x->params, key);

	if (v == NULL)
		return false;
	if (v->kind == VALUE_BOOL && !v->truth) {
		log_warn("%s: %s: %s: false is taken at its word", x->source,
		    x->package, key);
		return false;
	}
	return true;
}

/* Whether word is one of a comma list, blanks around each being nothing. */
static bool
in_commas(const char *list, const char *word)
{
	own(strlist_clear) struct strlist parts = { 0 };

	strlist_split(&parts, list, ", \t");
	return strlist_has(&parts, word);
}

static bool
arch_fits(const struct entry *x)
{
	const char *arch = strlist_env_get(x->env, "ARCH");
	const char *only = param(x, "arch"), *not = param(x, "not-arch");

	if (arch == NULL)
		arch = "";
	if (only != NULL)
		return in_commas(only, arch);
	return not == NULL || !in_commas(not, arch);
}

/* The install type chosen for an element. */
static const char *
install_type(const struct strlist *env, const char *element)
{
	own_free char *name = mem_printf("DIB_INSTALLTYPE_%s", element);
	const char *v;

	for (char *s = name; *s != '\0'; s++)
		if (*s == '-')
			*s = '_';
	v = strlist_env_get(env, name);
	if (v == NULL)
		v = strlist_env_get(env, "DIB_DEFAULT_INSTALLTYPE");
	return v != NULL ? v : "source";
}

/* "VAR = value" or "VAR != value"; the value runs to the end. */
static int
condition(const struct entry *x, const char *text, bool *holds, struct error *e)
{
	const char *s = text;
	own_free char *name = NULL;
	const char *value;
	bool equal;

	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	name = mem_dupn(text, (size_t)(s - text));
	while (isspace((unsigned char)*s))
		s++;
	equal = *s == '=';
	if (*name == '\0' || (!equal && strncmp(s, "!=", 2) != 0))
		return bad(x, "when", "wants VAR = value or VAR != value", e);
	s += equal ? 1 : 2;
	while (isspace((unsigned char)*s))
		s++;
	value = strlist_env_get(x->env, name);
	if (value == NULL)
		return error_set(e, EINVAL, "%s: %s: when: %s is not set",
		    x->source, x->package, name);
	*holds = (strcmp(value, s) == 0) == equal;
	return 0;
}

static int
conditions(const struct entry *x, bool *holds, struct error *e)
{
	const struct value *v = value_get(x->params, "when");

	*holds = true;
	if (v == NULL || v->kind == VALUE_NULL)
		return 0;
	if (v->kind == VALUE_STRING)
		return condition(x, v->text, holds, e);
	if (v->kind != VALUE_LIST)
		return bad(x, "when", "wants a string or a list of strings", e);
	for (uint32_t i = 0; i < v->len; i++) {
		bool one;

		if (v->items[i]->kind != VALUE_STRING)
			return bad(x, "when", "wants a list of strings", e);
		if (condition(x, v->items[i]->text, &one, e) == -1)
			return -1;
		*holds = *holds && one;
	}
	return 0;
}

/*
 * The conditions come last: what another parameter leaves out may ask for a
 * variable that is not set here.
 */
static int
wanted(const struct entry *x, bool *yes, struct error *e)
{
	const char *type = param(x, "installtype");
	const char *python = param(x, "dib_python_version");
	const char *have = strlist_env_get(x->env, "DIB_PYTHON_VERSION");

	*yes = false;
	if (check_params(x, e) == -1)
		return -1;
	if (param(x, "arch") != NULL && param(x, "not-arch") != NULL)
		return bad(x, "arch", "given together with not-arch", e);
	if (type != NULL && strcmp(type, install_type(x->env, x->element)) != 0)
		return 0;
	if (python != NULL && strcmp(python, have != NULL ? have : "") != 0)
		return 0;
	return arch_fits(x) ? conditions(x, yes, e) : 0;
}

/* ---- package-installs -------------------------------------------------- */

static int
phase_of(const struct entry *x)
{
	const char *phase = param(x, "phase");

	if (phase == NULL || strcmp(phase, "install.d") == 0)
		return PACKAGES_INSTALL;
	if (strcmp(phase, "pre-install.d") == 0)
		return PACKAGES_PRE;
	if (strcmp(phase, "post-install.d") == 0)
		return PACKAGES_POST;
	log_warn(
	    "%s: %s: phase %s installs nothing", x->source, x->package, phase);
	return -1;
}

static int
add_entry(const struct entry *x, struct package_plan *plan, struct error *e)
{
	struct package_list *in, *out;
	bool yes, was;
	int phase;

	if (wanted(x, &yes, e) == -1)
		return -1;
	phase = phase_of(x);
	if (!yes || phase == -1)
		return 0;
	in = &plan->install[phase];
	out = &plan->uninstall[phase];
	was =
	    list_find(in, x->package) != -1 && list_find(out, x->package) == -1;
	if (flag(x, "uninstall")) {
		if (!was)
			list_add(out, x->package, x->element);
	} else if (flag(x, "build-only")) {
		list_add(in, x->package, x->element);
		if (!was)
			list_add(out, x->package, x->element);
	} else {
		list_drop(out, x->package);
		list_add(in, x->package, x->element);
	}
	return 0;
}

static int
add_package(struct entry *x, const struct value *v, struct package_plan *plan,
    struct error *e)
{
	if (v->kind == VALUE_LIST) {
		for (uint32_t i = 0; i < v->len; i++)
			if (add_package(x, v->items[i], plan, e) == -1)
				return -1;
		return 0;
	}
	if (v->kind != VALUE_MAP && v->kind != VALUE_NULL &&
	    !(v->kind == VALUE_STRING && v->len == 0))
		return error_set(e, EINVAL,
		    "%s: %s: wants a map of parameters, not %s", x->source,
		    x->package, value_kind_name(v));
	x->params = v->kind == VALUE_MAP ? v : NULL;
	return add_entry(x, plan, e);
}

/* A file that may be JSON or YAML, whatever it is called. */
static struct value *
load(struct doc *d, const char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v;

	if (file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, &text, e) == -1)
		return NULL;
	v = doc_parse(d, strbuf_text(&text), text.len, path, e);
	return v != NULL ? v
			 : yaml_parse(d, strbuf_text(&text), text.len, path, e);
}

static int
add_file(const char *path, const char *element, const struct strlist *env,
    struct package_plan *plan, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *all;

	if (!file_exists(AT_FDCWD, path))
		return 0;
	all = load(d, path, e);
	if (all == NULL)
		return -1;
	if (all->kind == VALUE_NULL)
		return 0;
	if (all->kind != VALUE_MAP)
		return error_set(e, EINVAL, "%s: wants a map, not %s", path,
		    value_kind_name(all));
	for (uint32_t i = 0; i < all->len; i++) {
		const struct member m = value_member(all, i);
		struct entry x = { .source = path,
			.element = element,
			.package = m.name,
			.env = env };

		if (add_package(&x, m.value, plan, e) == -1)
			return -1;
	}
	return 0;
}

static int
add_element(const char *dir, const char *element, const struct strlist *env,
    struct package_plan *plan, struct error *e)
{
	own_free char *json = path_join(dir, "package-installs.json");
	own_free char *yaml = path_join(dir, "package-installs.yaml");

	if (add_file(json, element, env, plan, e) == -1 ||
	    add_file(yaml, element, env, plan, e) == -1)
		return error_prefix(e, "element %s", element);
	return 0;
}

int
packages_plan(const struct build *b, const struct strlist *env,
    struct package_plan *plan, struct error *e)
{
	for (size_t i = 0; i < b->nchosen; i++) {
		const struct element *el = b->chosen[i];
		bool found = false;

		/* Overridden elements of the name have their say too. */
		for (size_t k = 0; k < b->all->path.len; k++) {
			own_free char *dir =
			    path_join(b->all->path.items[k], el->name);

			found |= el->path != NULL && file_exists(AT_FDCWD, dir);
			if (add_element(dir, el->name, env, plan, e) == -1)
				return -1;
		}
		/* One reached by a symlink of another name. */
		if (el->path != NULL && !found &&
		    add_element(el->path, el->name, env, plan, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- pkg-map ----------------------------------------------------------- */

const char *
packages_family(const char *distro)
{
	static const struct {
		const char *distro, *family;
	} families[] = { { "almalinux", "redhat" }, { "fedora", "redhat" },
		{ "rhel", "redhat" }, { "rhel7", "redhat" },
		{ "centos", "redhat" }, { "centos7", "redhat" },
		{ "openeuler", "redhat" }, { "rocky", "redhat" },
		{ "debian", "debian" }, { "ubuntu", "debian" },
		{ "opensuse", "suse" }, { "gentoo", "gentoo" } };

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (strcmp(distro, families[i].distro) == 0)
			return families[i].family;
	return NULL;
}

const struct value *
packages_release_names(
    const struct value *map, const char *distro, const char *release)
{
	const struct value *releases =
	    value_get(value_get(map, "release"), distro);

	return value_get(
	    releases, strcmp(release, "8-stream") == 0 ? "8" : release);
}

const char *
packages_map_value(const struct value *map, const char *name,
    const char *distro, const char *release)
{
	const char *family = packages_family(distro);
	const struct value *from[] = {
		packages_release_names(map, distro, release),
		value_get(value_get(map, "distro"), distro),
		family == NULL ? NULL
			       : value_get(value_get(map, "family"), family),
		value_get(map, "default"),
	};

	for (size_t i = 0; i < 4; i++)
		if (value_get(from[i], name) != NULL)
			return value_text(from[i], name, "");
	return NULL;
}

/* Maps in maps, depth of them, with strings in the innermost. */
static int
check_names(
    const struct value *v, const char *what, unsigned depth, struct error *e)
{
	if (depth == 0)
		return v->kind == VALUE_STRING
		    ? 0
		    : error_set(e, EINVAL, "%s: wants a string, not %s", what,
			  value_kind_name(v));
	if (v->kind != VALUE_MAP)
		return error_set(e, EINVAL, "%s: wants a map, not %s", what,
		    value_kind_name(v));
	for (uint32_t i = 0; i < v->len; i++) {
		const struct member m = value_member(v, i);

		if (check_names(m.value, m.name, depth - 1, e) == -1)
			return error_prefix(e, "%s", what);
	}
	return 0;
}

int
packages_map_check(const struct value *map, const char *path, struct error *e)
{
	static const struct {
		const char *name;
		unsigned depth;
	} sections[] = { { "default", 1 }, { "family", 2 }, { "distro", 2 },
		{ "release", 3 } };

	if (map->kind != VALUE_MAP)
		return error_set(e, EINVAL, "%s: wants a map, not %s", path,
		    value_kind_name(map));
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		const struct value *v = value_get(map, sections[i].name);

		if (v != NULL &&
		    check_names(v, sections[i].name, sections[i].depth, e) ==
			-1)
			return error_prefix(e, "%s", path);
	}
	return 0;
}

const struct value *
packages_map_load(struct doc *d, const char *path, struct error *e)
{
	const struct value *map = doc_load(d, AT_FDCWD, path, e);

	return map == NULL || packages_map_check(map, path, e) == -1 ? NULL
								     : map;
}

void
packages_map_name(const struct value *map, const char *name, const char *distro,
    const char *release, struct strlist *names)
{
	const char *value = packages_map_value(map, name, distro, release);
	own(strlist_clear) struct strlist words = { 0 };

	strlist_split(&words, value != NULL ? value : name, " \t\n");
	for (size_t i = 0; i < words.len; i++)
		if (!strlist_has(names, words.items[i]))
			strlist_add(names, words.items[i]);
}

static const struct value *
load_map(
    const struct build *b, struct doc *d, const char *element, struct error *e)
{
	const struct element *el = elements_find(b->all, element);
	own_free char *path = NULL;

	if (el == NULL || el->path == NULL)
		return value_map(d);
	path = path_join(el->path, "pkg-map");
	if (!file_exists(AT_FDCWD, path))
		return value_map(d);
	return packages_map_load(d, path, e);
}

int
packages_map(const struct build *b, const struct strlist *env,
    const struct package_list *list, struct strlist *names, struct error *e)
{
	const char *distro = strlist_env_get(env, "DISTRO_NAME");
	const char *release = strlist_env_get(env, "DIB_RELEASE");

	for (size_t i = 0; i < list->len; i++) {
		ownp(doc_free) struct doc *d = doc_new();
		const struct value *map =
		    load_map(b, d, list->items[i].element, e);

		if (map == NULL)
			return error_prefix(
			    e, "element %s", list->items[i].element);
		packages_map_name(map, list->items[i].name,
		    distro != NULL ? distro : "",
		    release != NULL ? release : "", names);
	}
	return 0;
}

unsigned
packages_count(const char *tree)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error none;
	unsigned n = 0;

	if (target_read(tree, "var/lib/dpkg/status", LIMIT_DOC_BYTES, &text,
		&none) == -1)
		return 0;
	for (const char *s = strbuf_text(&text); s != NULL;
	     s = strchr(s, '\n')) {
		s += *s == '\n';
		if (strncmp(s, "Status: install ok installed", 28) == 0)
			n++;
	}
	return n;
}
