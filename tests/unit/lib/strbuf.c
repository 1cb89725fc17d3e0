/* SPDX-License-Identifier: Apache-2.0 */
/* Growth, termination and handing over of byte runs. */
#include "lib/strbuf.h"

#include <stdlib.h>

#include "lib/own.h"
#include "tests/unit/check.h"

static void
empty_is_a_string(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	own_free char *s = NULL;

	CHECK_STR(strbuf_text(&b), "");
	strbuf_cut(&b, 0);
	CHECK_STR(strbuf_text(&b), "");
	/* Room alone must not show what the allocator left there. */
	memset(strbuf_reserve(&b, 100), 'x', 100);
	strbuf_reserve(&b, 200);
	CHECK_STR(strbuf_text(&b), "");
	CHECK(b.len == 0);
	strbuf_clear(&b);
	s = strbuf_take(&b);
	CHECK_STR(s, "");
}

static void
everything_is_terminated(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	for (size_t i = 0; i < 5000; i++) {
		strbuf_putc(&b, 'a');
		if (b.len != i + 1 || strlen(b.s) != i + 1)
			CHECK(!"length and string differ");
	}
	strbuf_cut(&b, 6000);
	CHECK(b.len == 5000);
	strbuf_cut(&b, 3);
	CHECK_STR(b.s, "aaa");
	strbuf_add(&b, "b\0c", 3);
	CHECK(b.len == 6 && memcmp(b.s, "aaab\0c", 7) == 0);
	strbuf_add(&b, NULL, 0);
	CHECK(b.len == 6);
}

static void
formats_are_added_whole(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	strbuf_printf(&b, "%s-%d;", "x", 7);
	strbuf_printf(&b, "%5000d", 1);
	CHECK(b.len == 5004);
	CHECK(strncmp(b.s, "x-7; ", 5) == 0 && b.s[5003] == '1');
	strbuf_printf(&b, "%s", "");
	CHECK(b.len == 5004);
}

static void
taking_leaves_an_empty_one(void)
{
	struct strbuf b = { 0 };
	own_free char *s = NULL;

	strbuf_puts(&b, "mine");
	s = strbuf_take(&b);
	CHECK_STR(s, "mine");
	CHECK(b.s == NULL && b.len == 0 && b.cap == 0);
}

static void
what_is_trimmed_can_grow_again(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	strbuf_trim(&b);
	CHECK(b.s == NULL);
	strbuf_reserve(&b, 1000);
	strbuf_puts(&b, "a");
	strbuf_trim(&b);
	CHECK(b.cap == 2);
	strbuf_puts(&b, "bc");
	CHECK_STR(b.s, "abc");
}

int
main(void)
{
	empty_is_a_string();
	everything_is_terminated();
	formats_are_added_whole();
	taking_leaves_an_empty_one();
	what_is_trimmed_can_grow_again();
	return check_result();
}
