/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data model: what is accepted, how it is printed, found, merged and
 * compared.  With a style as its argument ("python", "utf8", "indent") it is
 * a filter instead: each line of input is parsed and printed, with a NUL
 * after it, or "error: ..." (tests/script/doc-python.sh).
 */
#include "lib/doc.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

static struct value *
parse(struct doc *d, const char *json)
{
	struct error e = { 0 };
	struct value *v = doc_parse(d, json, strlen(json), "t", &e);

	if (v == NULL)
		printf("%s: %s\n", json, e.text);
	return v;
}

/* What comes of parsing and printing; or the error. */
static char *
reprint(const char *json, size_t len, enum value_style style)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct strbuf b = { 0 };
	struct error e = { 0 };
	struct value *v = doc_parse(d, json, len, "t", &e);

	if (v != NULL)
		value_print(v, style, &b);
	else
		strbuf_puts(&b, e.text);
	return strbuf_take(&b);
}

struct row {
	const char *in, *want;
};

static const struct row accepted[] = {
	{ " [ ] ", "[]" },
	{ "\t{\r\n}", "{}" },
	{ "[1,2 , 3]", "[1, 2, 3]" },
	{ "{\"a\":null,\"b\":true,\"c\":false}",
	    "{\"a\": null, \"b\": true, \"c\": false}" },
	{ "{\"a\":[[1],-2,[3\n,4.5]],\"b\":{\"c\":6},\"d\":7 ,\"e\":8}",
	    "{\"a\": [[1], -2, [3, 4.5]], \"b\": {\"c\": 6}, \"d\": 7, "
	    "\"e\": 8}" },
	{ "12", "12" },
	{ " 1.5e3\n", "1500.0" },
	/* of a repeated key the last wins, at the first's place */
	{ "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\": 3, \"b\": 2}" },
	/* numbers */
	{ "0", "0" },
	{ "-0", "0" },
	{ "-0.0", "-0.0" },
	{ "123456789012345678901234567890", "123456789012345678901234567890" },
	{ "1.50", "1.5" },
	{ "1e5", "100000.0" },
	{ "1E+5", "100000.0" },
	{ "1e15", "1000000000000000.0" },
	{ "1e16", "1e+16" },
	{ "1e-4", "0.0001" },
	{ "1e-5", "1e-05" },
	{ "0.1", "0.1" },
	{ "5e-324", "5e-324" },
	{ "1e-400", "0.0" },
	{ "1.7976931348623157e308", "1.7976931348623157e+308" },
	{ "1e400", "Infinity" },
	{ "-1e400", "-Infinity" },
	{ "[NaN,Infinity,-Infinity]", "[NaN, Infinity, -Infinity]" },
	/* strings */
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
	{ "\"\\u0041\\u00e9\\u20AC\"", "\"A\\u00e9\\u20ac\"" },
	{ "\"\xc3\xa9\"", "\"\\u00e9\"" },
	{ "\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\"" },
	{ "\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"" },
	{ "\"\\ud83d\"", "\"\\ud83d\"" },
	{ "\"\\ude00\\ud83d\"", "\"\\ude00\\ud83d\"" },
	{ "\"\\ud83d\\u0041\"", "\"\\ud83dA\"" },
	{ "\"a\\u0000b\"", "\"a\\u0000b\"" },
	{ "\"\x7f\"", "\"\\u007f\"" },
	{ "{\"\\u0000\":{\"\":0}}", "{\"\\u0000\": {\"\": 0}}" },
};

static const struct row refused[] = {
	{ "", "t:1:1: a value is missing" },
	{ " \n ", "t:2:2: a value is missing" },
	{ "[1,]", "t:1:4: not a value" },
	{ "[1 2]", "t:1:4: expected ',' or ']'" },
	{ "[1", "t:1:3: list does not end" },
	{ "{\"a\"}", "t:1:5: expected ':'" },
	{ "{\"a\":1,}", "t:1:8: expected a name in double quotes" },
	{ "{a:1}", "t:1:2: expected a name in double quotes" },
	{ "{\"a\":1", "t:1:7: map does not end" },
	{ "{\"a\":1]", "t:1:7: expected ',' or '}'" },
	{ "\"abc", "t:1:5: string does not end" },
	{ "\"\\x\"", "t:1:3: invalid escape in string" },
	{ "\"\\u12g4\"", "t:1:4: invalid escape in string" },
	{ "\"\n\"", "t:1:2: control character in string" },
	{ "\"\xff\"", "t:1:2: invalid UTF-8" },
	{ "\"\xed\xa0\x80\"", "t:1:2: invalid UTF-8" },
	{ "\"\xc0\x80\"", "t:1:2: invalid UTF-8" },
	{ "01", "t:1:2: something follows the value" },
	{ "1.", "t:1:2: something follows the value" },
	{ ".5", "t:1:1: not a value" },
	{ "+1", "t:1:1: not a value" },
	{ "-", "t:1:2: not a value" },
	{ "-NaN", "t:1:2: not a value" },
	{ "1e", "t:1:2: something follows the value" },
	{ "0x10", "t:1:2: something follows the value" },
	{ "nul", "t:1:1: not a value" },
	{ "True", "t:1:1: not a value" },
	{ "// no", "t:1:1: not a value" },
	{ "[1]\n\nx", "t:3:1: something follows the value" },
	{ "\xef\xbb\xbf[]", "t:1:1: not a value" },
};

static void
what_python_accepts_is_accepted(void)
{
	for (size_t i = 0; i < COUNT(accepted); i++) {
		own_free char *got = reprint(
		    accepted[i].in, strlen(accepted[i].in), STYLE_PYTHON);

		CHECK_STR(got, accepted[i].want);
	}
}

static void
mistakes_are_located(void)
{
	for (size_t i = 0; i < COUNT(refused); i++) {
		own_free char *got =
		    reprint(refused[i].in, strlen(refused[i].in), STYLE_PYTHON);

		CHECK_STR(got, refused[i].want);
	}
}

static void
depth_is_bounded(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	own_free char *ok = NULL, *deep = NULL, *maps = NULL;

	for (int i = 0; i < LIMIT_DOC_DEPTH; i++)
		strbuf_putc(&b, '[');
	for (int i = 0; i < LIMIT_DOC_DEPTH; i++)
		strbuf_putc(&b, ']');
	ok = reprint(b.s, b.len, STYLE_PYTHON);
	CHECK_STR(ok, b.s);
	strbuf_clear(&b);
	for (int i = 0; i < 1000000; i++)
		strbuf_putc(&b, '[');
	deep = reprint(b.s, b.len, STYLE_PYTHON);
	CHECK_STR(deep, "t:1:513: nested too deeply");
	strbuf_clear(&b);
	for (int i = 0; i < 100000; i++)
		strbuf_puts(&b, "{\"a\":");
	maps = reprint(b.s, b.len, STYLE_PYTHON);
	CHECK(strstr(maps, "nested too deeply") != NULL);
}

static void
styles_differ_as_told(void)
{
	static const char in[] =
	    "{\"\xc3\xa9\":[],\"b\":{},\"c\":[1,{\"d\":2}],"
	    "\"e\":\"\\ud800\x7f\"}";
	own_free char *utf8 = reprint(in, sizeof(in) - 1, STYLE_UTF8);
	own_free char *indent = reprint(in, sizeof(in) - 1, STYLE_INDENT);
	own_free char *pretty = reprint(in, sizeof(in) - 1, STYLE_PRETTY);

	CHECK_STR(utf8,
	    "{\"\xc3\xa9\": [], \"b\": {}, \"c\": [1, {\"d\": 2}], "
	    "\"e\": \"\\ud800\x7f\"}");
	CHECK_STR(indent,
	    "{\n \"\\u00e9\": [],\n \"b\": {},\n \"c\": [\n  1,\n  {\n"
	    "   \"d\": 2\n  }\n ],\n \"e\": \"\\ud800\\u007f\"\n}");
	CHECK_STR(pretty,
	    "{\n  \"\xc3\xa9\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n"
	    "    {\n      \"d\": 2\n    }\n  ],\n"
	    "  \"e\": \"\\ud800\x7f\"\n}");
}

/* A string made of foreign bytes must still print as JSON. */
static void
malformed_text_is_replaced(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf a = { 0 }, b = { 0 };
	const struct value *v = value_stringn(d, "a\xff\xe2\x82z\xc3", 6);

	CHECK_STR(value_foreign(d, v->text, v->len)->text,
	    "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd");
	value_print(v, STYLE_PYTHON, &a);
	value_print(v, STYLE_UTF8, &b);
	CHECK_STR(a.s, "\"a\\ufffd\\ufffd\\ufffdz\\ufffd\"");
	CHECK_STR(
	    b.s, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\"");
}

static void
made_values_print_as_parsed_ones(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf b = { 0 };
	struct value *l = value_list(d);

	value_add(d, l, value_null(d));
	value_add(d, l, value_bool(d, true));
	value_add(d, l, value_int(d, -9223372036854775807LL - 1));
	value_add(d, l, value_real(d, 3));
	value_add(d, l, value_real(d, 0.1));
	value_add(d, l, value_real(d, 1e300));
	value_add(d, l, value_real(d, -1e-300));
	value_add(d, l, value_real(d, INFINITY));
	value_add(d, l, value_string(d, "x"));
	value_print(l, STYLE_PYTHON, &b);
	CHECK_STR(b.s,
	    "[null, true, -9223372036854775808, 3.0, 0.1, 1e+300, -1e-300, "
	    "Infinity, \"x\"]");
}

static void
members_are_found(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *v = parse(d,
	    "{\"a\":{\"b\":{\"c\":\"deep\"}},\"a.b\":1,\"s\":\"text\",\"n\":7,"
	    "\"l\":[1],\"\":{\"\":2}}");

	CHECK(value_get(v, "a") != NULL && value_get(v, "x") == NULL);
	CHECK(value_get(NULL, "a") == NULL);
	CHECK(value_get(value_get(v, "l"), "0") == NULL);
	CHECK_STR(value_find(v, "a.b.c")->text, "deep");
	CHECK(value_find(v, "a.b.x") == NULL);
	CHECK(value_find(v, "a.b.c.d") == NULL);
	CHECK(value_find(v, ".") != NULL && value_find(v, "..") == NULL);
	CHECK(value_find(NULL, "a") == NULL);
	CHECK_STR(value_text(v, "s", "no"), "text");
	CHECK_STR(value_text(v, "n", "no"), "no");
	CHECK_STR(value_text(v, "x", "no"), "no");
	CHECK_STR(value_member(v, 1).name, "a.b");
	CHECK_STR(value_kind_name(value_get(v, "l")), "a list");
	CHECK_STR(value_kind_name(NULL), "nothing");
}

static const struct {
	const char *json;
	bool fits;
	long long n;
} whole[] = {
	{ "0", true, 0 },
	{ "-0", true, 0 },
	{ "9223372036854775807", true, 9223372036854775807LL },
	{ "-9223372036854775808", true, -9223372036854775807LL - 1 },
	{ "9223372036854775808", false, 0 },
	{ "1.0", false, 0 },
	{ "1e2", false, 0 },
	{ "NaN", false, 0 },
	{ "\"1\"", false, 0 },
	{ "true", false, 0 },
};

static void
whole_numbers_are_read(void)
{
	for (size_t i = 0; i < COUNT(whole); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		long long n = 42;

		CHECK(
		    value_to_int(parse(d, whole[i].json), &n) == whole[i].fits);
		CHECK(n == (whole[i].fits ? whole[i].n : 42));
	}
}

static const struct {
	const char *a, *b;
	bool equal;
} pairs[] = {
	{ "{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true },
	{ "{\"a\":1}", "{\"a\":1,\"b\":2}", false },
	{ "{\"a\":1,\"c\":2}", "{\"a\":1,\"b\":2}", false },
	{ "[1,2]", "[2,1]", false },
	{ "[1,2]", "[1]", false },
	{ "1", "1.0", true },
	{ "0", "-0", true },
	{ "0", "-0.0", true },
	{ "-0", "0.0", true },
	{ "100", "1e2", true },
	{ "1.50", "15e-1", true },
	{ "9007199254740993", "9007199254740992.0", false },
	{ "9007199254740993", "9007199254740992", false },
	{ "100000000000000000000", "1e20", true },
	{ "1", "true", false },
	{ "1", "\"1\"", false },
	{ "NaN", "NaN", false },
	{ "Infinity", "1e999", true },
	{ "1", "Infinity", false },
	{ "null", "null", true },
	{ "null", "false", false },
	{ "true", "false", false },
	{ "\"a\\u0000b\"", "\"a\\u0000c\"", false },
	{ "\"\\u00e9\"", "\"\xc3\xa9\"", true },
};

static void
equality_is_by_value(void)
{
	for (size_t i = 0; i < COUNT(pairs); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		struct value *a = parse(d, pairs[i].a);
		struct value *b = parse(d, pairs[i].b);

		if (value_equal(a, b) != pairs[i].equal ||
		    value_equal(b, a) != pairs[i].equal) {
			printf("%s %s\n", pairs[i].a, pairs[i].b);
			CHECK(!"compared rightly");
		}
	}
	CHECK(check_failed == 0);
}

static const struct {
	const char *into, *from, *want;
} merges[] = {
	{ "{}", "{\"a\":1}", "{\"a\": 1}" },
	{ "{\"a\":1,\"b\":2}", "{\"a\":3}", "{\"a\": 3, \"b\": 2}" },
	{ "{\"a\":{\"b\":1}}", "{\"a\":{\"c\":2}}",
	    "{\"a\": {\"b\": 1, \"c\": 2}}" },
	{ "{\"a\":{\"b\":1}}", "{\"a\":null}", "{\"a\": null}" },
	{ "{\"a\":{\"b\":1}}", "{\"a\":[1]}", "{\"a\": [1]}" },
	{ "{\"a\":[1,2]}", "{\"a\":[3]}", "{\"a\": [3]}" },
	{ "{\"a\":1}", "{\"a\":{\"b\":{\"c\":2}}}",
	    "{\"a\": {\"b\": {\"c\": 2}}}" },
	{ "{\"a\":1}", "[]", "{\"a\": 1}" },
};

static void
maps_are_merged(void)
{
	for (size_t i = 0; i < COUNT(merges); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		own(strbuf_clear) struct strbuf b = { 0 };
		struct value *into = parse(d, merges[i].into);
		struct value *from = parse(d, merges[i].from);
		struct value *copy = value_copy(d, from);

		value_merge(d, into, from);
		value_print(into, STYLE_PYTHON, &b);
		CHECK_STR(b.s, merges[i].want);
		/* A second merge must not reach into what the first gave. */
		value_merge(d, into, parse(d, "{\"a\":{\"b\":{\"z\":9}}}"));
		CHECK(value_equal(from, copy));
	}
}

static void
copies_stand_alone(void)
{
	struct doc *one = doc_new();
	ownp(doc_free) struct doc *two = doc_new();
	own(strbuf_clear) struct strbuf b = { 0 };
	struct value *v =
	    parse(one, "{\"a\":[1,\"x\",{\"b\":null}],\"c\":true,\"d\":1.50}");
	struct value *copy = value_copy(two, v);

	CHECK(value_equal(v, copy));
	CHECK(doc_size(one) > 0);
	doc_free(one);
	doc_free(NULL);
	value_print(copy, STYLE_PYTHON, &b);
	CHECK_STR(
	    b.s, "{\"a\": [1, \"x\", {\"b\": null}], \"c\": true, \"d\": 1.5}");
}

/* Large maps: every member is found, the order is kept, nothing is slow. */
static void
large_maps_work(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *map = value_map(d);
	const int many = 200000;
	int wrong = 0;

	for (int i = 0; i < many; i++) {
		own_free char *name = mem_printf("key %d", i);

		value_set(d, map, name, value_int(d, i));
	}
	for (int i = 0; i < many; i++) {
		own_free char *name = mem_printf("key %d", i);
		long long n;

		wrong += !value_to_int(value_get(map, name), &n) || n != i;
		wrong += strcmp(value_member(map, (size_t)i).name, name) != 0;
	}
	CHECK(wrong == 0);
	CHECK(map->len == (uint32_t)many);
	CHECK(value_get(map, "key 200000") == NULL);
	value_set(d, map, "key 7", value_null(d));
	CHECK(map->len == (uint32_t)many &&
	    value_get(map, "key 7")->kind == VALUE_NULL);
}

/* What was parsed has no room left, and shares the names of its maps. */
static void
parsed_grow_alone(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct error e = { 0 };
	static const char text[] = "[{\"a\": 1, \"b\": 2}, {\"a\": 3, "
				   "\"b\": 4}, {\"b\": 5, \"a\": 6}, "
				   "{\"a\": 7, \"a\": 8}, null]";
	struct value *list = doc_parse(d, text, strlen(text), "text", &e);
	own(strbuf_clear) struct strbuf b = { 0 };

	CHECK(list != NULL);
	for (uint32_t i = 0; i < 4; i++)
		value_set(d, list->items[i], i % 2 ? "c" : "d", value_null(d));
	value_set(d, list->items[0], "a", value_bool(d, true));
	for (int i = 0; i < 6; i++)
		value_add(d, list, value_int(d, i));
	value_print(list, STYLE_PYTHON, &b);
	CHECK_STR(strbuf_text(&b),
	    "[{\"a\": true, \"b\": 2, \"d\": null}, "
	    "{\"a\": 3, \"b\": 4, \"c\": null}, "
	    "{\"b\": 5, \"a\": 6, \"d\": null}, "
	    "{\"a\": 8, \"c\": null}, null, 0, 1, 2, 3, 4, 5]");
}

/* The memory that a list of n maps of two members takes. */
static size_t
size_of_maps(unsigned n, const char *second)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf b = { 0 };
	struct error e = { 0 };

	for (unsigned i = 0; i < n; i++)
		strbuf_printf(&b, "%s{\"name\": 1, \"%s%04u\": 2}",
		    i == 0 ? "[" : ", ", second, second[0] == '-' ? i : 0);
	strbuf_puts(&b, "]");
	CHECK(doc_parse_taken(d, &b, "text", &e) != NULL);
	return doc_size(d);
}

static void
same_names_are_kept_once(void)
{
	CHECK(size_of_maps(9000, "p") * 4 < size_of_maps(9000, "-") * 3);
}

/* Names that collided when the hash was FNV-1a: now just names. */
static void
chosen_names_do_not_collide(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *map = value_map(d);
	static const char *const one[] = { "costarring", "liquid" };
	static const char *const two[] = { "declinate", "macallums" };

	value_set(d, map, one[0], value_null(d));
	value_set(d, map, one[1], value_null(d));
	value_set(d, map, two[0], value_null(d));
	value_set(d, map, two[1], value_null(d));
	CHECK(map->len == 4);
	CHECK(value_member(map, 0).hash != value_member(map, 1).hash ||
	    value_member(map, 2).hash != value_member(map, 3).hash);
}

static void
files_are_loaded(void)
{
	char path[] = "/tmp/doc-XXXXXX";
	int fd = mkstemp(path);
	ownp(doc_free) struct doc *d = doc_new();
	struct error e = { 0 };

	CHECK(fd != -1 && write(fd, "{\"a\":\n 1", 8) == 8);
	CHECK(doc_load(d, -1, path, &e) == NULL);
	CHECK(strstr(e.text, path) != NULL && strstr(e.text, ":2:3: ") != NULL);
	CHECK(write(fd, "}\n", 2) == 2);
	CHECK(doc_load(d, -1, path, &e) != NULL);
	close(fd);
	remove(path);
	CHECK(doc_load(d, -1, path, &e) == NULL && e.code == ENOENT);
}

static int
filter(enum value_style style)
{
	own_free char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		ownp(doc_free) struct doc *d = doc_new();
		own(strbuf_clear) struct strbuf b = { 0 };
		struct error e = { 0 };
		struct value *v = doc_parse(
		    d, line, (size_t)n - (line[n - 1] == '\n'), "line", &e);

		if (v != NULL)
			value_print(v, style, &b);
		else
			strbuf_printf(&b, "error: %s", e.text);
		fwrite(strbuf_text(&b), 1, b.len + 1, stdout);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		return filter(strcmp(argv[1], "utf8") == 0 ? STYLE_UTF8
			: strcmp(argv[1], "indent") == 0   ? STYLE_INDENT
							   : STYLE_PYTHON);
	what_python_accepts_is_accepted();
	mistakes_are_located();
	depth_is_bounded();
	styles_differ_as_told();
	malformed_text_is_replaced();
	made_values_print_as_parsed_ones();
	members_are_found();
	whole_numbers_are_read();
	equality_is_by_value();
	maps_are_merged();
	copies_stand_alone();
	large_maps_work();
	parsed_grow_alone();
	same_names_are_kept_once();
	chosen_names_do_not_collide();
	files_are_loaded();
	return check_result();
}
