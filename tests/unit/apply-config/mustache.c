/* SPDX-License-Identifier: Apache-2.0 */
/* Templates and data in, text or an error out. */
#include "apply-config/mustache.h"

#include "apply-config/reads.h"
#include "apply-config/secrets.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "tests/unit/check.h"

static const struct mustache_dialect extended = { .extended = true };
static const struct mustache_dialect plain = { .extended = false };

static struct mustache *
compiled(const char *text, size_t len, const struct mustache_dialect *d)
{
	struct error e;
	struct mustache *m =
	    mustache_compile("t", mem_dupn(text, len), len, d, &e);

	if (m == NULL)
		printf("%s\n", e.text);
	return m;
}

/* What a template gives for JSON data; the caller's.  "!text" is an error. */
static char *
rendered(const char *text, const char *json, struct mustache_job job,
    const struct mustache_dialect *dialect)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct strbuf out = { 0 };
	struct error e;
	struct mustache *m;

	job.root = doc_parse(d, json, strlen(json), "json", &e);
	m = mustache_compile("t", mem_dup(text), strlen(text), dialect, &e);
	if (m == NULL || mustache_render(m, &job, &out, &e) == -1) {
		strbuf_clear(&out);
		strbuf_printf(&out, "!%s", e.text);
	}
	mustache_free(m);
	return strbuf_take(&out);
}

