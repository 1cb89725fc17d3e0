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
#include "apply-config/query.h"
#include "apply-config/steps.h"
#include "apply-config/talk.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/metadata.h"
#include "lib/options.h"
#include "lib/path.h"

#define STATUS_CHANGES 3 /* a plan that is not empty */

#define TEMPLATES "/usr/libexec/os-apply-config/templates"
#define TEMPLATES_OLD "/opt/stack/os-apply-config/templates"
#define TEMPLATES_OLDER "/opt/stack/os-config-applier/templates"

static struct settings settings = { .root = AT_FDCWD,
	.root_path = "",
	.keep = 5 };

static struct strlist metadata, fallback;
static const char *list_path, *key, *key_default, *boolean_key, *render;
static const char *escape = "none", *type = "default", *root_path;
static bool validate, print_templates, recover, confirm, generations, rollback;
static bool plan, diff, json;
static uint64_t rollback_to = UINT64_MAX;

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
	{ 0, "plan", NULL, OPTION_FLAG, &plan, NULL,
	    "list what would change and exit, with 3 if anything would" },
	{ 0, "diff", NULL, OPTION_FLAG, &diff, NULL,
	    "the same as a unified diff without secrets" },
	{ 0, "json", NULL, OPTION_FLAG, &json, NULL, "the same for programs" },
	{ 0, "changed-file", "FILE", OPTION_STRING, &settings.changed_file,
	    NULL, "add to this file what changed" },
	{ 0, "state", "DIR", OPTION_STRING, &settings.state, NULL,
	    "the state folder (/var/lib/apply-config)" },
	{ 0, "keep", "N", OPTION_NUMBER, &settings.keep, NULL,
	    "how many generations can be undone (5)" },
	{ 0, "generations", NULL, OPTION_FLAG, &generations, NULL,
	    "print the generations that are kept and exit" },
	{ 0, "rollback", NULL, OPTION_FLAG, &rollback, NULL,
	    "undo the last generation, or go back to the one given" },
	{ 0, "confirm-within", "SECONDS", OPTION_NUMBER,
	    &settings.confirm_within, NULL,
	    "go back unless confirmed in time" },
	{ 0, "confirm", NULL, OPTION_FLAG, &confirm, NULL,
	    "keep what is to be confirmed" },
	{ 0, "recover", NULL, OPTION_FLAG, &recover, NULL,
	    "deal with what interrupted runs left, and exit" },
	{ 0, "secret-names", "[WORD...]", OPTION_VALUES, &settings.secret_words,
	    NULL, "words that make the name of a value secret" },
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

/* A template may be tried on a document of any kind. */
static const struct value *
load_sample(struct doc *d, struct error *e)
{
	struct value *all = metadata_load(d, settings.root, &fallback, e), *v;

	if (all == NULL)
		return NULL;
	v = metadata_read(d, settings.root, metadata.items[0], e);
	if (v == NULL || v->kind != VALUE_MAP || all->len == 0)
		return v;
	value_merge(d, all, v);
	return all;
}

static const struct value *
load_metadata(struct doc *d, struct error *e)
{
	own(strlist_clear) struct strlist files = { 0 };

	if (render != NULL && metadata.len == 1)
		return load_sample(d, e);
	if (metadata_list(e) == -1)
		return NULL;
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
	if (file_write_all(STDOUT_FILENO, text.s, text.len) == -1)
		return error_errno(e, "standard output");
	return 0;
}

/* ---- what was asked for -------------------------------------------------- */

static bool
given(const char *text)
{
	return text != NULL && *text != '\0';
}

/* Steps that need no metadata: 1 when one was taken, 0, or -1. */
static int
run_ways_back(struct error *e)
{
	const bool all = settings.output == NULL;
	int r;

	if (settings.output == NULL)
		settings.output = "/";
	if (recover)
		r = step_recover(&settings, all, e);
	else if (rollback)
		r = step_rollback(&settings, rollback_to, e);
	else if (confirm)
		r = step_confirm(&settings, e);
	else if (generations)
		r = step_generations(&settings, e);
	else
		return 0;
	return r == -1 ? -1 : 1;
}

