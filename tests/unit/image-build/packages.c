/* SPDX-License-Identifier: Apache-2.0 */
/* package-installs and pkg-map by the rules of the element contract. */
#include <fcntl.h>
#include <stdlib.h>

#include "image-build/image-build.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static char root[] = "/tmp/packages.XXXXXX";

static void
write_file(const char *name, const char *text)
{
	struct error e;
	own_free char *path = path_join(root, name);
	own_free char *dir = path_dir(path);

	CHECK(file_mkdirs(AT_FDCWD, dir, 0755, &e) == 0);
	CHECK(file_replace(AT_FDCWD, path, 0644, text, strlen(text), &e) == 0);
}

static void
print_list(const char *what, const struct package_list *l, struct strbuf *b)
{
	for (size_t i = 0; i < l->len; i++)
		strbuf_printf(
		    b, "%s%s%s", b->len ? " " : "", what, l->items[i].name);
}

/* "+a +b -c" of the install phase, or the error, for one file. */
static char *
plan(const char *yaml)
{
	own(elements_clear) struct elements all = { 0 };
	own(strlist_clear) struct strlist env = { 0 };
	own(strbuf_clear) struct strbuf out = { 0 };
	struct element *chosen[1];
	struct build b = { .all = &all, .chosen = chosen, .nchosen = 1 };
	struct package_plan p = { 0 };
	struct error e;
	int r;

	write_file("x/package-installs.yaml", yaml);
	strlist_add(&env, "ARCH=amd64");
	strlist_add(&env, "COLOUR=dark red");
	strlist_add(&env, "DIB_INSTALLTYPE_x=package");
	CHECK(elements_index(&all, root, root, &e) == 0);
	chosen[0] = elements_find(&all, "x");
	r = packages_plan(&b, &env, &p, &e);
	if (r == 0) {
		print_list("+", &p.install[PACKAGES_INSTALL], &out);
		print_list("-", &p.uninstall[PACKAGES_INSTALL], &out);
		print_list("pre:", &p.install[PACKAGES_PRE], &out);
	} else {
		const char *s = strstr(e.text, ".yaml: ");

		strbuf_puts(&out, s != NULL ? s + 7 : e.text);
	}
	packages_clear(&p);
	return strbuf_take(&out);
}

