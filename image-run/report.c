/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports come from a machine that may be broken or worse: every text in one
 * is made plain, every size is bounded, every type is checked.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "image-run/image-run.h"
#include "lib/doc.h"
#include "lib/limits.h"
#include "lib/plain.h"
#include "lib/strbuf.h"

#define ROWS 1000 /* hooks shown of one report */
#define TEXT_BYTES KIB(4) /* looked at of a name or error */
#define CELL 40 /* columns of a name */
#define OTHER_BYTES KIB(16) /* shown of a signal that is no report */

/* ---- judging ----------------------------------------------------------- */

/* The same word, whatever its case; words end at NULL. */
static bool
is_word(const struct value *v, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strlen(*words) == v->len &&
		    strcasecmp(v->text, *words) == 0)
			return true;
	return false;
}

static enum verdict
judge_word(const struct value *v)
{
	static const char *const good[] = { "success", "complete", NULL };
	static const char *const bad[] = { "failed", "failure", "error", NULL };

	if (v == NULL || v->kind != VALUE_STRING)
		return VERDICT_NONE;
	if (is_word(v, good))
		return VERDICT_SUCCESS;
	return is_word(v, bad) ? VERDICT_FAILED : VERDICT_NONE;
}

/* Heat takes a missing code, 0 and "0" as success. */
static enum verdict
judge_code(const struct value *report)
{
	const struct value *code = value_get(report, "deploy_status_code");

	if (code == NULL || code->kind == VALUE_NULL)
		return value_get(report, "deploy_stdout") != NULL ||
			value_get(report, "deploy_stderr") != NULL
		    ? VERDICT_SUCCESS
		    : VERDICT_NONE;
	if (code->kind == VALUE_NUMBER && value_is_int(code))
		return value_to_real(code) == 0 ? VERDICT_SUCCESS
						: VERDICT_FAILED;
	return code->kind == VALUE_STRING && strcmp(code->text, "0") == 0
	    ? VERDICT_SUCCESS
	    : VERDICT_FAILED;
}

enum verdict
report_judge(const struct value *report)
{
	const enum verdict each[] = {
		judge_word(value_get(report, "status")),
		judge_word(value_get(report, "Status")),
		judge_code(report),
	};
	enum verdict all = VERDICT_NONE;

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		if (each[i] > all)
			all = each[i]; /* failed beats success */
	return all;
}

/* ---- laying out -------------------------------------------------------- */

/* A member's text made plain and cut to so many columns; "-" if none. */
static void
add_text(struct strbuf *out, const struct value *map, const char *name,
    size_t columns)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	const struct value *v = value_get(map, name);
	size_t fit;

	if (v != NULL && (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER))
		plain_add(
		    &b, v->text, v->len < TEXT_BYTES ? v->len : TEXT_BYTES);
	for (size_t i = 0; i < b.len; i++)
		if (b.s[i] == '\t')
			b.s[i] = ' ';
	if (b.len == 0)
		strbuf_putc(&b, '-');
	fit = plain_fit(b.s, columns);
	if (fit < b.len) {
		strbuf_cut(&b, plain_fit(b.s, columns - 3));
		strbuf_puts(&b, "...");
	}
	strbuf_add(out, b.s, b.len);
}

static void
pad(struct strbuf *out, size_t from, size_t columns)
{
	size_t width = plain_width(out->s + from);

	for (; width < columns; width++)
		strbuf_putc(out, ' ');
}

static void
add_seconds(struct strbuf *out, const struct value *v, int columns)
{
	double n = v != NULL && v->kind == VALUE_NUMBER ? value_to_real(v) : -1;

	if (n >= 0 && n < 1e7)
		strbuf_printf(out, "%*.1f", columns, n);
	else
		strbuf_printf(out, "%*s", columns, "-");
}

static bool
hook_is_good(const struct value *hook)
{
	const struct value *timed_out = value_get(hook, "timed_out");
	long long status;

	return (timed_out == NULL || !timed_out->truth) &&
	    value_to_int(value_get(hook, "status"), &status) && status == 0;
}

static void
add_result(struct strbuf *out, const struct value *hook)
{
	const struct value *timed_out = value_get(hook, "timed_out");
	long long n;

	if (hook_is_good(hook))
		strbuf_puts(out, "ok");
	else if (timed_out != NULL && timed_out->truth)
		strbuf_puts(out, "timed out");
	else if (value_to_int(value_get(hook, "signal"), &n) && n != 0)
		strbuf_printf(out, "signal %lld", n);
	else if (value_to_int(value_get(hook, "status"), &n))
		strbuf_printf(out, "status %lld", n);
	else
		strbuf_puts(out, "no status");
}

