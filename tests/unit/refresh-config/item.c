/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/python.h"
#include "refresh-config/deploy.h"
#include "tests/unit/check.h"

static struct value *
parse(struct doc *d, const char *json)
{
	struct error e;
	struct value *v = doc_parse(d, json, strlen(json), "test", &e);

	CHECK(v != NULL);
	return v;
}

static void
values_as_python_prints_them(void)
{
	static const char *const rows[][2] = {
		{ "null", "None" },
		{ "true", "True" },
		{ "false", "False" },
		{ "12", "12" },
		{ "1e16", "1e+16" },
		{ "1.50", "1.5" },
		{ "123456789012345678901234567890",
		    "123456789012345678901234567890" },
		{ "NaN", "nan" },
		{ "-Infinity", "-inf" },
		{ "\"as it's\"", "as it's" },
		{ "[]", "[]" },
		{ "{}", "{}" },
		{ "[\"a\", null, [true, 1.0]]", "['a', None, [True, 1.0]]" },
		{ "{\"a\": {\"b\": \"c\"}, \"d\": 1}",
		    "{'a': {'b': 'c'}, 'd': 1}" },
		{ "[\"it's\"]", "[\"it's\"]" },
		{ "[\"it's \\\"so\\\"\"]", "['it\\'s \"so\"']" },
		{ "[\"back\\\\slash\"]", "['back\\\\slash']" },
		{ "[\"\\n\\r\\t\\u0000\\u007f\"]", "['\\n\\r\\t\\x00\\x7f']" },
		{ "[\"\\u00e9\\u0085\\u00ad\"]", "['\xc3\xa9\\x85\\xad']" },
		{ "[\"\\ud800\"]", "['\\ud800']" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		own(strbuf_clear) struct strbuf b = { 0 };

		python_str(parse(d, rows[i][0]), &b);
		CHECK_STR(strbuf_text(&b), rows[i][1]);
	}
}

static void
inputs(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct item item;
	struct error e;

	CHECK(item_read(d,
		  parse(d,
		      "{\"id\": \"i\", \"inputs\": ["
		      "{\"name\": \"a\", \"type\": \"String\", \"value\": 1},"
		      "{\"name\": \"b\", \"type\": \"Number\", \"value\": 1},"
		      "{\"name\": \"c\", \"value\": \"first\"},"
		      "{\"name\": \"c\", \"value\": \"last\"},"
		      "{\"name\": \"d\", \"type\": \"String\"}]}"),
		  &item, &e) == 0);
	CHECK_STR(item_text(&item, "a", ""), "1");
	CHECK_STR(item_text(&item, "b", "no text"), "no text");
	CHECK(value_to_real(item_input(&item, "b")) == 1);
	CHECK_STR(item_text(&item, "c", ""), "last");
	CHECK(item_input(&item, "d") == NULL);
	CHECK(item_input(&item, "e") == NULL);
	CHECK_STR(item.name, "");
	CHECK_STR(item.group, "");
}

static void
odd_items_are_refused(void)
{
	static const char *const rows[][2] = {
		{ "null", "a deployment that is null" },
		{ "[]", "a deployment that is a list" },
		{ "{\"id\": \"i\", \"inputs\": {}}",
		    "deployment i: inputs is not a list of up to 10000" },
		{ "{\"id\": \"i\", \"inputs\": [1]}",
		    "deployment i: an input without a name" },
		{ "{\"id\": \"i\", \"inputs\": [{\"name\": 1}]}",
		    "deployment i: an input without a name" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		struct item item;
		struct error e;

		CHECK(item_read(d, parse(d, rows[i][0]), &item, &e) == -1);
		CHECK_STR(e.text, rows[i][1]);
	}
}

static void
ids_are_needed_by_some(void)
{
	static const char *const rows[][2] = {
		{ "{}", "a deployment without an id ()" },
		{ "{\"id\": 5}", "a deployment without an id ()" },
		{ "{\"id\": \"\", \"name\": \"n\"}",
		    "a deployment without an id (n)" },
		{ "{\"id\": \"x\"}", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		struct item item;
		struct error e;

		CHECK(item_read(d, parse(d, rows[i][0]), &item, &e) == 0);
		CHECK(item_check_id(&item, &e) == (rows[i][1] ? -1 : 0));
		if (rows[i][1] != NULL)
			CHECK_STR(e.text, rows[i][1]);
	}
}

static void
components(void)
{
	static const struct {
		const char *json, *group; /* NULL: nothing to do */
	} rows[] = {
		{ "{\"id\": \"i\", \"group\": \"script\"}", "script" },
		{ "{\"id\": \"i\", \"group\": \"component\"}", NULL },
		{ "{\"id\": \"i\", \"group\": \"component\", \"config\": 1}",
		    NULL },
		{ "{\"id\": \"i\", \"group\": \"component\", \"config\": "
		  "{\"configs\": [1, {\"actions\": 1}, {\"actions\": [1]}]}}",
		    NULL },
		{ "{\"id\": \"i\", \"group\": \"component\", "
		  "\"inputs\": [{\"name\": \"deploy_action\", "
		  "\"value\": \"UPDATE\"}], \"config\": {\"configs\": ["
		  "{\"actions\": [\"CREATE\"], \"tool\": \"a\"},"
		  "{\"actions\": [\"X\", \"UPDATE\"], \"tool\": \"b\"},"
		  "{\"actions\": [\"UPDATE\"], \"tool\": \"c\"}]}}",
		    "b" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		struct item item;
		struct error e;

		CHECK(item_read(d, parse(d, rows[i].json), &item, &e) == 0);
		CHECK(item_select(&item) == (rows[i].group == NULL));
		if (rows[i].group != NULL)
			CHECK_STR(
			    value_text(item.root, "group", ""), rows[i].group);
	}
}

int
main(void)
{
	values_as_python_prints_them();
	inputs();
	odd_items_are_refused();
	ids_are_needed_by_some();
	components();
	return check_result();
}
