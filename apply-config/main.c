/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata and templates into files: load, plan, act.
 *
 * Under the names os-apply-config and os-config-applier it takes those
 * programs' options and talks as they do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/output.h"
#include "apply-config/publish.h"
#include "apply-config/query.h"
#include "apply-config/talk.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/metadata.h"
#include "lib/options.h"
#include "lib/path.h"

#define TEMPLATES "/usr/libexec/os-apply-config/templates"
#define TEMPLATES_OLD "/opt/stack/os-apply-config/templates"
#define TEMPLATES_OLDER "/opt/stack/os-config-applier/templates"

static struct settings settings = { .root = AT_FDCWD,
	.root_path = "",
	.output = "/" };

static struct strlist metadata, fallback, secret_words;
static const char *list_path, *key, *key_default, *boolean_key, *render;
static const char *escape = "none", *type = "default", *root_path;
static bool validate, print_templates;

/* The rows that os-apply-config has too. */
#define SHARED_OPTIONS \
	{ 't', "templates", "DIR", OPTION_STRING, &settings.templates, NULL, \
		"the template root (" TEMPLATES ")" }, \
	    { 'o', "output", "DIR", OPTION_STRING, &settings.output, NULL, \
		    "the output root (/)" }, \
	    { 'm', "metadata", "[FILE...]", OPTION_VALUES, &metadata, NULL, \
		    "metadata files, in rising precedence" }, \
	    { 0, "fallback-metadata", "[FILE...]", OPTION_VALUES, &fallback, \
		    NULL, "files that are read before them" }, \
	    { 'v', "validate", NULL, OPTION_FLAG, &validate, NULL, \
		    "render everything, write nothing" }, \
	    { 0, "print-templates", NULL, OPTION_FLAG, &print_templates, NULL, \
		    "print the template root and exit" }, \
	    { 's', "subhash", "KEY", OPTION_STRING, &settings.subhash, NULL, \
		    "render from this map within the metadata" }, \
	    { 0, "key", "KEY", OPTION_STRING, &key, NULL, \
		    "print the value of a key and exit" }, \
	    { 0, "type", "TYPE", OPTION_STRING, &type, NULL, \
		    "fail if it is not of this type: int, default, " \
		    "netaddress, netdevice, dsn, swiftdevices, username, " \
		    "raw" }, \
	    { 0, "key-default", "TEXT", OPTION_STRING, &key_default, NULL, \
		    "print this if the key is missing" }, \
	    { 0, "boolean-key", "KEY", OPTION_STRING, &boolean_key, NULL, \
		    "exit with 0 if it is true, 1 if false, 255 if neither" }, \
	{ \
		0, "os-config-files", "FILE", OPTION_STRING, &list_path, NULL, \
		    "list of metadata files (" METADATA_LIST ")" \
	}

static const struct option_def compat_defs[] = {
	SHARED_OPTIONS,
	{ 0 },
};

static const struct option_def own_defs[] = {
	SHARED_OPTIONS,
	{ 0, "root", "DIR", OPTION_STRING, &root_path, NULL,
	    "look up all paths below this folder" },
	{ 0, "render", "FILE", OPTION_STRING, &render, NULL,
	    "print one rendered template and exit" },
	{ 0, "partials", "DIR", OPTION_STRING, &settings.partials, NULL,
	    "partials (the folder partials beside the template root)" },
	{ 0, "escape", "html|none", OPTION_STRING, &escape, NULL,
	    "how {{name}} is escaped (none)" },
	{ 0, "strict", NULL, OPTION_FLAG, &settings.strict, NULL,
	    "fail if a template names what the metadata does not have" },
	{ 0, "secret-names", "[WORD...]", OPTION_VALUES, &secret_words, NULL,
	    "words that make the name of a value secret" },
	{ 0 },
};

/* ---- load --------------------------------------------------------------- */

static bool
is_dir(const char *path)
{
	return file_is_dir(settings.root, settings_below(&settings, path));
}

