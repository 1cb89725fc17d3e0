/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as PyYAML's safe loader has it.  With an argument it is a filter
 * instead: documents with NULs between come in, JSON or "error: ..." with a
 * NUL after it goes out (tests/script/yaml-python.sh).
 */
#include "lib/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

static char *
convert(const char *yaml, size_t len)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct strbuf b = { 0 };
	struct error e = { 0 };
	struct value *v = yaml_parse(d, yaml, len, "y", &e);

	if (v != NULL)
		value_print(v, STYLE_PYTHON, &b);
	else
		strbuf_printf(&b, "error: %s", e.text);
	return strbuf_take(&b);
}

static const struct {
	const char *in, *want;
} rows[] = {
	/* documents */
	{ "", "null" },
	{ "# only words\n", "null" },
	{ "---\n", "null" },
	{ "--- 1\n...\n", "1" },
	{ "a: 1\nb: [x, 'y', \"z\"]\nc: {d: }\n",
	    "{\"a\": 1, \"b\": [\"x\", \"y\", \"z\"], \"c\": {\"d\": null}}" },
	{ "- |\n  one\n  two\n- >-\n  one\n  two\n",
	    "[\"one\\ntwo\\n\", \"one two\"]" },
	{ "{\"json\": [1, true, null]}", "{\"json\": [1, true, null]}" },
	/* of a repeated key the last wins */
	{ "a: 1\nb: 2\na: 3\n", "{\"a\": 3, \"b\": 2}" },
	/* keys that are no strings */
	{ "1: a\nyes: b\n~: c\n1.50: d\n",
	    "{\"1\": \"a\", \"true\": \"b\", \"null\": \"c\", "
	    "\"1.5\": \"d\"}" },
	/* anchors and merges */
	{ "a: &x [1, 2]\nb: *x\n", "{\"a\": [1, 2], \"b\": [1, 2]}" },
	{ "&k a: 1\nb: *k\n", "{\"a\": 1, \"b\": \"a\"}" },
	{ "d: &d {a: 1, b: 2}\ne: {<<: *d, b: 3}\n",
	    "{\"d\": {\"a\": 1, \"b\": 2}, \"e\": {\"b\": 3, \"a\": 1}}" },
	{ "<<: [{a: 1}, {a: 2, b: 3}]\nc: 4\n",
	    "{\"c\": 4, \"a\": 1, \"b\": 3}" },
	{ "<<: {a: 1}\n<<: {a: 2}\n", "{\"a\": 2}" },
	{ "'<<': {a: 1}\n", "{\"<<\": {\"a\": 1}}" },
	/* a merge into one use of an anchor leaves the others alone */
	{ "a: &x {k: {l: 1}}\nb:\n  <<: *x\n  m: 2\nc: *x\n",
	    "{\"a\": {\"k\": {\"l\": 1}}, \"b\": {\"m\": 2, \"k\": "
	    "{\"l\": 1}}, \"c\": {\"k\": {\"l\": 1}}}" },
	/* tags */
	{ "[!!str 123, !!str yes, !!str , !!str 'x']",
	    "[\"123\", \"yes\", \"\", \"x\"]" },
	{ "[!!int '12', !!int 0x1f, !!float 1, !!bool 'on', !!null x]",
	    "[12, 31, 1.0, true, null]" },
	{ "[! 12, ! '12', ! ]", "[12, 12, \"\"]" },
	{ "!!map {a: !!seq [1]}", "{\"a\": [1]}" },
	{ "!!timestamp 2001-01-01", "\"2001-01-01\"" },
	{ "!!int x", "error: y:1:1: unknown tag, or not of its type" },
	{ "!mine x", "error: y:1:1: unknown tag, or not of its type" },
	{ "a: !mine [1]", "error: y:1:4: unknown tag" },
	{ "!!set {a, b}", "error: y:1:1: unknown tag" },
	/* mistakes */
	{ "a: [1\n", "error: y:2:1: did not find expected ',' or ']'" },
	{ "a: b: c\n",
	    "error: y:1:5: mapping values are not allowed in this context" },
	{ "a\n\tb: c",
	    "error: y:2:3: mapping values are not allowed in this "
	    "context" },
	{ "a: 1\n---\nb: 2\n", "error: y:2:1: a second document" },
	{ "a: *x\n", "error: y:1:4: no such anchor before this alias" },
	{ "a: &x [*x]\n", "error: y:1:8: no such anchor before this alias" },
	{ "? [1, 2]\n: x\n", "error: y:1:3: a list or map cannot be a key" },
	{ "<<: 1\n", "error: y:1:1: << wants a map or a list of maps" },
	{ "<<: [1]\n", "error: y:1:1: << wants a map or a list of maps" },
	{ "a: \xff\n", "error: y: byte 3: invalid leading UTF-8 octet" },
	{ "a: \x01\n", "error: y: byte 3: control characters are not allowed" },
	{ "%YAML 3.0\n--- a\n",
	    "error: y:1:1: found incompatible YAML document" },
};

static void
documents_are_converted(void)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		own_free char *got = convert(rows[i].in, strlen(rows[i].in));

		CHECK_STR(got, rows[i].want);
	}
}