static void
check_plans(void)
{
	static const struct {
		const char *yaml, *want;
	} all[] = {
		{ "a:\nb:\n", "+a +b" },
		{ "a: {phase: pre-install.d}\n", "pre:a" },
		{ "a: {uninstall: true}\n", "-a" },
		{ "a: {uninstall: false}\n", "+a" },
		{ "a: {build-only: true}\nb: {build-only: false}\n",
		    "+a +b -a" },
		{ "a: [{uninstall: true}, {}]\n", "+a" },
		{ "a: [{}, {uninstall: true}]\n", "+a" },
		{ "a: [{uninstall: true}, {arch: arm64}]\n", "-a" },
		{ "a: {arch: 'arm64, amd64'}\nb: {arch: arm64}\n", "+a" },
		{ "a: {not-arch: 'arm64, amd64'}\nb: {not-arch: arm64}\n",
		    "+b" },
		{ "a: {installtype: package}\nb: {installtype: source}\n",
		    "+a" },
		{ "a: {when: COLOUR = dark red}\nb: {when: COLOUR=red}\n",
		    "+a" },
		{ "a: {when: [COLOUR != red, ARCH = amd64]}\n", "+a" },
		{ "a: {when: 'COLOUR = dark red '}\n", "" },
		{ "a: {dib_python_version: 3}\nb:\n", "+b" },
		{ "{\"a\": null, \"b\": {\"arch\": \"amd64\"}}", "+a +b" },
		{ "", "" },
		{ "a: {when: SHAPE = round}\n", "a: when: SHAPE is not set" },
		{ "a: {when: COLOUR}\n",
		    "a: when: wants VAR = value or VAR != value" },
		{ "a: {arch: a, not-arch: b}\n",
		    "a: arch: given together with not-arch" },
		/* What is left out by the rest asks for no variable. */
		{ "a: {arch: arm64, when: SHAPE = round}\n", "" },
		{ "a: {when: [COLOUR = blue, SHAPE = round]}\n",
		    "a: when: SHAPE is not set" },
		{ "a: {arch: [amd64, arm64]}\n", "a: arch: wants a string" },
		{ "a: {not-arch: {}}\n", "a: not-arch: wants a string" },
		{ "a: {phase: [install.d]}\n", "a: phase: wants a string" },
		{ "a: {installtype: yes}\n", "a: installtype: wants a string" },
		{ "- a\n", "wants a map, not a list" },
		{ "a: 5\n", "a: wants a map of parameters, not a number" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		own_free char *got = plan(all[i].yaml);

		CHECK_STR(got, all[i].want);
	}
}

static void
check_map(void)
{
	static const char text[] =
	    "{\"default\": {\"a\": \"a0\", \"b\": \"b0\", \"c\": \"c0\"},"
	    "\"family\": {\"debian\": {\"b\": \"b1\", \"c\": \"c1\"}},"
	    "\"distro\": {\"debian\": {\"c\": \"c2 c3\", \"gone\": \"\"}},"
	    "\"release\": {\"debian\": {\"12\": {\"d\": \"d4\"}},"
	    "\"centos\": {\"8\": {\"e\": \"e8\"}}}}";
	static const struct {
		const char *name, *distro, *release, *want;
	} all[] = {
		{ "a", "debian", "12", "a0" },
		{ "b", "debian", "12", "b1" },
		{ "b", "fedora", "40", "b0" },
		{ "c", "debian", "12", "c2 c3" },
		{ "d", "debian", "12", "d4" },
		{ "d", "debian", "11", "d" },
		{ "e", "centos", "8-stream", "e8" },
		{ "gone", "debian", "12", "" },
		{ "other", "debian", "12", "other" },
	};
	ownp(doc_free) struct doc *d = doc_new();
	struct error e;
	const struct value *map =
	    doc_parse(d, text, sizeof(text) - 1, "map", &e);

	CHECK(map != NULL);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		own(strlist_clear) struct strlist names = { 0 };
		own_free char *got = NULL;

		packages_map_name(
		    map, all[i].name, all[i].distro, all[i].release, &names);
		got = strlist_join(&names, " ");
		CHECK_STR(got, all[i].want);
	}
}

/* A map that is none is refused, not read as an empty one. */
static void
check_bad_maps(void)
{
	static const struct {
		const char *text, *want;
	} all[] = {
		{ "[]", "wants a map, not a list" },
		{ "{\"default\": []}", "default: wants a map, not a list" },
		{ "{\"default\": {\"a\": [\"b\"]}}",
		    "default: a: wants a string, not a list" },
		{ "{\"default\": {\"a\": null}}",
		    "default: a: wants a string, not null" },
		{ "{\"distro\": {\"debian\": \"a\"}}",
		    "distro: debian: wants a map, not a string" },
		{ "{\"release\": {\"debian\": {\"12\": {\"a\": 5}}}}",
		    "release: debian: 12: a: wants a string, not a number" },
	};
	own_free char *path = path_join(root, "map");

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		struct error e = { 0 };

		must(file_replace(AT_FDCWD, path, 0644, all[i].text,
			 strlen(all[i].text), &e),
		    &e);
		CHECK(packages_map_load(d, path, &e) == NULL);
		if (strstr(e.text, all[i].want) == NULL)
			CHECK_STR(e.text, all[i].want);
	}
}

int
main(void)
{
	struct error e;

	if (mkdtemp(root) == NULL)
		return 1;
	check_plans();
	check_map();
	check_bad_maps();
	CHECK(tree_remove(AT_FDCWD, root, &e) == 0);
	return check_result();
}
