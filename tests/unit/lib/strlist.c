/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of strings, also as argument vectors and environments. */
#include "lib/strlist.h"

#include "lib/mem.h"
#include "lib/own.h"
#include "tests/unit/check.h"

static void
lists_grow_and_end_in_null(void)
{
	own(strlist_clear) struct strlist l = { 0 }, two = { 0 };
	own_free char *text = NULL;

	CHECK(strlist_argv(&l)[0] == NULL);
	for (int i = 0; i < 100; i++) {
		strlist_printf(&l, "%d", i);
		if (l.items[l.len] != NULL)
			CHECK(!"NULL follows the last item");
	}
	CHECK(l.len == 100 && strlist_argv(&l) == l.items);
	CHECK(strlist_has(&l, "99") && !strlist_has(&l, "100"));
	strlist_addn(&two, "abc", 2);
	strlist_take(&two, mem_dup("taken"));
	strlist_add_all(&l, &two);
	CHECK(l.len == 102);
	text = strlist_join(&two, ", ");
	CHECK_STR(text, "ab, taken");
}

static void
items_are_removed_and_sorted(void)
{
	own(strlist_clear) struct strlist l = { 0 };
	own_free char *all = NULL, *rest = NULL, *once = NULL;

	strlist_split(&l, "b,,a;B, c", ",; ");
	strlist_sort(&l);
	all = strlist_join(&l, " ");
	CHECK_STR(all, "B a b c");
	strlist_remove(&l, 3);
	strlist_remove(&l, 0);
	rest = strlist_join(&l, " ");
	CHECK_STR(rest, "a b");
	CHECK(l.items[l.len] == NULL);
	strlist_add(&l, "a");
	strlist_sort(&l);
	strlist_unique(&l);
	once = strlist_join(&l, " ");
	CHECK_STR(once, "a b");
	CHECK(l.items[l.len] == NULL);
}

static const struct {
	const char *text, *seps, *want;
} splits[] = {
	{ "", ",", "" },
	{ ",,,", ",", "" },
	{ "a", ",", "a" },
	{ ",a,", ",", "a" },
	{ "a b\tc\n", " \t\n", "a|b|c" },
	{ "a", "", "a" },
};

static void
text_is_split(void)
{
	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		own(strlist_clear) struct strlist l = { 0 };
		own_free char *text = NULL;

		strlist_split(&l, splits[i].text, splits[i].seps);
		text = strlist_join(&l, "|");
		CHECK_STR(text, splits[i].want);
	}
}

static void
environments_are_kept(void)
{
	own(strlist_clear) struct strlist l = { 0 };
	own_free char *text = NULL;

	strlist_env_set(&l, "A", "1");
	strlist_env_set(&l, "AB", "2");
	strlist_env_set(&l, "A", "x=y");
	strlist_env_set(&l, "E", "");
	CHECK_STR(strlist_env_get(&l, "A"), "x=y");
	CHECK_STR(strlist_env_get(&l, "E"), "");
	CHECK(strlist_env_get(&l, "B") == NULL);
	strlist_env_unset(&l, "AB");
	strlist_env_unset(&l, "none");
	text = strlist_join(&l, " ");
	CHECK_STR(text, "A=x=y E=");
}

int
main(void)
{
	lists_grow_and_end_in_null();
	items_are_removed_and_sorted();
	text_is_split();
	environments_are_kept();
	return check_result();
}
