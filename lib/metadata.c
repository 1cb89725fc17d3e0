/* SPDX-License-Identifier: Apache-2.0 */
/* Where the metadata is, and its merge. */
#include "lib/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/yaml.h"

static const char *
below(int root, const char *path)
{
	return root == AT_FDCWD ? path : path_relative(path);
}

void
metadata_fallback(struct strlist *files)
{
	strlist_add(files, "/var/cache/heat-cfntools/last_metadata");
	strlist_add(files, "/var/lib/heat-cfntools/cfn-init-data");
	strlist_add(files, "/var/lib/cloud/data/cfn-init-data");
}

/* What Python calls false; such items of the list are passed over. */
static bool
is_false(const struct value *v)
{
	switch (v->kind) {
	case VALUE_NULL:
		return true;
	case VALUE_BOOL:
		return !v->truth;
	case VALUE_NUMBER:
		return value_to_real(v) == 0;
	default:
		return v->len == 0;
	}
}

static int
read_list(int root, const char *path, struct strlist *files, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *list;

	if (!file_exists(root, below(root, path)))
		return 0;
	list = doc_load(d, root, below(root, path), e);
	if (list == NULL)
		return -1;
	if (list->kind != VALUE_LIST)
		return error_set(
		    e, EINVAL, "No list defined in json file: %s", path);
	for (uint32_t i = 0; i < list->len; i++) {
		const struct value *v = list->items[i];

		if (is_false(v))
			continue;
		if (v->kind != VALUE_STRING)
			return error_set(e, EINVAL,
			    "%s: item %u is %s, not a path", path, i,
			    value_kind_name(v));
		strlist_add(files, v->text);
	}
	return 0;
}

int
metadata_files(
    int root, const char *list_path, struct strlist *files, struct error *e)
{
	const char *named = getenv("OS_CONFIG_FILES"), *path = list_path;
	size_t before = files->len;

	if (named != NULL) {
		strlist_split(files, named, ":");
		return 0;
	}
	if (path == NULL)
		path = getenv("OS_CONFIG_FILES_PATH");
	if (path == NULL)
		path = METADATA_LIST;
	if (read_list(root, path, files, e) == -1)
		return -1;
	if (list_path != NULL || files->len > before)
		return 0;
	return read_list(root, METADATA_LIST_OLD, files, e) == -1 ? -1 : 1;
}

static bool
is_yaml(const char *path)
{
	const char *dot = strrchr(path_base(path), '.');

	return dot != NULL &&
	    (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

struct value *
metadata_read(struct doc *d, int root, const char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v;

	if (file_read(root, below(root, path), LIMIT_DOC_BYTES, &text, e) ==
	    -1) {
		const char *why = strerror(e->code);

		if (e->code != EFBIG)
			error_set(e, e->code,
			    "Could not open %s for reading. "
			    "[Errno %d] %s: '%s'",
			    path, e->code, why, path);
		return NULL;
	}
	if (!is_yaml(path))
		v = doc_parse_taken(d, &text, path, e);
	else if ((v = doc_parse(d, strbuf_text(&text), text.len, path, e)) ==
	    NULL)
		v = yaml_parse(d, strbuf_text(&text), text.len, path, e);
	if (v == NULL)
		error_prefix(e, "Could not parse metadata file");
	return v;
}

struct value *
metadata_load(
    struct doc *d, int root, const struct strlist *files, struct error *e)
{
	struct value *all = value_map(d);
	bool first = true;

	for (size_t i = 0; i < files->len; i++) {
		const char *path = files->items[i];
		struct value *v;

		if (!file_exists(root, below(root, path)))
			continue;
		v = metadata_read(d, root, path, e);
		if (v == NULL)
			return NULL;
		if (v->kind != VALUE_MAP)
			continue;
		/* Nobody else has the first one, so it may be changed. */
		if (first)
			all = v;
		else
			value_merge(d, all, v);
		first = false;
	}
	return all;
}
