/* SPDX-License-Identifier: Apache-2.0 */
/* How reports are judged and what they look like. */
#include "image-run/image-run.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

static struct value *
parse(struct doc *d, const char *json)
{
	struct error e = { 0 };
	struct value *v = doc_parse(d, json, strlen(json), "test", &e);

	if (v == NULL)
		printf("%s\n", e.text);
	return v;
}

static const struct {
	const char *json;
	enum verdict verdict;
} verdicts[] = {
	{ "{\"status\":\"success\",\"hooks\":[]}", VERDICT_SUCCESS },
	{ "{\"status\":\"failed\",\"hooks\":[]}", VERDICT_FAILED },
	{ "{\"status\":\"running\"}", VERDICT_NONE },
	{ "{\"Status\":\"SUCCESS\",\"UniqueId\":\"1\"}", VERDICT_SUCCESS },
	{ "{\"Status\":\"FAILURE\",\"Reason\":\"x\"}", VERDICT_FAILED },
	{ "{\"status\":\"SUCCESS\",\"data\":\"\"}", VERDICT_SUCCESS },
	{ "{\"status\":\"FAILURE\"}", VERDICT_FAILED },
	{ "{\"deploy_status_code\":0}", VERDICT_SUCCESS },
	{ "{\"deploy_status_code\":\"0\"}", VERDICT_SUCCESS },
	{ "{\"deploy_status_code\":-0}", VERDICT_SUCCESS },
	{ "{\"deploy_status_code\":1}", VERDICT_FAILED },
	{ "{\"deploy_status_code\":\"1\"}", VERDICT_FAILED },
	{ "{\"deploy_status_code\":\"\"}", VERDICT_FAILED },
	{ "{\"deploy_status_code\":0.5}", VERDICT_FAILED },
	{ "{\"deploy_status_code\":[]}", VERDICT_FAILED },
	{ "{\"deploy_stdout\":\"x\"}", VERDICT_SUCCESS },
	{ "{\"deploy_stdout\":\"x\",\"deploy_status_code\":null}",
	    VERDICT_SUCCESS },
	{ "{\"status\":\"success\",\"deploy_status_code\":3}", VERDICT_FAILED },
	{ "{}", VERDICT_NONE },
	{ "[]", VERDICT_NONE },
	{ "null", VERDICT_NONE },
	{ "\"success\"", VERDICT_NONE },
	{ "{\"status\":0}", VERDICT_NONE },
	{ "{\"status\":\"success\\u0000\"}", VERDICT_NONE },
	{ "{\"status\":[\"success\"]}", VERDICT_NONE },
};

static void
reports_are_judged(void)
{
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		ownp(doc_free) struct doc *d = doc_new();

		if (report_judge(parse(d, verdicts[i].json)) !=
		    verdicts[i].verdict) {
			printf("%s\n", verdicts[i].json);
			CHECK(!"judged rightly");
		}
	}
	CHECK(check_failed == 0);
}

