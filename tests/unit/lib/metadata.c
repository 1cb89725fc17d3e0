/* SPDX-License-Identifier: Apache-2.0 */
/* Which metadata files count, and what they make together. */
#include "lib/metadata.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static int root; /* a scratch root */

static void
put(const char *path, const char *text)
{
	own_free char *dir = path_dir(path);
	struct error e;

	CHECK(file_mkdirs(root, dir, 0755, &e) == 0);
	CHECK(file_replace(root, path, 0644, text, strlen(text), &e) == 0);
}

static char *
files(const char *list_path)
{
	own(strlist_clear) struct strlist l = { 0 };
	struct error e = { 0 };
	int r = metadata_files(root, list_path, &l, &e);
	own_free char *text = strlist_join(&l, " ");

	return r == -1 ? mem_printf("error: %s", e.text)
		       : mem_printf("%d: %s", r, text);
}

static char *
merged(const char *paths)
{
	own(strlist_clear) struct strlist l = { 0 };
	ownp(doc_free) struct doc *d = doc_new();
	struct strbuf b = { 0 };
	struct error e = { 0 };
	struct value *v;

	strlist_split(&l, paths, " ");
	v = metadata_load(d, root, &l, &e);
	if (v == NULL)
		return mem_printf("error: %s", e.text);
	value_print(v, STYLE_PYTHON, &b);
	return strbuf_take(&b);
}

static void
expect(char *got, const char *want)
{
	CHECK_STR(got, want);
	free(got);
}

static void
files_are_chosen(void)
{
	unsetenv("OS_CONFIG_FILES");
	unsetenv("OS_CONFIG_FILES_PATH");
	expect(files("/none.json"), "0: ");
	put("list.json", "[\"/a\", null, \"\", \"/b\"]");
	expect(files("/list.json"), "0: /a /b");
	put("map.json", "{}");
	expect(files("/map.json"),
	    "error: No list defined in json file: /map.json");
	put("odd.json", "[1]");
	expect(files("/odd.json"),
	    "error: /odd.json: item 0 is a number, not a path");
	put("bad.json", "[");
	expect(files("/bad.json"), "error: bad.json:1:2: a value is missing");
	/* The old list stands in for the new one. */
	expect(files(NULL), "1: ");
	put(path_relative(METADATA_LIST_OLD), "[\"/old\"]");
	expect(files(NULL), "1: /old");
	put(path_relative(METADATA_LIST), "[\"/new\"]");
	expect(files(NULL), "0: /new");
	setenv("OS_CONFIG_FILES_PATH", "/list.json", 1);
	expect(files(NULL), "0: /a /b");
	setenv("OS_CONFIG_FILES", "/x::/y", 1);
	expect(files("/list.json"), "0: /x /y");
	setenv("OS_CONFIG_FILES", "", 1);
	expect(files("/list.json"), "0: ");
	unsetenv("OS_CONFIG_FILES");
	unsetenv("OS_CONFIG_FILES_PATH");
}

static void
files_are_merged(void)
{
	put("a", "{\"k\": {\"x\": 1, \"y\": [1]}, \"n\": null}");
	put("b", "{\"k\": {\"y\": [2], \"z\": 3}, \"n\": 4}");
	put("list", "[1, 2]");
	put("empty", "{}");
	put("bad", "{\"k\":\n}");
	put("c.yaml", "k: {x: !!str 7}\n");
	expect(merged(""), "{}");
	expect(merged("/a /none /list /empty /b"),
	    "{\"k\": {\"x\": 1, \"y\": [2], \"z\": 3}, \"n\": 4}");
	expect(merged("/b /a"),
	    "{\"k\": {\"y\": [1], \"z\": 3, \"x\": 1}, \"n\": null}");
	expect(merged("/a /c.yaml"),
	    "{\"k\": {\"x\": \"7\", \"y\": [1]}, \"n\": null}");
	expect(merged("/a /bad"),
	    "error: Could not parse metadata file: /bad:2:1: not a value");
}

int
main(void)
{
	char dir[] = "/tmp/metadata-XXXXXX";
	struct error e;

	if (mkdtemp(dir) == NULL)
		return 1;
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	files_are_chosen();
	files_are_merged();
	tree_remove(AT_FDCWD, dir, &e);
	return check_result();
}
