/* SPDX-License-Identifier: Apache-2.0 */
/* Ini files are read as oslo.config reads them. */
#include "collect-config/ini.h"

#include "lib/error.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

static int
on_assign(void *ctx, const char *section, const char *key, const char *value,
    struct error *e)
{
	(void)e;
	strbuf_printf(ctx, "%s.%s=%s|", section, key, value);
	return 0;
}

static const struct {
	const char *text, *want; /* want begins with ! for an error */
} cases[] = {
	{ "", "" },
	{ "[DEFAULT]\na = b\n", "DEFAULT.a=b|" },
	{ "[DEFAULT]\na: b", "DEFAULT.a=b|" },
	{ "[x]\na=b:c\nd:e=f\n", "x.a=b:c|x.d=e=f|" },
	{ "[x]\na = b # c\n", "x.a=b # c|" },
	{ "[x]\n# a = b\n; c = d\ne=f", "x.e=f|" },
	{ "[x]\na = b\n  c\n\td\n", "x.a=b\nc\nd|" },
	{ "[x]\na = b\n\n  c\n", "!f:4: unexpected continuation line" },
	{ "[x]\na = b\n# note\n c\n", "!f:4: unexpected continuation line" },
	{ "[x]\na = \"b c\"\nd = 'e'\nf = \"g'\nh = \"\n",
	    "x.a=b c|x.d=e|x.f=\"g'|x.h=|" },
	{ "[CFN]\na=1\n[Default]\nb=2\n", "cfn.a=1|default.b=2|" },
	{ "[x]\na=\n b\n", "x.a=\nb|" },
	{ "[x]\r\na=b\r\nc=d\r\n", "x.a=b|x.c=d|" },
	{ "[x]\ra=b\rc=d", "x.a=b|x.c=d|" },
	{ "[x]  \na = b  ", "x.a=b|" },
	{ "[a b]\nc d = e\n", "a b.c d=e|" },
	{ "a = b\n", "!f:1: assignment before any [section]" },
	{ "[x\n", "!f:1: a section must end with ]" },
	{ "[]\n", "!f:1: empty section name" },
	{ "[x]\nword\n", "!f:2: no ':' or '=' in this line" },
	{ "[x]\n = b\n", "!f:2: unexpected continuation line" },
	{ "[x]\n= b\n", "!f:2: empty key" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		own(strbuf_clear) struct strbuf seen = { 0 };
		struct error e;
		const char *text = cases[i].text;

		if (ini_parse(text, strlen(text), "f", on_assign, &seen, &e) ==
		    -1) {
			strbuf_cut(&seen, 0);
			strbuf_printf(&seen, "!%s", e.text);
		}
		CHECK_STR(strbuf_text(&seen), cases[i].want);
	}
	return check_result();
}