static const char *
template_root(void)
{
	const char *named = getenv("OS_CONFIG_APPLIER_TEMPLATES"), *old;

	if (settings.templates != NULL)
		return settings.templates;
	if (named != NULL)
		return named;
	if (is_dir(TEMPLATES))
		return TEMPLATES;
	old = is_dir(TEMPLATES_OLD) ? TEMPLATES_OLD : TEMPLATES_OLDER;
	if (!is_dir(old))
		return TEMPLATES;
	talk_warn("Template directory %s is deprecated.  The recommended "
		  "location for template files is %s",
	    old, TEMPLATES);
	return old;
}

static int
metadata_list(struct error *e)
{
	const char *usual = getenv("OS_CONFIG_FILES_PATH");
	const char *path = list_path;
	int r;

	if (metadata.len > 0)
		return 0;
	if (usual == NULL)
		usual = METADATA_LIST;
	if (path != NULL && strcmp(path, usual) == 0)
		path = NULL;
	r = metadata_files(settings.root, path, &metadata, e);
	/* os-apply-config says so even where no such file is. */
	if (r == 1 && (settings.compat || metadata.len > 0))
		talk_warn("DEPRECATED: falling back to %s", METADATA_LIST_OLD);
	return r == -1 ? -1 : 0;
}

static const struct value *
load_metadata(struct doc *d, struct error *e)
{
	own(strlist_clear) struct strlist files = { 0 };

	if (metadata_list(e) == -1)
		return NULL;
	/* A template may be tried on a document of any kind. */
	if (render != NULL && metadata.len == 1) {
		const struct value *v =
		    metadata_read(d, settings.root, metadata.items[0], e);

		if (v == NULL || v->kind != VALUE_MAP)
			return v;
	}
	strlist_add_all(&files, &fallback);
	strlist_add_all(&files, &metadata);
	return metadata_load(d, settings.root, &files, e);
}

/* The map that templates are rendered from. */
static const struct value *
sub_map(const struct value *root, struct error *e)
{
	const char *at = settings.subhash;

	if (at == NULL || *at == '\0')
		return root;
	for (;;) {
		size_t n = strcspn(at, ".");

		root = value_getn(root, at, n);
		if (root == NULL || root->kind != VALUE_MAP) {
			error_set(e, ENOENT,
			    "key '%s' does not correspond to a hash in the "
			    "metadata file",
			    settings.subhash);
			return NULL;
		}
		if (at[n] == '\0')
			return root;
		at += n + 1;
	}
}

/* ---- the steps of an apply ---------------------------------------------- */

static int
put_out(const struct strbuf *b, struct error *e)
{
	if (file_write_all(STDOUT_FILENO, strbuf_text(b), b->len) == -1)
		return error_errno(e, "standard output");
	return 0;
}

/* In strict rendering, say what is missing, a line each. */
static int
check_missing(const struct renderer *r, struct error *e)
{
	const struct strlist *missing = renderer_missing(r);

	for (size_t i = 0; i < missing->len; i++)
		talk_warn("%s: is missing", missing->items[i]);
	if (missing->len > 0)
		return error_set(e, ENOENT, "names missing: %zu", missing->len);
	return 0;
}

static int
render_all(struct renderer *r, const struct templates *t,
    struct rendered *rendered, struct error *e)
{
	for (size_t i = 0; i < t->len; i++)
		if (renderer_run(r, &t->items[i], &rendered[i], e) == -1)
			return -1;
	return check_missing(r, e);
}

