/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "refresh-config/deploy.h"
#include "tests/unit/check.h"

static char *
print(const struct value *v)
{
	struct strbuf b = { 0 };

	value_print(v, STYLE_UTF8, &b);
	return strbuf_take(&b);
}

static void
what_a_hook_said(void)
{
	static const struct {
		const char *out, *err;
		int status;
		const char *failure, *answer;
	} rows[] = {
		{ "", "", 0, NULL, "{}" },
		{ "", "log", 0, NULL, "{}" },
		{ "", "log", 3, NULL,
		    "{\"deploy_stdout\": \"\", \"deploy_stderr\": \"log\", "
		    "\"deploy_status_code\": 3}" },
		{ "{\"a\": 1}", "log", 0, NULL, "{\"a\": 1}" },
		{ " {\"a\": 1}\n", "", 0, NULL, "{\"a\": 1}" },
		{ "{\"deploy_status_code\": 0}", "", 9, NULL,
		    "{\"deploy_status_code\": 0}" },
		{ "{\"deploy_status_code\": null}", "", 9, NULL,
		    "{\"deploy_status_code\": null}" },
		{ "{\"a\": 1}", "", 9, NULL,
		    "{\"a\": 1, \"deploy_status_code\": 9}" },
		{ "[1]", "", 0, NULL,
		    "{\"deploy_stdout\": \"[1]\", \"deploy_stderr\": \"\", "
		    "\"deploy_status_code\": 0}" },
		{ "{\"a\": 1} x", "e", 0, NULL,
		    "{\"deploy_stdout\": \"{\\\"a\\\": 1} x\", "
		    "\"deploy_stderr\": \"e\", \"deploy_status_code\": 0}" },
		{ "\xff", "\xc3", 1, NULL,
		    "{\"deploy_stdout\": \"\xef\xbf\xbd\", "
		    "\"deploy_stderr\": \"\xef\xbf\xbd\", "
		    "\"deploy_status_code\": 1}" },
		{ "", "", 0, "killed",
		    "{\"deploy_stdout\": \"\", "
		    "\"deploy_stderr\": \"killed\\n\", "
		    "\"deploy_status_code\": 1}" },
		{ "{\"deploy_status_code\": 0}", "", 137, "killed",
		    "{\"deploy_status_code\": 137, "
		    "\"deploy_stderr\": \"killed\\n\"}" },
		{ "{\"deploy_status_code\": 5, \"deploy_stderr\": \"x\"}", "",
		    137, "killed",
		    "{\"deploy_status_code\": 5, "
		    "\"deploy_stderr\": \"x\\nkilled\\n\"}" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		own(strbuf_clear) struct strbuf out = { 0 }, err = { 0 };
		const struct ending end = { &out, &err, rows[i].status,
			rows[i].failure };

		strbuf_puts(&out, rows[i].out);
		strbuf_puts(&err, rows[i].err);
		own_free char *got = print(answer_make(d, &end));
		CHECK_STR(got, rows[i].answer);
	}
}

static void
what_counts_as_success(void)
{
	static const struct {
		const char *json;
		bool success;
	} rows[] = {
		{ "{}", true },
		{ "{\"deploy_status_code\": null}", true },
		{ "{\"deploy_status_code\": 0}", true },
		{ "{\"deploy_status_code\": \"0\"}", true },
		{ "{\"deploy_status_code\": 1}", false },
		{ "{\"deploy_status_code\": \"1\"}", false },
		{ "{\"deploy_status_code\": \"\"}", false },
		{ "{\"deploy_status_code\": false}", false },
		{ "{\"deploy_status_code\": [0]}", false },
		{ "{\"deploy_status_code\": 0.5}", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		struct error e;
		const struct value *v = doc_parse(
		    d, rows[i].json, strlen(rows[i].json), "test", &e);

		CHECK(answer_is_success(v) == rows[i].success);
	}
}

/* A text of n times the character c, which may take several bytes. */
static char *
repeat(const char *c, size_t n)
{
	struct strbuf b = { 0 };

	for (size_t i = 0; i < n; i++)
		strbuf_puts(&b, c);
	return strbuf_take(&b);
}

static void
long_answers_lose_the_beginning(void)
{
	static const char *const characters[] = { "a", "\n", "\"", "\x01",
		"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };

	for (size_t i = 0; i < 7; i++) {
		ownp(doc_free) struct doc *d = doc_new();
		own(strbuf_clear) struct strbuf json = { 0 };
		own_free char *text = repeat(characters[i], 5000);
		struct value *v = value_map(d);

		value_set(d, v, "deploy_stdout", value_string(d, text));
		value_set(d, v, "deploy_stderr", value_string(d, "short"));
		value_set(d, v, "other", value_string(d, "stays"));
		v = answer_trim(d, v, 2000);
		value_print(v, STYLE_PYTHON, &json);
		CHECK(json.len <= 2000 && json.len > 1800);
		const char *got = value_text(v, "deploy_stdout", "");
		CHECK(strncmp(got, "[", 1) == 0);
		CHECK(strstr(got, " bytes trimmed]\n") != NULL);
		size_t end = 5 * strlen(characters[i]);
		CHECK_STR(got + strlen(got) - end, text + strlen(text) - end);
		CHECK_STR(value_text(v, "deploy_stderr", ""), "short");
		CHECK_STR(value_text(v, "other", ""), "stays");
	}
}

static void
outputs_are_trimmed_when_nothing_else_helps(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	own_free char *text = repeat("x", 5000);
	own(strbuf_clear) struct strbuf json = { 0 };
	struct value *v = value_map(d);

	value_set(d, v, "deploy_stdout", value_string(d, "a"));
	value_set(d, v, "result", value_string(d, text));
	v = answer_trim(d, v, 1000);
	value_print(v, STYLE_PYTHON, &json);
	CHECK(json.len <= 1000);
	CHECK(strstr(value_text(v, "result", ""), "trimmed]\nxxx") != NULL);
}

static void
what_cannot_be_trimmed_is_a_failure(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *v = value_map(d), *list = value_list(d);

	for (int i = 0; i < 1000; i++)
		value_add(d, list, value_int(d, i));
	value_set(d, v, "list", list);
	v = answer_trim(d, v, 1000);
	CHECK(!answer_is_success(v));
	CHECK(strstr(value_text(v, "deploy_stderr", ""), "cannot be trimmed") !=
	    NULL);
	CHECK(value_get(v, "list") == NULL);
}

static void
the_end_of_output_is_kept(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	for (int i = 0; i < 1000; i++)
		answer_keep(&b, "0123456789", 10, 25);
	CHECK(b.len >= 25 && b.len <= 50);
	CHECK(memcmp(b.s + b.len - 10, "0123456789", 10) == 0);
	answer_keep(&b, "abcdefghijklmnopqrstuvwxyz", 26, 25);
	CHECK(b.len >= 25 && b.len <= 50);
	CHECK(memcmp(b.s + b.len - 25, "bcdefghijklmnopqrstuvwxyz", 25) == 0);
}

int
main(void)
{
	what_a_hook_said();
	what_counts_as_success();
	long_answers_lose_the_beginning();
	outputs_are_trimmed_when_nothing_else_helps();
	what_cannot_be_trimmed_is_a_failure();
	the_end_of_output_is_kept();
	return check_result();
}