struct widths {
	size_t phase, name, result;
};

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* One row; with widths that are all 0 it also serves to measure. */
static void
add_row(struct strbuf *out, const struct value *hook, const struct widths *w,
    struct widths *seen)
{
	size_t from;

	strbuf_puts(out, "  ");
	from = out->len;
	add_text(out, hook, "phase", CELL);
	seen->phase = larger(seen->phase, plain_width(out->s + from));
	pad(out, from, w->phase + 2);
	from = out->len;
	add_text(out, hook, "name", CELL);
	seen->name = larger(seen->name, plain_width(out->s + from));
	pad(out, from, w->name + 2);
	from = out->len;
	add_result(out, hook);
	seen->result = larger(seen->result, plain_width(out->s + from));
	pad(out, from, w->result);
	add_seconds(out, value_get(hook, "seconds"), 9);
	strbuf_putc(out, '\n');
}

static void
add_hooks(struct strbuf *out, const struct value *hooks)
{
	uint32_t rows = hooks->len < ROWS ? hooks->len : ROWS;
	struct widths none = { 0 }, w = { 5, 4, 6 };

	for (uint32_t i = 0; i < rows; i++) {
		own(strbuf_clear) struct strbuf line = { 0 };

		add_row(&line, hooks->items[i], &none, &w);
	}
	if (rows > 0)
		strbuf_printf(out, "  %-*s  %-*s  %-*s%9s\n", (int)w.phase,
		    "phase", (int)w.name, "hook", (int)w.result, "result",
		    "seconds");
	for (uint32_t i = 0; i < rows; i++)
		add_row(out, hooks->items[i], &w, &none);
	if (hooks->len > rows)
		strbuf_printf(out, "  and %u more\n", hooks->len - rows);
}

/* The end of what a hook printed, each line marked as quoted. */
static void
add_output(struct strbuf *out, const struct value *text)
{
	const char *s, *end;

	if (text == NULL || text->kind != VALUE_STRING || text->len == 0)
		return;
	s = text->text;
	end = s + text->len;
	if (text->len > LIMIT_TAIL_BYTES)
		s = end - LIMIT_TAIL_BYTES;
	while (s < end) {
		const char *lf = memchr(s, '\n', (size_t)(end - s));
		const char *stop = lf != NULL ? lf : end;

		strbuf_puts(out, "    | ");
		plain_add(out, s, (size_t)(stop - s));
		strbuf_putc(out, '\n');
		s = stop + 1;
	}
}

static void
add_failures(struct strbuf *out, const struct value *hooks)
{
	uint32_t rows = hooks->len < ROWS ? hooks->len : ROWS;

	for (uint32_t i = 0; i < rows; i++) {
		const struct value *hook = hooks->items[i];

		if (hook_is_good(hook))
			continue;
		strbuf_puts(out, "  output of ");
		add_text(out, hook, "name", CELL);
		strbuf_puts(out, ":\n");
		add_output(out, value_get(hook, "output"));
	}
}

static void
add_heading(struct strbuf *out, const struct value *report)
{
	static const char *const words[] = { "no verdict", "success",
		"failed" };
	const struct value *error = value_get(report, "error");

	strbuf_printf(out, "report: %s", words[report_judge(report)]);
	if (value_get(report, "host") != NULL) {
		strbuf_puts(out, ", host ");
		add_text(out, report, "host", CELL);
	}
	if (value_get(report, "run") != NULL) {
		strbuf_puts(out, ", run ");
		add_text(out, report, "run", CELL);
	}
	if (value_get(report, "seconds") != NULL) {
		strbuf_puts(out, ", after ");
		add_seconds(out, value_get(report, "seconds"), 0);
		strbuf_puts(out, " s");
	}
	strbuf_putc(out, '\n');
	if (error != NULL && error->kind == VALUE_STRING) {
		strbuf_puts(out, "  error: ");
		add_text(out, report, "error", 1000);
		strbuf_putc(out, '\n');
	}
}

/* Any other JSON is shown as it is, but for what could steer a terminal. */
static void
add_other(struct strbuf *out, const struct value *v)
{
	own(strbuf_clear) struct strbuf json = { 0 };
	const char *s, *end;

	value_print(v, STYLE_PRETTY, &json);
	strbuf_cut(&json, OTHER_BYTES);
	s = strbuf_text(&json);
	for (end = s + json.len; s < end;) {
		size_t n = strcspn(s, "\n");

		strbuf_puts(out, "  ");
		plain_add(out, s, n);
		strbuf_putc(out, '\n');
		s += n + 1;
	}
}

void
report_print(const struct value *report, struct strbuf *out)
{
	const struct value *hooks = value_get(report, "hooks");

	add_heading(out, report);
	if (hooks == NULL || hooks->kind != VALUE_LIST) {
		add_other(out, report);
		return;
	}
	add_hooks(out, hooks);
	add_failures(out, hooks);
}