static const struct {
	const char *json, *text;
} layouts[] = {
	{ "{\"status\":\"success\",\"run\":\"r1\",\"host\":\"web-1\","
	  "\"started\":\"2025-01-01T00:00:00Z\",\"seconds\":3.21,"
	  "\"error\":null,\"hooks\":["
	  "{\"name\":\"10-a\",\"phase\":\"configure\",\"seconds\":0.04,"
	  "\"status\":0,\"signal\":null,\"timed_out\":false,"
	  "\"output\":\"not shown\"},"
	  "{\"name\":\"20-longer\",\"phase\":\"migration\",\"seconds\":12,"
	  "\"status\":0,\"signal\":null,\"timed_out\":false}]}",
	    "report: success, host web-1, run r1, after 3.2 s\n"
	    "  phase      hook       result  seconds\n"
	    "  configure  10-a       ok          0.0\n"
	    "  migration  20-longer  ok         12.0\n" },
	{ "{\"status\":\"failed\",\"error\":\"configure: x: exit status 3\","
	  "\"hooks\":[{\"name\":\"x\",\"phase\":\"configure\",\"seconds\":1,"
	  "\"status\":3,\"output\":\"one\\n\\ntwo\"}]}",
	    "report: failed\n"
	    "  error: configure: x: exit status 3\n"
	    "  phase      hook  result    seconds\n"
	    "  configure  x     status 3      1.0\n"
	    "  output of x:\n    | one\n    | \n    | two\n" },
	{ "{\"status\":\"failed\",\"hooks\":["
	  "{\"name\":\"t\",\"phase\":\"p\",\"status\":null,\"signal\":15,"
	  "\"timed_out\":true,\"output\":\"\"},"
	  "{\"name\":\"k\",\"phase\":\"p\",\"status\":null,\"signal\":9},"
	  "{\"name\":\"n\",\"phase\":\"p\",\"seconds\":-1},"
	  "3, null, {}]}",
	    "report: failed\n"
	    "  phase  hook  result     seconds\n"
	    "  p      t     timed out        -\n"
	    "  p      k     signal 9         -\n"
	    "  p      n     no status        -\n"
	    "  -      -     no status        -\n"
	    "  -      -     no status        -\n"
	    "  -      -     no status        -\n"
	    "  output of t:\n  output of k:\n  output of n:\n"
	    "  output of -:\n  output of -:\n  output of -:\n" },
	{ "{\"status\":\"success\",\"hooks\":[]}", "report: success\n" },
	{ "{\"Status\":\"SUCCESS\",\"Data\":\"x\\u001b[2Jy\"}",
	    "report: success\n  {\n    \"Status\": \"SUCCESS\",\n"
	    "    \"Data\": \"x\\u001b[2Jy\"\n  }\n" },
	{ "[1]", "report: no verdict\n  [\n    1\n  ]\n" },
	{ "{\"status\":\"failed\",\"host\":\"a\\u001b]0;t\\u0007\\nb\\tc\","
	  "\"error\":\"\\u202ex\\u0000y\",\"hooks\":[{\"name\":"
	  "\"0123456789012345678901234567890123456789!\","
	  "\"phase\":\"\\ud800\",\"status\":0,\"seconds\":1e300}]}",
	    "report: failed, host a b c\n  error: ?x?y\n"
	    "  phase  hook                                      result  "
	    "seconds\n"
	    "  ???    0123456789012345678901234567890123456...  ok      "
	    "      -\n" },
};

static void
reports_are_laid_out(void)
{
	for (size_t i = 0; i < COUNT(layouts); i++) {
		ownp(doc_free) struct doc *d = doc_new();
		own(strbuf_clear) struct strbuf out = { 0 };

		report_print(parse(d, layouts[i].json), &out);
		CHECK_STR(strbuf_text(&out), layouts[i].text);
	}
}

/* Whatever a report is made of, what is shown of it is bounded. */
static void
size_is_bounded(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf out = { 0 }, long_text = { 0 };
	struct value *report = value_map(d), *hooks = value_list(d);
	struct value *hook = value_map(d);

	for (int i = 0; i < 100000; i++)
		strbuf_putc(&long_text, 'x');
	value_set(d, hook, "name", value_string(d, long_text.s));
	value_set(d, hook, "output", value_string(d, long_text.s));
	for (int i = 0; i < 5000; i++)
		value_add(d, hooks, hook);
	value_set(d, report, "error", value_string(d, long_text.s));
	value_set(d, report, "hooks", hooks);
	report_print(report, &out);
	CHECK(out.len < 6000000);
	CHECK(strstr(out.s, "  and 4000 more\n") != NULL);
	strbuf_clear(&out);
	report_print(value_string(d, long_text.s), &out);
	CHECK(out.len < 20000);
}

int
main(void)
{
	reports_are_judged();
	reports_are_laid_out();
	size_is_bounded();
	return check_result();
}