static int
act(struct rendered *rendered, size_t n, struct error *e)
{
	own(output_closep) struct output *o = output_open(&settings, e);
	own(changes_clear) struct changes changes = { 0 };

	if (o == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (plan_add(o, &settings, &rendered[i], &changes, e) == -1)
			return -1;
	for (size_t i = 0; i < changes.len; i++) {
		const struct change *c = &changes.items[i];
		own_free char *name = output_name(o, c->path);

		talk_info("%s %s",
		    c->kind == CHANGE_DELETE ? "deleting" : "writing", name);
	}
	return publish(o, &changes, e);
}

static void
rendered_free(struct rendered *rendered, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rendered_clear(&rendered[i]);
	free(rendered);
}

static int
apply(const struct value *root, struct error *e)
{
	own(templates_clear) struct templates t;
	ownp(renderer_free) struct renderer *r = NULL;
	struct rendered *rendered;
	int result;

	if (templates_load(&settings, &t, e) == -1)
		return -1;
	r = renderer_new(&settings, &t, root);
	rendered = mem_alloc((t.len + 1) * sizeof(*rendered));
	result = render_all(r, &t, rendered, e);
	if (result == 0 && !validate)
		result = act(rendered, t.len, e);
	rendered_free(rendered, t.len);
	if (result == 0 && (settings.compat || validate))
		talk_info("success");
	return result;
}

static int
render_one(const struct value *root, struct error *e)
{
	ownp(renderer_free) struct renderer *r =
	    renderer_new(&settings, NULL, root);
	own(strbuf_clear) struct strbuf text = { 0 };

	if (renderer_text(r, render, &text, e) == -1 ||
	    check_missing(r, e) == -1)
		return -1;
	return put_out(&text, e);
}

static int
answer(const struct value *root, struct error *e)
{
	const struct query q = { .key = key,
		.type = type,
		.fallback = key_default,
		.files = &metadata,
		.secrets = &settings.secrets };
	own(strbuf_clear) struct strbuf text = { 0 };

	if (query_key(&q, root, &text, e) == -1)
		return -1;
	return put_out(&text, e);
}

/* ---- what was asked for -------------------------------------------------- */

static bool
given(const char *text)
{
	return text != NULL && *text != '\0';
}

/* Returns the exit status, or -1. */
static int
run(struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *root;

	if (given(key) && given(boolean_key))
		talk_warn("--key is not compatible with --boolean-key. "
			  "--boolean-key ignored.");
	root = load_metadata(d, e);
	if (root == NULL)
		return -1;
	if (given(key))
		return answer(root, e);
	if (given(boolean_key))
		return query_boolean(root, boolean_key);
	settings.templates = template_root();
	root = sub_map(root, e);
	if (root == NULL)
		return -1;
	return render != NULL ? render_one(root, e) : apply(root, e);
}

static int
open_root(struct error *e)
{
	if (root_path == NULL)
		return 0;
	settings.root_path = root_path;
	settings.root = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return settings.root == -1 ? error_errno(e, "%s", root_path) : 0;
}

/* Whether the options make sense together. */
static int
check_options(struct error *e)
{
	settings.html = strcmp(escape, "html") == 0;
	if (!settings.html && strcmp(escape, "none") != 0)
		return error_set(
		    e, EINVAL, "--escape: html or none, not %s", escape);
	if (!settings.compat &&
	    ((key != NULL && *key == '\0') ||
		(boolean_key != NULL && *boolean_key == '\0')))
		return error_set(e, EINVAL, "the key is empty");
	return 0;
}

static int
misused(const struct options *o, const struct error *e)
{
	fprintf(stderr, "usage: %s [options]\n%s: error: %s\n", o->program,
	    o->program, e->text);
	return 2;
}

int
main(int argc, char **argv)
{
	const char *name = path_base(argc > 0 ? argv[0] : "apply-config");
	const bool compat = strcmp(name, "os-apply-config") == 0 ||
	    strcmp(name, "os-config-applier") == 0;
	const struct options options = {
		.program = compat ? name : "apply-config",
		.summary = "Render templates from metadata into files.",
		.defs = compat ? compat_defs : own_defs,
	};
	struct error e;
	int status;

	settings.compat = compat;
	settings.secrets.words = &secret_words;
	metadata_fallback(&fallback);
	secrets_usual(&secret_words);
	talk_open(options.program, compat);
	status = options_parse(&options, argc, argv, &e);
	if (status == OPTIONS_SHOWN)
		return 0;
	if (status != -1 && status < argc)
		status = error_set(
		    &e, EINVAL, "unrecognized arguments: %s", argv[status]);
	if (status == -1 || check_options(&e) == -1)
		return misused(&options, &e);
	if (open_root(&e) == -1) {
		talk_error(&e);
		return 1;
	}
	if (print_templates) {
		printf("%s\n", template_root());
		return 0;
	}
	status = run(&e);
	if (status == -1) {
		talk_error(&e);
		return 1;
	}
	return status;
}