static const struct {
	const char *in, *want;
} scalars[] = {
	{ "", "null" },
	{ "~", "null" },
	{ "Null", "null" },
	{ "nULL", "\"nULL\"" },
	{ "yes", "true" },
	{ "Off", "false" },
	{ "TRUE", "true" },
	{ "tRUE", "\"tRUE\"" },
	{ "y", "\"y\"" },
	{ "0", "0" },
	{ "-0", "0" },
	{ "+5", "5" },
	{ "-12_000", "-12000" },
	{ "12345678901234567890123", "12345678901234567890123" },
	{ "0755", "493" },
	{ "-010", "-8" },
	{ "08", "\"08\"" },
	{ "0o17", "\"0o17\"" },
	{ "0x1F", "31" },
	{ "-0xff_ff", "-65535" },
	{ "0x", "\"0x\"" },
	{ "0x_", "\"0x_\"" },
	{ "0xffffffffffffffffffff", "1208925819614629174706175" },
	{ "0777777777777777777777777", "4722366482869645213695" },
	{ "0b1010", "10" },
	{ "-0b0", "0" },
	{ "0b2", "\"0b2\"" },
	{ "1:30", "90" },
	{ "-1:30:10", "-5410" },
	{ "1:60", "\"1:60\"" },
	{ "100000000000000000000:00:01", "360000000000000000000001" },
	{ "1_0:0_1", "\"1_0:0_1\"" },
	{ "1_0:01", "601" },
	{ "1:2:3.5_0", "3723.5" },
	{ "01:30", "\"01:30\"" },
	{ "1:30.5", "90.5" },
	{ "01:30.", "90.0" },
	{ "1.5", "1.5" },
	{ "-1_0.5_0", "-10.5" },
	{ "1.", "1.0" },
	{ ".5", "0.5" },
	{ "-.5", "\"-.5\"" },
	{ ".", "\".\"" },
	{ "._5", "\"._5\"" },
	{ "1.5e3", "\"1.5e3\"" },
	{ "1.5e+3", "1500.0" },
	{ "1e5", "\"1e5\"" },
	{ "1.e+999", "Infinity" },
	{ ".inf", "Infinity" },
	{ "-.INF", "-Infinity" },
	{ "+.inf", "Infinity" },
	{ ".iNF", "\".iNF\"" },
	{ ".nan", "NaN" },
	{ "-.nan", "\"-.nan\"" },
	{ "2001-01-01", "\"2001-01-01\"" },
	{ "1.2.3", "\"1.2.3\"" },
	{ "-", "\"-\"" },
	{ "--1", "\"--1\"" },
	{ "1_", "1" },
	{ "_1", "\"_1\"" },
	{ "inf", "\"inf\"" },
};

static void
scalars_have_the_types_of_yaml_1_1(void)
{
	for (size_t i = 0; i < COUNT(scalars); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		own(strbuf_clear) struct strbuf b = { 0 };

		value_print(
		    yaml_scalar(d, scalars[i].in, strlen(scalars[i].in)),
		    STYLE_PYTHON, &b);
		CHECK_STR(b.s, scalars[i].want);
	}
}

/* A number in text with a NUL is none. */
static void
nul_makes_text(void)
{
	ownp(doc_free) struct doc *d = doc_new();

	CHECK(yaml_scalar(d, "12\0", 3)->kind == VALUE_STRING);
}

/* Nine lists of nine aliases each, nine deep, are 9^9 values. */
static void
expansion_is_bounded(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	own_free char *got = NULL;

	strbuf_puts(&b, "a0: &a0 x\n");
	for (int i = 1; i < 10; i++) {
		strbuf_printf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 9; k++)
			strbuf_printf(&b, "%s*a%d", k ? ", " : "", i - 1);
		strbuf_puts(&b, "]\n");
	}
	got = convert(b.s, b.len);
	CHECK(strstr(got, "aliases expand to too much") != NULL);
}

static void
depth_is_bounded(void)
{
	own(strbuf_clear) struct strbuf b = { 0 }, c = { 0 };
	own_free char *flow = NULL, *chain = NULL;

	for (int i = 0; i < LIMIT_DOC_DEPTH + 1; i++)
		strbuf_putc(&b, '[');
	flow = convert(b.s, b.len);
	CHECK(strstr(flow, "nested too deeply") != NULL);
	/* Each alias is one deeper than the one before. */
	strbuf_puts(&c, "- &a0 x\n");
	for (int i = 1; i < LIMIT_DOC_DEPTH + 2; i++)
		strbuf_printf(&c, "- &a%d [*a%d]\n", i, i - 1);
	chain = convert(c.s, c.len);
	CHECK(strstr(chain, "aliases expand to too much") != NULL);
}

static void
many_anchors_are_found_quickly(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	own_free char *got = NULL;

	for (int i = 0; i < 50000; i++)
		strbuf_printf(&b, "- &n%d %d\n- *n%d\n", i, i, i / 2);
	got = convert(b.s, b.len);
	CHECK(strncmp(got, "[0, 0, 1, 0, 2, 1,", 18) == 0);
}

static void
files_are_named_in_errors(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct error e = { 0 };

	CHECK(yaml_load(d, -1, "/nowhere/x.yaml", &e) == NULL);
	CHECK(e.code == ENOENT);
	CHECK_STR(e.text, "/nowhere/x.yaml: No such file or directory");
}

static int
filter(void)
{
	own_free char *text = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getdelim(&text, &cap, '\0', stdin)) > 0) {
		own_free char *out = convert(text, (size_t)n - 1);

		fwrite(out, 1, strlen(out) + 1, stdout);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return filter();
	documents_are_converted();
	scalars_have_the_types_of_yaml_1_1();
	nul_makes_text();
	expansion_is_bounded();
	depth_is_bounded();
	many_anchors_are_found_quickly();
	files_are_named_in_errors();
	return check_result();
}
