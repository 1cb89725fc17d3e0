/* SPDX-License-Identifier: Apache-2.0 */
/* --lock and --locked: inputs recorded, compared and held. */
#include "image-build/pins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/snapshot.h"
#include "image-build/sources.h"
#include "image-build/target.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define PREFERENCES "etc/apt/preferences.d/00-locked"

struct pins {
	char *path;
	struct doc *doc;
	struct value *was; /* what is locked, or NULL: it is to be written */
	struct value *elements, *packages, *sources; /* as they are now */
	struct strlist known; /* with the archive's digests */
	struct strlist moved; /* what is not as it was */
};

void
pins_free(struct pins *p)
{
	if (p == NULL)
		return;
	free(p->path);
	doc_free(p->doc);
	strlist_clear(&p->known);
	strlist_clear(&p->moved);
	free(p);
}

/* The first few of what moved, as one error. */
static int
refuse(const struct pins *p, struct error *e)
{
	own(strlist_clear) struct strlist some = { 0 };
	own_free char *text = NULL;

	for (size_t i = 0; i < p->moved.len; i++)
		if (i < 8)
			strlist_add(&some, p->moved.items[i]);
	if (p->moved.len > some.len)
		strlist_printf(&some, "and %zu more", p->moved.len - some.len);
	for (size_t i = 8; i < p->moved.len; i++)
		log_info("moved: %s", p->moved.items[i]);
	text = strlist_join(&some, "; ");
	return error_set(
	    e, ESTALE, "%s does not hold any more: %s", p->path, text);
}

static const struct value *
locked(const struct pins *p, const char *section, const char *name)
{
	return value_get(value_get(p->was, section), name);
}

/* ---- elements --------------------------------------------------------------- */