static int
run_plan(const struct value *root, struct error *e)
{
	int r = step_plan(&settings, root,
	    json       ? PLAN_JSON
		: diff ? PLAN_DIFF
		       : PLAN_LIST,
	    e);

	return r == 1 ? STATUS_CHANGES : r;
}

/* Returns the exit status, or -1. */
static int
run(struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *root;
	int r = run_ways_back(e);

	if (r != 0)
		return r == -1 ? -1 : 0;
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
	if (render != NULL)
		return step_render(&settings, root, render, e);
	if (validate)
		return step_validate(&settings, root, e);
	if (plan || diff || json)
		return run_plan(root, e);
	return step_apply(&settings, root, e);
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

/* At most one thing is done in a run. */
static int
check_steps(struct error *e)
{
	const struct {
		bool given;
		const char *name;
	} steps[] = {
		{ key != NULL || boolean_key != NULL, "--key" },
		{ render != NULL, "--render" },
		{ validate, "--validate" },
		{ plan || diff || json, "--plan, --diff or --json" },
		{ generations, "--generations" },
		{ rollback, "--rollback" },
		{ confirm, "--confirm" },
		{ recover, "--recover" },
		{ settings.confirm_within > 0, "--confirm-within" },
	};
	const char *first = NULL;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (!steps[i].given)
			continue;
		if (first != NULL)
			return error_set(e, EINVAL, "not allowed with %s: %s",
			    first, steps[i].name);
		first = steps[i].name;
	}
	return 0;
}

/* Whether the options make sense together. */
static int
check_options(struct error *e)
{
	secrets_init(&settings.secrets, &settings.secret_words);
	settings.html = strcmp(escape, "html") == 0;
	if (!settings.html && strcmp(escape, "none") != 0)
		return error_set(
		    e, EINVAL, "--escape: html or none, not %s", escape);
	if (!settings.compat &&
	    ((key != NULL && *key == '\0') ||
		(boolean_key != NULL && *boolean_key == '\0')))
		return error_set(e, EINVAL, "the key is empty");
	return settings.compat ? 0 : check_steps(e);
}

/* The only operand there is: the generation to go back to. */
static int
take_operands(int n, char **operands, struct error *e)
{
	char *end;

	if (n == 0)
		return 0;
	if (n > 1 || !rollback)
		return error_set(e, EINVAL, "unrecognized arguments: %s",
		    operands[rollback ? 1 : 0]);
	errno = 0;
	rollback_to = strtoull(operands[0], &end, 10);
	if (errno != 0 || *end != '\0' || *operands[0] < '0' ||
	    *operands[0] > '9')
		return error_set(e, EINVAL, "no generation: %s", operands[0]);
	return 0;
}

static int
misused(const struct options *o, const struct error *e)
{
	fprintf(stderr, "usage: %s [options]\n%s: error: %s\n", o->program,
	    o->program, e->text);
	return 2;
}

/* What is left to be done by another run, perhaps later. */
static int
failed(const struct error *e)
{
	talk_error(e);
	return e->code == EAGAIN && !settings.compat ? 75 : 1;
}

/* An empty variable says nothing. */
static const char *
from_environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
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
		.argparse = compat,
	};
	struct error e;
	int status;

	settings.compat = compat;
	metadata_fallback(&fallback);
	secrets_usual(&settings.secret_words);
	settings.state = from_environment("APPLY_CONFIG_STATE");
	settings.changed_file = from_environment("APPLY_CONFIG_CHANGED_FILE");
	talk_open(options.program, compat);
	status = options_parse(&options, argc, argv, &e);
	if (status == OPTIONS_SHOWN)
		return 0;
	if (status == -1 ||
	    take_operands(argc - status, argv + status, &e) == -1 ||
	    check_options(&e) == -1)
		return misused(&options, &e);
	if (open_root(&e) == -1)
		return failed(&e);
	if (print_templates) {
		printf("%s\n", template_root());
		return 0;
	}
	status = run(&e);
	return status == -1 ? failed(&e) : status;
}
