/* SPDX-License-Identifier: Apache-2.0 */
/* One element's text is found; what is not well formed is refused. */
#include "collect-config/xml.h"

#include "lib/error.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

static const struct {
	const char *text, *path, *want; /* want NULL: none, "!": refused */
} cases[] = {
	{ "<a><b>x</b></a>", "a/b", "x" },
	{ "<?xml version='1.0'?>\n<a>\n<b> x </b></a>", "a/b", " x " },
	{ "<a><b>{&quot;k&quot;: &lt;&gt;&amp;&apos;&#65;&#xe9;}</b></a>",
	    "a/b", "{\"k\": <>&'A\xc3\xa9}" },
	{ "<a><b/></a>", "a/b", "" },
	{ "<a><c><b>no</b></c><b>yes</b></a>", "a/b", "yes" },
	{ "<a><b><x/></b><b><c>yes</c></b></a>", "a/b/c", "yes" },
	{ "<a><b>1</b><b>2</b></a>", "a/b", "1" },
	{ "<n:a xmlns:n=\"u>v\"><n:b k='/>'>x</n:b></n:a>", "a/b", "x" },
	{ "<a><b>x<i>y</i>z</b></a>", "a/b", "xyz" },
	{ "<a><!-- <b>no</b> --><b><![CDATA[<&>]]></b></a>", "a/b", "<&>" },
	{ "<a><b>x</b></a>", "a/c", NULL },
	{ "<a><b>x</b></a>", "b", NULL },
	{ "<ab><b>x</b></ab>", "a/b", NULL },
	{ "", "a", NULL },
	{ "<html><p>sorry</html>", "a", "!" },
	{ "<a><b>x", "a/b", "!" },
	{ "<a><b>&nope;</b></a>", "a/b", "!" },
	{ "<a><b>&#0;</b></a>", "a/b", "!" },
	{ "<a><b>&#xd800;</b></a>", "a/b", "!" },
	{ "<a><b>&#99999999999;</b></a>", "a/b", "!" },
	{ "<a><b>& b</b></a>", "a/b", "!" },
	{ "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "a", "!" },
	{ "</a>", "a", "!" },
	{ "<a", "a", "!" },
	{ "< a></a>", "a", "!" },
};

int
main(void)
{
	own(strbuf_clear) struct strbuf deep = { 0 };
	struct error e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		own(strbuf_clear) struct strbuf b = { 0 };
		int r = xml_find(cases[i].text, strlen(cases[i].text),
		    cases[i].path, &b, &e);

		if (cases[i].want == NULL)
			CHECK(r == 1);
		else if (strcmp(cases[i].want, "!") == 0)
			CHECK(r == -1);
		else
			CHECK_STR(
			    r == 0 ? strbuf_text(&b) : "(none)", cases[i].want);
	}
	for (int i = 0; i < 100000; i++)
		strbuf_puts(&deep, "<a>");
	CHECK(xml_find(deep.s, deep.len, "a/b", &deep, &e) == -1);
	return check_result();
}
