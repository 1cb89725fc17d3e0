/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups of two images and of a machine, merged by line. */
#include "image-update/machine.h"

#include <stdlib.h>

#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

static const struct {
	const char *what;
	enum etc_lines kind;
	const char *old, *new, *mine, *result, *conflicts;
} cases[] = {
	{ "nothing changed", ETC_NUMBERED, "root:x:0:\n", "root:x:0:\n",
	    "root:x:0:\n", "root:x:0:\n", "" },
	{ "both added", ETC_NUMBERED, "root:x:0:\n", "root:x:0:\nweb:x:101:\n",
	    "root:x:0:\njo:x:1000:\n", "root:x:0:\nweb:x:101:\njo:x:1000:\n",
	    "" },
	{ "the image removed", ETC_NUMBERED, "root:x:0:\nold:x:7:\n",
	    "root:x:0:\n", "root:x:0:\nold:x:7:\njo:x:1000:\n",
	    "root:x:0:\njo:x:1000:\n", "" },
	{ "the machine removed", ETC_NUMBERED, "root:x:0:\ngames:x:5:\n",
	    "root:x:0:\ngames:x:5:\n", "root:x:0:\n", "root:x:0:\n", "" },
	{ "the machine changed", ETC_NUMBERED, "sudo:x:27:\n", "sudo:x:27:\n",
	    "sudo:x:27:jo\n", "sudo:x:27:jo\n", "" },
	{ "the image changed", ETC_NUMBERED, "sudo:x:27:\n", "sudo:x:28:\n",
	    "sudo:x:27:\n", "sudo:x:28:\n", "" },
	{ "both the same", ETC_NUMBERED, "", "web:x:9:\n", "web:x:9:\n",
	    "web:x:9:\n", "" },
	{ "both, otherwise", ETC_NUMBERED, "sudo:x:27:\n", "sudo:x:27:web\n",
	    "sudo:x:27:jo\n", "sudo:x:27:jo\n", "sudo: changed by both" },
	{ "changed and removed", ETC_NUMBERED, "a:x:1:\n", "", "a:x:1:jo\n",
	    "a:x:1:jo\n", "a: changed by both" },
	{ "one number twice", ETC_NUMBERED, "", "web:x:101:\n", "jo:x:101:\n",
	    "web:x:101:\njo:x:101:\n", "web and jo have one number, 101" },
	{ "one number twice on purpose", ETC_NUMBERED, "root:x:0:\n",
	    "root:x:0:\nweb:x:9:\nwww:x:9:\n", "root:x:0:\ntoor:x:0:\n",
	    "root:x:0:\nweb:x:9:\nwww:x:9:\ntoor:x:0:\n", "" },
	{ "names that begin alike", ETC_NUMBERED, "", "web:x:1:\nwebmin:x:2:\n",
	    "we:x:3:\n", "web:x:1:\nwebmin:x:2:\nwe:x:3:\n", "" },
	{ "no fields at all", ETC_NUMBERED, "", "x\n", "y\n", "x\ny\n", "" },
	{ "names alone", ETC_NAMED, "", "web:*:1:\n", "jo:*:1:\n",
	    "web:*:1:\njo:*:1:\n", "" },
	{ "several of one name", ETC_WHOLE, "jo:1:9\n", "jo:1:9\nweb:20:9\n",
	    "jo:1:9\njo:10:9\n", "jo:1:9\nweb:20:9\njo:10:9\n", "" },
	{ "one of several removed", ETC_WHOLE, "jo:1:9\njo:10:9\n",
	    "jo:1:9\njo:10:9\nweb:20:9\n", "jo:10:9\n", "jo:10:9\nweb:20:9\n",
	    "" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		own(strbuf_clear) struct strbuf text = { 0 };
		own(strlist_clear) struct strlist conflicts = { 0 };
		own_free char *all = NULL;

		etc_merge_lines(cases[i].old, cases[i].new, cases[i].mine,
		    cases[i].kind, &text, &conflicts);
		all = strlist_join(&conflicts, "; ");
		CHECK_STR(strbuf_text(&text), cases[i].result);
		CHECK_STR(all, cases[i].conflicts);
	}
	return check_result();
}
