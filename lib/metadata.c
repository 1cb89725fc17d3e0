/* SPDX-License-Identifier: Apache-2.0 */
/* Where the metadata is, and its merge. */
#include "lib/metadata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"

static int
read_list(int root, const char *path, struct strlist *files, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *list;

	if (!file_exists(root, path_relative(path)))
		return 0;
	list = doc_load(d, root, path_relative(path), e);
	if (list == NULL)
		return -1;
	if (list->kind != VALUE_LIST)
		return error_set(
		    e, EINVAL, "No list defined in json file: %s", path);
	for (uint32_t i = 0; i < list->len; i++) {
		const struct value *v = list->items[i];

		if (v->kind == VALUE_STRING && v->len > 0)
			strlist_add(files, v->text);
		else if (v->kind != VALUE_NULL && v->kind != VALUE_STRING)
			return error_set(e, EINVAL,
			    "%s: item %u is %s, not a path", path, i,
			    value_kind_name(v));
	}
	return 0;
}

int
metadata_files(
    int root, const char *list_path, struct strlist *files, struct error *e)
{
	const char *named = getenv("OS_CONFIG_FILES");

	if (named != NULL) {
		strlist_split(files, named, ":");
		return 0;
	}
	if (list_path == NULL)
		list_path = getenv("OS_CONFIG_FILES_PATH");
	if (list_path == NULL)
		list_path = METADATA_LIST;
	return read_list(root, list_path, files, e);
}

struct value *
metadata_load(
    struct doc *d, int root, const struct strlist *files, struct error *e)
{
	struct value *all = value_map(d);

	for (size_t i = 0; i < files->len; i++) {
		const char *path = path_relative(files->items[i]);
		const struct value *v;

		if (!file_exists(root, path))
			continue;
		v = doc_load(d, root, path, e);
		if (v == NULL)
			return NULL;
		if (v->kind == VALUE_MAP)
			value_merge(d, all, v);
	}
	return all;
}
