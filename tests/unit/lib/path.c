/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text. */
#include "lib/path.h"

#include "lib/own.h"
#include "tests/unit/check.h"

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

static const struct {
	const char *dir, *name, *want;
} joins[] = {
	{ "a", "b", "a/b" },
	{ "a/", "b", "a/b" },
	{ "a//", "//b", "a/b" },
	{ "/", "b", "/b" },
	{ "//", "/b", "/b" },
	{ "", "b", "b" },
	{ "a", "b/c/", "a/b/c/" },
	{ ".", "b", "./b" },
};

static void
joined_by_one_slash(void)
{
	for (size_t i = 0; i < COUNT(joins); i++) {
		own_free char *got = path_join(joins[i].dir, joins[i].name);

		CHECK_STR(got, joins[i].want);
	}
}

static void
same_folder(void)
{
	CHECK(path_same_dir("a/b", "a/c") && path_same_dir("b", "c"));
	CHECK(path_same_dir("/b", "/c") && path_same_dir("a/b", "a/"));
	CHECK(!path_same_dir("a/b", "a/b/c") && !path_same_dir("a/b/c", "a/b"));
	CHECK(!path_same_dir("a/b", "b/b") && !path_same_dir("/b", "b"));
}

static const struct {
	const char *path, *dir, *base, *relative;
} parts[] = {
	{ "a", ".", "a", "a" },
	{ "/a", "/", "a", "a" },
	{ "/a/b", "/a", "b", "a/b" },
	{ "a//b", "a", "b", "a//b" },
	{ "a/", "a", "", "a/" },
	{ "/", "/", "", "." },
	{ "///", "/", "", "." },
	{ "", ".", "", "." },
};

static void
taken_apart(void)
{
	for (size_t i = 0; i < COUNT(parts); i++) {
		own_free char *dir = path_dir(parts[i].path);

		CHECK_STR(dir, parts[i].dir);
		CHECK_STR(path_base(parts[i].path), parts[i].base);
		CHECK_STR(path_relative(parts[i].path), parts[i].relative);
	}
}

static const struct {
	const char *path;
	bool name, inside;
} judged[] = {
	{ "a", true, true },
	{ "a.b", true, true },
	{ "...", true, true },
	{ "..a", true, true },
	{ "\xc3\xa9", true, true },
	{ "", false, false },
	{ ".", false, true },
	{ "..", false, false },
	{ "/", false, false },
	{ "/a", false, false },
	{ "a/b", false, true },
	{ "a/./b", false, true },
	{ "a/..", false, false },
	{ "a/../b", false, false },
	{ "../a", false, false },
	{ "a//b", false, false },
	{ "a/", false, false },
	{ "a\nb", false, true },
	{ "a\x7f", false, true },
};

static void
foreign_names_are_judged(void)
{
	char name[257];

	for (size_t i = 0; i < COUNT(judged); i++) {
		bool right = path_is_name(judged[i].path) == judged[i].name &&
		    path_is_inside(judged[i].path) == judged[i].inside;

		if (!right)
			printf("%s\n", judged[i].path);
		CHECK(right);
	}
	memset(name, 'x', 256);
	name[256] = '\0';
	CHECK(!path_is_name(name));
	name[255] = '\0';
	CHECK(path_is_name(name));
}

int
main(void)
{
	joined_by_one_slash();
	same_folder();
	taken_apart();
	foreign_names_are_judged();
	return check_result();
}
