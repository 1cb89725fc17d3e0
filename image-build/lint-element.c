/* SPDX-License-Identifier: Apache-2.0 */
/* image-build lint: checks of an element's files by their names and kinds. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image-build/image-build.h"
#include "image-build/lint.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/yaml.h"

static const struct lint_file *
file_named(const struct lint *l, const char *path)
{
	for (size_t i = 0; i < l->nfiles; i++)
		if (strcmp(l->files[i].path, path) == 0)
			return &l->files[i];
	return NULL;
}

void
lint_readme(struct lint *l, const struct lint_file *f)
{
	(void)f;
	if (file_named(l, "README.rst") == NULL &&
	    file_named(l, "README.md") == NULL &&
	    file_named(l, "README") == NULL)
		lint_say(l, NULL, 0, "has no README.rst or README.md");
}

/* ---- names that nobody reads -------------------------------------------------- */

/* What is read by name: phases' folders, and what else elements have. */
static const char *const known[] = { "root.d", "extra-data.d", "pre-install.d",
	"install.d", "post-install.d", "post-root.d", "block-device.d",
	"pre-finalise.d", "finalise.d", "cleanup.d", "environment.d",
	"element-deps", "element-provides", "package-installs.yaml",
	"package-installs.json", "pkg-map", "svc-map", "README.rst",
	"README.md", "README", "bin", "static", "init-scripts", "modprobe.d",
	"yum.repos.d", "containerfiles", "binary-deps.d", "init.d", "udev.d",
	"ramdisk-install.d", "dracut-drivers.d", "test-elements", "tests",
	NULL };

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many letters to change, add or leave out (Levenshtein's distance). */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t n = strlen(b);

	if (n >= 64)
		return 64;
	for (unsigned k = 0; k <= n; k++)
		row[k] = k;
	for (unsigned i = 1; a[i - 1] != '\0'; i++) {
		unsigned corner = i - 1;

		row[0] = i;
		for (unsigned k = 1; k <= n; k++) {
			unsigned up = row[k];

			row[k] = least(least(up, row[k - 1]) + 1,
			    corner + (a[i - 1] != b[k - 1]));
			corner = up;
		}
	}
	return row[n];
}

static bool
is_known(const char *name)
{
	for (const char *const *k = known; *k != NULL; k++)
		if (strcmp(*k, name) == 0)
			return true;
	return strncmp(name, "source-repository-", 18) == 0 ||
	    strncmp(name, "block-device-", 13) == 0;
}

/* The known name that another was probably meant to be, or NULL. */
static const char *
meant_by(const char *name)
{
	const char *best = NULL;
	unsigned lowest = 3;

	if (is_known(name) || strlen(name) < 6)
		return NULL;
	for (const char *const *k = known; *k != NULL; k++) {
		unsigned d = strlen(*k) < 6 ? 64 : distance(name, *k);

		if (d < lowest) {
			lowest = d;
			best = *k;
		}
	}
	return best;
}

void
lint_names(struct lint *l, const struct lint_file *f)
{
	own(strlist_clear) struct strlist tops = { 0 };

	(void)f;
	for (size_t i = 0; i < l->nfiles; i++)
		strlist_addn(
		    &tops, l->files[i].path, strcspn(l->files[i].path, "/"));
	strlist_sort(&tops);
	strlist_unique(&tops);
	for (size_t i = 0; i < tops.len; i++) {
		const char *meant = meant_by(tops.items[i]);

		if (meant != NULL)
			lint_say(l, NULL, 0, "nothing reads %s: is %s meant?",
			    tops.items[i], meant);
	}
}

/* Whether some other file of the element, or its README, speaks of a name. */
static bool
is_mentioned(const struct lint *l, const struct lint_file *f)
{
	const char *name = path_base(f->path);

	for (size_t i = 0; i < l->nfiles; i++)
		if (&l->files[i] != f && l->files[i].text_file &&
		    strstr(l->files[i].text, name) != NULL)
			return true;
	return false;
}

/* What stands in a phase's folder and would be passed over silently. */
void
lint_scripts_run(struct lint *l, const struct lint_file *f)
{
	const char *name = path_base(f->path);
	size_t n = strspn(name,
	    "0123456789abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-");

	if (f->phase == NULL || strncmp(name, "package-installs-", 17) == 0 ||
	    strncmp(name, "README", 6) == 0)
		return;
	/* A file that a script speaks of is there for that script. */
	if ((name[n] != '\0' || (f->mode & 0111) == 0) && is_mentioned(l, f))
		return;
	if (name[n] != '\0')
		lint_say(l, f, 0,
		    "is not run: only letters, digits, _ and - can be in the "
		    "name, not \"%c\"",
		    name[n]);
	else if ((f->mode & 0111) == 0)
		lint_say(l, f, 0, "is not run: it is not executable");
	else if (!f->script && f->text_file && f->len > 0)
		lint_say(l, f, 1, "does not begin with #!");
}

/* ---- lists ----------------------------------------------------------------------- */

void
lint_sorted(struct lint *l, const struct lint_file *f)
{
	const char *last = "";

	if (strcmp(f->path, "element-deps") != 0)
		return;
	for (size_t i = 0; i < f->nlines; i++) {
		const char *s =
		    f->lines[i].text + strspn(f->lines[i].text, " \t");

		if (*s == '\0' || *s == '#')
			continue;
		if (strcmp(last, s) > 0)
			lint_say(
			    l, f, i + 1, "%s is not sorted after %s", s, last);
		last = s;
	}
}