/* What matters of an element wherever it is checked out. */
static int
add_entry(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct digest *d = ctx;
	own_free char *line = mem_printf("%s%c%o%c", t->path, 0,
	    (unsigned)(t->st->st_mode & (S_IFMT | 0111)), 0);
	char text[DIGEST_TEXT] = "", link[4096];
	ssize_t n;

	digest_add(d, line, strlen(t->path) + 1);
	digest_add(d, line + strlen(t->path) + 1,
	    strlen(line + strlen(t->path) + 1) + 1);
	if (S_ISLNK(t->st->st_mode)) {
		n = readlinkat(t->dir, t->name, link, sizeof(link));
		if (n == -1)
			return error_errno(e, "%s", t->path);
		digest_add(d, link, (size_t)n);
	} else if (S_ISREG(t->st->st_mode)) {
		own_fd int fd =
		    openat(t->dir, t->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		if (fd == -1 || digest_file(fd, text, NULL) == -1)
			return error_errno(e, "%s", t->path);
		digest_add(d, text, strlen(text));
	}
	return 0;
}

static int
element_digest(
    const struct element *el, char text[DIGEST_TEXT], struct error *e)
{
	struct digest *d = digest_new();
	uint8_t sum[DIGEST_BYTES];
	int r = 0;

	digest_add(d, VERSION, el->builtin != NULL ? strlen(VERSION) : 0);
	if (el->path != NULL)
		r = tree_walk(AT_FDCWD, el->path, add_entry, d, e);
	digest_end(d, sum);
	digest_print(sum, text);
	return r;
}

static int
look_at_elements(struct pins *p, const struct build *b, struct error *e)
{
	for (size_t i = 0; i < b->nchosen; i++) {
		const struct element *el = b->chosen[i];
		char text[DIGEST_TEXT];
		const char *was;

		if (element_digest(el, text, e) == -1)
			return error_prefix(e, "element %s", el->name);
		value_set(
		    p->doc, p->elements, el->name, value_string(p->doc, text));
		if (p->was == NULL)
			continue;
		was = value_text(value_get(p->was, "elements"), el->name, NULL);
		if (was == NULL || strcmp(was, text) != 0)
			strlist_printf(&p->moved, "element %s %s", el->name,
			    was == NULL ? "is new" : "has changed");
	}
	return 0;
}

static void
look_for_lost(struct pins *p, const char *section, const char *what,
    const struct value *now)
{
	const struct value *was = value_get(p->was, section);

	for (uint32_t i = 0; was != NULL && i < was->len; i++) {
		const char *name = value_member(was, i).name;

		if (value_get(now, name) == NULL)
			strlist_printf(&p->moved, "%s %s is gone", what, name);
	}
}

static int
load(struct pins *p, struct error *e)
{
	static const char *const sections[] = { "elements", "packages",
		"sources", NULL };

	p->was = doc_load(p->doc, AT_FDCWD, p->path, e);
	if (p->was == NULL)
		return error_prefix(e, "--locked");
	for (const char *const *s = sections; *s != NULL; s++) {
		const struct value *v = value_get(p->was, *s);

		if (v == NULL || v->kind != VALUE_MAP)
			return error_set(
			    e, EINVAL, "%s: has no map %s", p->path, *s);
	}
	return 0;
}

int
pins_open(struct build *b, struct error *e)
{
	const struct settings *s = b->settings;
	struct pins *p;

	if (s->lock && s->locked)
		return error_set(
		    e, EINVAL, "--lock and --locked exclude each other");
	if (!s->lock && !s->locked)
		return 0;
	p = b->pins = mem_alloc(sizeof(*p));
	p->path = mem_printf("%s.lock.json", s->name);
	p->doc = doc_new();
	p->elements = value_map(p->doc);
	p->packages = value_map(p->doc);
	p->sources = value_map(p->doc);
	if (s->locked && load(p, e) == -1)
		return -1;
	if (look_at_elements(p, b, e) == -1)
		return -1;
	look_for_lost(p, "elements", "element", p->elements);
	return p->moved.len > 0 ? refuse(p, e) : 0;
}

/* ---- sources ------------------------------------------------------------------- */

const char *
pins_revision(const struct build *b, const char *name)
{
	if (b->pins == NULL)
		return NULL;
	return value_text(locked(b->pins, "sources", name), "revision", NULL);
}

int
pins_source(struct build *b, const struct source_line *line,
    const char *revision, struct error *e)
{
	struct pins *p = b->pins;
	const struct value *was;
	struct value *now;

	if (p == NULL)
		return 0;
	now = value_map(p->doc);
	value_set(p->doc, now, "type", value_string(p->doc, line->type));
	value_set(
	    p->doc, now, "location", value_string(p->doc, line->location));
	value_set(p->doc, now, "ref",
	    value_string(p->doc, line->ref != NULL ? line->ref : ""));
	value_set(p->doc, now, "revision", value_string(p->doc, revision));
	value_set(p->doc, p->sources, line->name, now);
	was = locked(p, "sources", line->name);
	if (p->was == NULL || (was != NULL && value_equal(was, now)))
		return 0;
	if (was == NULL)
		return error_set(
		    e, ESTALE, "%s does not know this source", p->path);
	return error_set(e, ESTALE,
	    "%s does not hold any more: %s %s is locked, %s %s is there",
	    p->path, value_text(was, "location", "?"),
	    value_text(was, "revision", "?"), line->location, revision);
}

/* ---- packages -------------------------------------------------------------------- */

static int
preferences_inputs(
    struct build *b, const struct step *s, struct strbuf *text, struct error *e)
{
	(void)s;
	(void)e;
	pins_preferences(value_get(b->pins->was, "packages"), text);
	return 0;
}

static int
put_preferences(struct build *b, const struct step *s, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	if (preferences_inputs(b, s, &text, e) == -1)
		return -1;
	return target_put(b->tree, PREFERENCES, 0644, &text, e);
}

static int
remove_preferences(struct build *b, const struct step *s, struct error *e)
{
	(void)s;
	return target_unlink(b->tree, PREFERENCES, e);
}

/* The file's name changes with its text, so every step depends on it. */
int
pins_tell(struct build *b, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *path = NULL;
	char sum[DIGEST_TEXT];

	if (b->pins == NULL || b->pins->was == NULL)
		return 0;
	pins_preferences(value_get(b->pins->was, "packages"), &text);
	digest_text(strbuf_text(&text), text.len, sum);
	path = mem_printf("%s/locked-%.16s", b->work, sum);
	strlist_env_set(&b->env, "INGOT_APT_PREFERENCES", path);
	return file_replace(
	    AT_FDCWD, path, 0644, strbuf_text(&text), text.len, e);
}

/* A step of our own among the others, so that it is in the snapshots too. */
static int
do_step(struct build *b, const struct native_step *native, struct error *e)
{
	const struct phase phase = { native->phase, false };
	char name[] = "00-locked", by[] = "--locked";
	const struct step s = { .phase = native->phase,
		.name = name,
		.element = by,
		.native = native };

	strlist_clear(&b->phase_env);
	strlist_add_all(&b->phase_env, &b->env);
	return step_do(b, &phase, &s, e);
}

int
pins_hold(struct build *b, struct error *e)
{
	static const struct native_step put = { "extra-data", "00-locked",
		put_preferences, preferences_inputs };

	if (b->pins == NULL || b->pins->was == NULL)
		return 0;
	return do_step(b, &put, e);
}

int
pins_look(struct build *b, struct error *e)
{
	own(strlist_clear) struct strlist packages = { 0 };

	if (b->pins == NULL)
		return 0;
	if (pins_installed(b->tree, &packages, e) == -1)
		return -1;
	return pins_known(b, &packages, &b->pins->known, e);
}

/* The digest that the archive has for "name:arch<tab>version", or NULL. */
static const char *
known_digest(const struct pins *p, const char *package)
{
	size_t n = strlen(package);

	for (size_t i = 0; i < p->known.len; i++)
		if (strncmp(p->known.items[i], package, n) == 0 &&
		    p->known.items[i][n] == '\t')
			return p->known.items[i] + n + 1;
	return NULL;
}

static void
compare_package(
    struct pins *p, const char *name, const char *version, const char *digest)
{
	const struct value *was = locked(p, "packages", name);
	const char *old = value_text(was, "version", NULL);
	const char *bytes = value_text(was, "sha256", NULL);

	if (old == NULL)
		strlist_printf(
		    &p->moved, "package %s %s is new", name, version);
	else if (strcmp(old, version) != 0)
		strlist_printf(&p->moved,
		    "package %s: %s is locked, %s is there", name, old,
		    version);
	else if (bytes != NULL && digest != NULL && strcmp(bytes, digest) != 0)
		strlist_printf(&p->moved,
		    "package %s %s has other bytes than it had", name, version);
}

static int
look_at_packages(struct pins *p, const struct build *b, struct error *e)
{
	own(strlist_clear) struct strlist packages = { 0 };

	if (pins_installed(b->tree, &packages, e) == -1)
		return -1;
	for (size_t i = 0; i < packages.len; i++) {
		const char *digest = known_digest(p, packages.items[i]);
		char *name = packages.items[i], *tab = strchr(name, '\t');
		struct value *v = value_map(p->doc);

		*tab = '\0';
		value_set(p->doc, v, "version", value_string(p->doc, tab + 1));
		if (digest != NULL)
			value_set(
			    p->doc, v, "sha256", value_string(p->doc, digest));
		value_set(p->doc, p->packages, name, v);
		if (p->was != NULL)
			compare_package(p, name, tab + 1, digest);
	}
	look_for_lost(p, "packages", "package", p->packages);
	return 0;
}

/* ---- the end ------------------------------------------------------------------------ */

static int
write_down(const struct pins *p, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *root = value_map(p->doc);

	value_set(p->doc, root, "elements", p->elements);
	value_set(p->doc, root, "packages", p->packages);
	value_set(p->doc, root, "sources", p->sources);
	value_print(root, STYLE_PRETTY, &text);
	strbuf_putc(&text, '\n');
	if (file_replace(
		AT_FDCWD, p->path, 0644, strbuf_text(&text), text.len, e) == -1)
		return -1;
	log_info("%s: %u elements, %u packages, %u sources", p->path,
	    p->elements->len, p->packages->len, p->sources->len);
	return 0;
}

int
pins_settle(struct build *b, struct error *e)
{
	static const struct native_step take = { "cleanup", "00-locked",
		remove_preferences, preferences_inputs };
	struct pins *p = b->pins;

	if (p == NULL)
		return 0;
	if (p->was != NULL && do_step(b, &take, e) == -1)
		return -1;
	if (snapshot_show(b, e) == -1)
		return -1;
	if (look_at_packages(p, b, e) == -1)
		return -1;
	look_for_lost(p, "sources", "source", p->sources);
	if (p->moved.len > 0)
		return refuse(p, e);
	return p->was == NULL ? write_down(p, e) : 0;
}
