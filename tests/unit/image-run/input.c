/* SPDX-License-Identifier: Apache-2.0 */
/* The user's file, its edits and its mistakes. */
#include "image-run/image-run.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static char dir[] = "/tmp/input-XXXXXX";

static char *
write_text(const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", dir, name);
	struct error e;

	CHECK(file_replace(AT_FDCWD, path, 0644, text, strlen(text), &e) == 0);
	return path;
}

static const char *
member(const struct input *in)
{
	return value_text(in->map, "k", "(none)");
}

static void
edits_are_seen(void)
{
	own_free char *path = write_text("a.json", "{\"k\":\"one\"}");
	own(input_clear) struct input in = { 0 };
	struct error e = { 0 };
	time_t first;

	CHECK(input_open(&in, path, &e) == 0);
	CHECK_STR(member(&in), "one");
	first = in.modified;
	input_refresh(&in);
	CHECK(in.modified == first);
	free(write_text("a.json", "{\"k\":\"two\"}"));
	input_refresh(&in);
	CHECK_STR(member(&in), "two");
	/* Within the same second, yet later. */
	CHECK(in.modified > first);
}

/* A file put back with an old time stamp is newer than what it replaces. */
static void
older_files_count_as_newer(void)
{
	const struct timespec old[2] = { { .tv_sec = 1000 },
		{ .tv_sec = 1000 } };
	own_free char *path = write_text("o.json", "{\"k\":\"one\"}");
	own(input_clear) struct input in = { 0 };
	struct error e = { 0 };
	time_t first;

	CHECK(input_open(&in, path, &e) == 0);
	first = in.modified;
	free(write_text("o.json", "{\"k\":\"old\"}"));
	utimensat(AT_FDCWD, path, old, 0);
	input_refresh(&in);
	CHECK_STR(member(&in), "old");
	CHECK(in.modified > first);
}

static void
last_good_is_kept(void)
{
	own_free char *path = write_text("b.json", "{\"k\":\"one\"}");
	own(input_clear) struct input in = { 0 };
	struct error e = { 0 };

	CHECK(input_open(&in, path, &e) == 0);
	free(write_text("b.json", "{\"k\":"));
	input_refresh(&in);
	CHECK_STR(member(&in), "one");
	CHECK(
	    in.complaint != NULL && strstr(in.complaint, "b.json:1:6") != NULL);
	free(write_text("b.json", "[1]"));
	input_refresh(&in);
	CHECK_STR(member(&in), "one");
	CHECK(in.complaint != NULL && strstr(in.complaint, "a list") != NULL);
	remove(path);
	input_refresh(&in);
	CHECK_STR(member(&in), "one");
	free(write_text("b.json", "{\"k\":\"two\"}"));
	input_refresh(&in);
	CHECK_STR(member(&in), "two");
	CHECK(in.complaint == NULL);
}

static void
yaml_goes_by_name(void)
{
	own_free char *yaml = write_text("c.yaml", "k: yes\nl: [1, 2]\n");
	own_free char *yml = write_text("c.yml", "k: text\n");
	own_free char *json = write_text("c.json", "k: text\n");
	own(input_clear) struct input a = { 0 }, b = { 0 }, c = { 0 };
	struct error e = { 0 };

	CHECK(input_open(&a, yaml, &e) == 0);
	CHECK(value_get(a.map, "k")->kind == VALUE_BOOL);
	CHECK(input_open(&b, yml, &e) == 0);
	CHECK_STR(member(&b), "text");
	CHECK(input_open(&c, json, &e) == -1);
	CHECK(strstr(e.text, "c.json:1:1") != NULL);
}

static void
first_reading_is_strict(void)
{
	own_free char *list = write_text("d.json", "[]");
	own(input_clear) struct input a = { 0 }, b = { 0 }, none = { 0 };
	struct error e = { 0 };

	CHECK(input_open(&a, list, &e) == -1);
	CHECK(strstr(e.text, "metadata is a map, this is a list") != NULL);
	CHECK(input_open(&b, "/nowhere/x.json", &e) == -1);
	CHECK(input_open(&none, NULL, &e) == 0);
	CHECK(none.map->len == 0);
	input_refresh(&none);
	CHECK(none.map->len == 0);
}

int
main(void)
{
	struct error e;

	if (mkdtemp(dir) == NULL)
		return 1;
	edits_are_seen();
	older_files_count_as_newer();
	last_good_is_kept();
	yaml_goes_by_name();
	first_reading_is_strict();
	tree_remove(AT_FDCWD, dir, &e);
	return check_result();
}
