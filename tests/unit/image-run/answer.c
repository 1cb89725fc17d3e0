/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata's body, its tag and its dates. */
#include "image-run/image-run.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

static const struct {
	const char *user, *body;
} bodies[] = {
	{ "{}",
	    "{\"refresh-config\": {\"signal_url\": \"http://h:1/signal\"}}\n" },
	{ "{\"b\":1,\"a\":[1.50,null]}",
	    "{\"b\": 1, \"a\": [1.5, null], \"refresh-config\": "
	    "{\"signal_url\": \"http://h:1/signal\"}}\n" },
	{ "{\"refresh-config\":{\"x\":1,\"signal_url\":\"mine\"},\"z\":2}",
	    "{\"refresh-config\": {\"x\": 1, \"signal_url\": "
	    "\"http://h:1/signal\"}, \"z\": 2}\n" },
	{ "{\"refresh-config\":\"text\"}",
	    "{\"refresh-config\": {\"signal_url\": \"http://h:1/signal\"}}\n" },
};

static void
signal_url_is_merged_in(void)
{
	for (size_t i = 0; i < COUNT(bodies); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		own(strbuf_clear) struct strbuf b = { 0 }, after = { 0 };
		struct error e;
		struct value *user = doc_parse(
		    d, bodies[i].user, strlen(bodies[i].user), "user", &e);
		struct value *copy = value_copy(d, user);

		answer_body(user, "h:1", &b);
		CHECK_STR(strbuf_text(&b), bodies[i].body);
		/* The user's map is as it was. */
		CHECK(value_equal(user, copy));
		answer_body(user, "h:1", &after);
		CHECK_STR(strbuf_text(&after), strbuf_text(&b));
	}
}

static void
tags_tell_bodies_apart(void)
{
	own(strbuf_clear) struct strbuf a = { 0 }, b = { 0 };
	char one[ETAG_TEXT], two[ETAG_TEXT];

	strbuf_puts(&a, "x");
	strbuf_puts(&b, "y");
	answer_etag(&a, one);
	answer_etag(&b, two);
	CHECK(strlen(one) == 66 && one[0] == '"' && one[65] == '"');
	CHECK(strcmp(one, two) != 0);
}

static const struct {
	const char *header;
	bool match;
} matches[] = {
	{ "\"abc\"", true },
	{ "W/\"abc\"", true },
	{ "\"x\", \"abc\"", true },
	{ "\"x\",W/\"abc\" , \"y\"", true },
	{ "*", true },
	{ "", false },
	{ "\"ab\"", false },
	{ "\"abcd\"", false },
	{ "abc", false },
	{ "\"abc\"x", false },
	{ " , ,", false },
};

static void
tags_are_matched(void)
{
	for (size_t i = 0; i < COUNT(matches); i++)
		CHECK(answer_matches(matches[i].header, "\"abc\"") ==
		    matches[i].match);
}

static void
dates_go_both_ways(void)
{
	static const char *const bad[] = { "", "now",
		"Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT x",
		"1994-11-06T08:49:37Z" };
	own_free char *text = answer_date(784111777);

	CHECK_STR(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	CHECK(answer_parse_date(text) == 784111777);
	for (size_t i = 0; i < COUNT(bad); i++)
		CHECK(answer_parse_date(bad[i]) == -1);
}

int
main(void)
{
	signal_url_is_merged_in();
	tags_tell_bodies_apart();
	tags_are_matched();
	dates_go_both_ways();
	return check_result();
}