void
lint_sources(struct lint *l, const struct lint_file *f)
{
	if (strncmp(f->path, "source-repository-", 18) != 0)
		return;
	for (size_t i = 0; i < f->nlines; i++) {
		own(strlist_clear) struct strlist words = { 0 };

		strlist_split(&words, f->lines[i].text, " \t");
		if (words.len == 0 || *words.items[0] == '#')
			continue;
		if (words.len < 4 || words.len > 5)
			lint_say(
			    l, f, i + 1, "wants NAME TYPE DEST LOCATION [REF]");
		else if (*words.items[2] != '/' && *words.items[2] != '$')
			lint_say(l, f, i + 1, "%s is no absolute path",
			    words.items[2]);
	}
}

/* ---- YAML and JSON ------------------------------------------------------------------- */

void
lint_data(struct lint *l, const struct lint_file *f)
{
	ownp(doc_free) struct doc *d = doc_new();
	const char *name = path_base(f->path);
	size_t n = strlen(name);
	const struct value *v;
	struct error e;

	if (strcmp(f->path, "pkg-map") == 0)
		v = doc_parse(d, f->text, f->len, "JSON", &e);
	else if (strcmp(f->path, "svc-map") == 0 ||
	    (n > 5 && strcmp(name + n - 5, ".yaml") == 0))
		v = yaml_parse(d, f->text, f->len, "YAML", &e);
	else
		return;
	if (v == NULL)
		lint_say(l, f, 0, "%s", e.text);
	else if (v->kind != VALUE_MAP && v->kind != VALUE_NULL &&
	    strncmp(f->path, "block-device-", 13) != 0 &&
	    strchr(f->path, '/') == NULL)
		lint_say(l, f, 0, "wants a map, not %s", value_kind_name(v));
}

/* ---- dependencies ---------------------------------------------------------------------- */

/* All that an element brings with it. */
static void
reach(const struct elements *all, const char *name, struct strlist *met)
{
	strlist_add(met, name);
	for (size_t at = 0; at < met->len; at++) {
		own(strlist_clear) struct strlist wanted = { 0 };
		const struct element *el = elements_find(all, met->items[at]);
		struct error e;

		if (el == NULL)
			continue;
		if (elements_names(el, &wanted, NULL, &e) == -1)
			continue;
		for (size_t i = 0; i < wanted.len; i++)
			if (!strlist_has(met, wanted.items[i]))
				strlist_add(met, wanted.items[i]);
	}
}

static bool
is_provided(const struct elements *all, const char *name)
{
	for (size_t i = 0; i < all->len; i++) {
		own(strlist_clear) struct strlist provides = { 0 };
		struct error e;

		if (elements_names(&all->items[i], NULL, &provides, &e) == 0 &&
		    strlist_has(&provides, name))
			return true;
	}
	return false;
}

/* What only works when another element is there to read it. */
static const struct {
	const char *path; /* a file, or with a slash at the end a folder */
	const char *element;
} readers[] = {
	{ "package-installs.yaml", "package-installs" },
	{ "package-installs.json", "package-installs" },
	{ "pkg-map", "pkg-map" },
	{ "svc-map", "svc-map" },
	{ "source-repository-*", "source-repositories" },
	{ "bin/", "install-bin" },
	{ "static/", "install-static" },
	{ "init-scripts/", "dib-init-system" },
	{ "modprobe.d/", "modprobe" },
};

static bool
is_there(const struct lint *l, const char *path)
{
	size_t n = strcspn(path, "*");
	bool exact = path[n] == '\0' && path[n - 1] != '/';

	for (size_t i = 0; i < l->nfiles; i++)
		if (strncmp(l->files[i].path, path, n) == 0 &&
		    (!exact || l->files[i].path[n] == '\0'))
			return true;
	return false;
}

void
lint_deps(struct lint *l, const struct lint_file *f)
{
	own(strlist_clear) struct strlist met = { 0 }, own_deps = { 0 };
	struct error e;

	(void)f;
	if (elements_names(l->el, &own_deps, NULL, &e) == -1) {
		lint_say(l, NULL, 0, "%s", e.text);
		return;
	}
	for (size_t i = 0; i < own_deps.len; i++)
		if (elements_find(l->all, own_deps.items[i]) == NULL &&
		    !is_provided(l->all, own_deps.items[i]))
			lint_say(l, file_named(l, "element-deps"), 0,
			    "no element is or provides %s", own_deps.items[i]);
	reach(l->all, l->el->name, &met);
	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
		if (is_there(l, readers[i].path) &&
		    !strlist_has(&met, readers[i].element))
			lint_say(l, NULL, 0,
			    "has %s, and does not depend on %s, which reads it",
			    readers[i].path, readers[i].element);
}

/* ---- files that nobody uses ---------------------------------------------------------------- */

void
lint_unused(struct lint *l, const struct lint_file *f)
{
	/* Folders of other names are for other elements to read. */
	if (strchr(f->path, '/') == NULL && !is_known(f->path) &&
	    strcmp(f->path, "__init__.py") != 0 && meant_by(f->path) == NULL &&
	    !is_mentioned(l, f))
		lint_say(l, f, 0, "nothing in the element uses it");
}