static void
check_table(void)
{
	static const struct {
		const char *text, *json, *want;
	} rows[] = {
		/* Values print as Python prints them. */
		{ "{{a}}", "{\"a\": 12345678901234567890123}",
		    "12345678901234567890123" },
		{ "{{a}} {{b}} {{c}}",
		    "{\"a\": 1e16, \"b\": 1e-5, \"c\": 0.10}",
		    "1e+16 1e-05 0.1" },
		{ "{{a}} {{b}}", "{\"a\": NaN, \"b\": -Infinity}",
		    "NaN -Infinity" },
		{ "{{a}}|{{b}}", "{\"a\": null, \"b\": true}", "|true" },
		{ "{{a}} {{b}}", "{\"a\": \"\xc3\xa9\", \"b\": [\"\xc3\xa9\"]}",
		    "\xc3\xa9 [\"\\u00e9\"]" },
		{ "{{.}}", "{\"b\": 1, \"a\": []}", "{\"b\": 1, \"a\": []}" },
		{ "{{a}}", "{\"a\": \"{{b}}\"}", "{{b}}" },
		/* Sections. */
		{ "{{#a}}x{{/a}}{{^a}}y{{/a}}", "{\"a\": 0.0}", "y" },
		{ "{{#a}}x{{/a}}{{^a}}y{{/a}}", "{\"a\": \"\"}", "y" },
		{ "{{#a}}x{{/a}}{{^a}}y{{/a}}", "{\"a\": {}}", "y" },
		{ "{{#a}}x{{/a}}", "{\"a\": [false, null, {}]}", "xxx" },
		{ "{{#a}}{{.}},{{/a}}", "{\"a\": [1, \"b\", [2]]}",
		    "1,b,[2]," },
		{ "{{#a}}{{b}}{{/a}}", "{\"a\": {\"c\": 1}, \"b\": 2}", "2" },
		/* Names. */
		{ "{{a..b}}{{a.}}{{.a}}{{a.b.c}}", "{\"a\": {\"b\": 1}}", "" },
		{ "{{a.b}}", "{\"a.b\": 1}", "" },
		{ "{{ a\n}}", "{\"a\": 1}", "1" },
		{ "{{\xc2\xa0"
		  "a\xc2\xa0}}",
		    "{\"a\": 1}", "1" },
		/* Lines. */
		{ "a\n  {{#t}}  \nb\n{{/t}}\n", "{\"t\": 1}", "a\n    \nb\n" },
		{ "a\n  {{#t}}\nb\n  {{/t}}", "{\"t\": 1}", "a\nb\n" },
		{ "a\r\n{{!c}}\r\nb", "{}", "a\r\nb" },
		/* What is no tag. */
		{ "{{}} {{ {{s}", "{\"s\": 1}", "{{}} {{ {{s}" },
		{ "{{{n}}", "{\"n\": 1}", "" },
		{ "{{n }}}", "{\"n\": 1}", "1}" },
		{ "{{{{s}}}}", "{\"s\": 1}", "}" },
		{ "a{{!}}b", "{}", "ab" },
		/* Delimiters hold for the rest of the file. */
		{ "{{#a}}{{=<% %>=}}<%/a%><%a%>{{a}}", "{\"a\": 1}", "1{{a}}" },
		/* Errors. */
		{ "x\n {{#a}}in", "{}", "!t:2:2: {{#a}}: is not closed" },
		{ "{{/a}}", "{}",
		    "!t:1:1: {{/a}}: Section end tag mismatch: none is open" },
		{ "{{#a}}\n\xc3\xa9{{/b}}", "{}",
		    "!t:2:2: {{/b}}: Section end tag mismatch: b != a" },
		{ "{{= x =}}", "{}",
		    "!t:1:1: {{= x =}}: wants two delimiters of at most 16 "
		    "bytes" },
		{ "{{#}}", "{}", "!t:1:1: {{#}}: a tag without a name" },
		{ "{{a}}", "{\"a\": \"\\ud800\"}",
		    "!t: half of a surrogate pair is in the text" },
		{ "{{a}}", "{\"a\": \"\\u0000\"}",
		    "!t: a NUL byte is in the text" },
		{ "\xff", "{}", "!t: is not UTF-8" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mustache_job job = { 0 };
		own_free char *got =
		    rendered(rows[i].text, rows[i].json, job, &extended);

		CHECK_STR(got, rows[i].want);
	}
}

/* Today's templates may hold what the extensions give a meaning. */
static void
check_dialects(void)
{
	static const struct {
		const char *text, *json, *want[2];
	} rows[] = {
		{ "{{l.1}}", "{\"l\": [1, 2]}", { "", "2" } },
		{ "{{l.-1}}", "{\"l\": [1, 2]}", { "", "2" } },
		{ "{{$a}}", "{\"$a\": 1}",
		    { "1", "!t:1:1: {{$a}}: is not closed" } },
		{ "{{<a}}", "{\"<a\": 1}",
		    { "1", "!t:1:1: {{<a}}: is not closed" } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mustache_job old = { 0 }, new = { .indexes = true };
		own_free char *a =
		    rendered(rows[i].text, rows[i].json, old, &plain);
		own_free char *b =
		    rendered(rows[i].text, rows[i].json, new, &extended);

		CHECK_STR(a, rows[i].want[0]);
		CHECK_STR(b, rows[i].want[1]);
	}
}

static void
check_escape(void)
{
	struct mustache_job job = { .html = true };
	own_free char *got = rendered("{{a}} {{{a}}} {{&a}} {{b}}",
	    "{\"a\": \"<&\\\"'>\", \"b\": [\"<\"]}", job, &extended);

	CHECK_STR(
	    got, "&lt;&amp;&quot;&#39;&gt; <&\"'> <&\"'> [&quot;&lt;&quot;]");
}

static void
check_missing(void)
{
	own(strlist_clear) struct strlist missing = { 0 };
	struct mustache_job job = { .missing = &missing };
	own_free char *got =
	    rendered("{{a}}\n{{b.c}}{{#d}}{{e}}{{/d}}\n{{> p}}", "{\"b\": {}}",
		job, &extended);
	own_free char *all = strlist_join(&missing, "|");

	CHECK_STR(got, "\n\n");
	CHECK_STR(all, "t:1:1: {{a}}|t:2:1: {{b.c}}|t:3:1: {{> p}}");
}

/* Deep nesting is refused both in the text and through partials. */
static void
check_depth(void)
{
	struct strbuf b = { 0 };
	struct mustache_job job = { 0 };
	own_free char *text = NULL, *got = NULL;

	for (int i = 0; i < 10000; i++)
		strbuf_puts(&b, "{{#a}}");
	for (int i = 0; i < 10000; i++)
		strbuf_puts(&b, "{{/a}}");
	text = strbuf_take(&b);
	got = rendered(text, "{\"a\": 1}", job, &extended);
	CHECK(strstr(got, "nested more than 256 deep") != NULL);
}

/* Work that brings no text forth comes to an end, too. */
static void
check_steps(void)
{
	struct strbuf b = { 0 }, json = { 0 };
	struct mustache_job job = { 0 };
	own_free char *text = NULL, *data = NULL, *got = NULL;

	strbuf_puts(&json, "{\"a\": [0");
	for (int i = 0; i < 1000; i++)
		strbuf_puts(&json, ", 0");
	strbuf_puts(&json, "]}");
	for (int i = 0; i < 10; i++)
		strbuf_puts(&b, "{{#a}}");
	for (int i = 0; i < 10; i++)
		strbuf_puts(&b, "{{/a}}");
	text = strbuf_take(&b);
	data = strbuf_take(&json);
	got = rendered(text, data, job, &extended);
	CHECK(strstr(got, "does not come to an end") != NULL);
}

/* A template that shows itself ends at the bound on nesting. */
static int
itself(void *ctx, const char *name, size_t len, struct mustache **m,
    struct error *e)
{
	(void)name;
	(void)len;
	(void)e;
	*m = ctx;
	return 0;
}

static void
check_recursion(void)
{
	struct mustache *m = compiled(" {{>m}}", 7, &extended);
	struct mustache_job job = { .partial = itself, .ctx = m };
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf out = { 0 };
	struct error e;

	job.root = value_map(d);
	CHECK(mustache_render(m, &job, &out, &e) == -1);
	CHECK(strstr(e.text, "nested more than 256 deep") != NULL);
	mustache_free(m);
}

/* What was read is known, as are the places where secrets stand. */
static void
check_watch(void)
{
	static const char text[] = "{{#a}}{{b}}{{x}}{{/a}}{{^l}}{{/l}} "
				   "{{db.password}}{{keystone.host}}";
	static const char json[] =
	    "{\"a\": {\"b\": 1}, \"x\": 2, \"db\": {\"password\": \"pw\"}, "
	    "\"keystone\": {\"host\": 3}}";
	own(strlist_clear) struct strlist words = { 0 };
	struct secrets secrets;
	const struct mustache_dialect dialect = { .secrets = &secrets };
	ownp(doc_free) struct doc *d = doc_new();
	ownp(reads_free) struct reads *reads = reads_new();
	own(spans_clear) struct spans spans = { 0 };
	own(strbuf_clear) struct strbuf out = { 0 };
	struct mustache_job job = { .reads = reads, .spans = &spans };
	struct mustache *m;
	struct error e;
	size_t n;

	secrets_usual(&words);
	secrets_init(&secrets, &words);
	m = compiled(text, strlen(text), &dialect);
	job.root = doc_parse(d, json, strlen(json), "json", &e);
	reads_begin(reads);
	CHECK(mustache_render(m, &job, &out, &e) == 0);
	CHECK_STR(strbuf_text(&out), "12 pw3");
	CHECK(job.secret && spans.len == 1);
	CHECK(spans.items[0].start == 3 && spans.items[0].len == 2);
	(void)reads_marked(reads, &n);
	CHECK(n == 7); /* a, a.b, a.x, x, l, db.password, keystone.host */
	mustache_free(m);
}

int
main(void)
{
	check_table();
	check_dialects();
	check_escape();
	check_missing();
	check_depth();
	check_steps();
	check_recursion();
	check_watch();
	return check_result();
}
