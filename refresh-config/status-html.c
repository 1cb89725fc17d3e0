/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status as a page: the time line of the last run as a picture, a table
 * of its hooks with their output, the runs before, the outbox.  No script, no
 * file beside it, and whatever hooks print is text.
 */
#include <math.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/own.h"
#include "lib/plain.h"
#include "lib/strbuf.h"
#include "refresh-config/status.h"

#define LEFT 300 /* of the bars, in the picture's units */
#define WIDTH 560 /* of the time line */
#define ROW 24
#define TOP 28
#define TICKS 6
#define PHASE_COLUMNS 14 /* of the bars' labels */
#define NAME_COLUMNS 26

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, "
    "initial-scale=1\">\n"
    "<title>refresh-config</title>\n<style>\n"
    ":root { color-scheme: light dark; --ink: #1c2733; --dim: #5c6b7a;\n"
    "  --line: #d5dde5; --page: #ffffff; --good: #2e8b57; --bad: #c8372d; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e3e9ef;\n"
    "  --dim: #9aa8b5; --line: #37434f; --page: #161d24; --good: #4fbf83;\n"
    "  --bad: #ff6b5e; } }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink);\n"
    "  background: var(--page); max-width: 60rem; margin: 2rem auto;\n"
    "  padding: 0 1rem; }\n"
    "h1 { font-size: 1.5rem; margin: 0 0 .25rem; }\n"
    "h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }\n"
    "p { margin: .25rem 0; } .dim { color: var(--dim); }\n"
    ".good { color: var(--good); } .bad { color: var(--bad); }\n"
    "svg { width: 100%; height: auto; }\n"
    "svg text { fill: var(--ink); font-size: 13px; }\n"
    "svg .dim { fill: var(--dim); }\n"
    "svg line { stroke: var(--line); }\n"
    "svg rect.good { fill: var(--good); } svg rect.bad { fill: var(--bad); }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th, td { text-align: left; padding: .3rem .8rem .3rem 0;\n"
    "  border-bottom: 1px solid var(--line); vertical-align: top; }\n"
    "th { color: var(--dim); font-weight: 500; }\n"
    ".n { text-align: right; font-variant-numeric: tabular-nums; }\n"
    "pre { margin: .3rem 0; white-space: pre-wrap; "
    "overflow-wrap: anywhere; }\n"
    "</style>\n</head>\n<body>\n";

/* A line of foreign text: no escape sequences, no markup. */
static void
put_line(struct strbuf *b, const char *s, size_t n)
{
	plain_add_html(b, s, n, 0);
}

static void
put(struct strbuf *b, const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "\n");

		put_line(b, s, n);
		if (s[n] == '\0')
			return;
		strbuf_putc(b, '\n');
		s += n + 1;
	}
}

static void
put_member(struct strbuf *b, const struct value *v, const char *name)
{
	put(b, value_text(v, name, ""));
}

/* At most so many characters of it, as labels have little room. */
static void
put_label(
    struct strbuf *b, const struct value *v, const char *name, size_t columns)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	const char *s = value_text(v, name, "");

	strbuf_puts(&text, s);
	strbuf_cut(&text, plain_fit(s, columns));
	put(b, strbuf_text(&text));
	if (text.len < strlen(s))
		strbuf_puts(b, "\xe2\x80\xa6");
}

static double
number(const struct value *v, const char *name)
{
	const struct value *n = value_get(v, name);
	double x = n != NULL ? value_to_real(n) : 0;

	return isfinite(x) && x > 0 ? x : 0;
}

static const struct value *
list_of(const struct value *v, const char *name)
{
	static const struct value none = { .kind = VALUE_LIST };
	const struct value *list = value_get(v, name);

	return list != NULL && list->kind == VALUE_LIST ? list : &none;
}

/* ---- the time line ----------------------------------------------------- */

/* A round number of seconds between two ticks: 1, 2 or 5 times ten to n. */
static double
tick(double total)
{
	static const double factors[] = { 1, 2, 5, 10 };
	double base = pow(10, floor(log10(total / TICKS)));
	size_t i = 0;

	while (i < 3 && base * factors[i] * TICKS < total)
		i++;
	return base * factors[i];
}

static double
total_of(const struct value *report, const struct value *hooks)
{
	double total = number(report, "seconds");

	for (uint32_t i = 0; i < hooks->len; i++) {
		double end = number(hooks->items[i], "offset") +
		    number(hooks->items[i], "seconds");

		if (end > total)
			total = end;
	}
	return total > 0.001 ? total : 0.001;
}

static void
put_axis(struct strbuf *b, double total, uint32_t rows)
{
	double step = tick(total);
	int digits = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;

	for (unsigned i = 0; i * step <= total && i <= 2 * TICKS; i++) {
		double x = LEFT + i * step / total * WIDTH;

		strbuf_printf(b,
		    "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%u\"/>"
		    "<text class=\"dim\" x=\"%.1f\" y=\"14\" "
		    "text-anchor=\"middle\">%.*f s</text>\n",
		    x, TOP - 6, x, TOP + rows * ROW, x, digits, i * step);
	}
}

static void
put_bar(struct strbuf *b, const struct value *h, double total, uint32_t row)
{
	double x = LEFT + number(h, "offset") / total * WIDTH;
	double w = number(h, "seconds") / total * WIDTH;
	unsigned y = TOP + row * ROW;

	strbuf_printf(b,
	    "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">"
	    "<tspan class=\"dim\">",
	    LEFT - 12, y + 16);
	put_label(b, h, "phase", PHASE_COLUMNS);
	strbuf_puts(b, " </tspan>");
	put_label(b, h, "name", NAME_COLUMNS);
	strbuf_printf(b,
	    "</text><rect class=\"%s\" x=\"%.1f\" y=\"%u\" width=\"%.1f\" "
	    "height=\"%d\" rx=\"2\"><title>",
	    status_is_good(h) ? "good" : "bad", x, y + 4, w < 2 ? 2 : w,
	    ROW - 8);
	put_member(b, h, "name");
	strbuf_printf(b,
	    ": %.3f s</title></rect><text class=\"dim\" x=\"%.1f\" y=\"%u\">"
	    "%.3f s</text>\n",
	    number(h, "seconds"), x + (w < 2 ? 2 : w) + 6, y + 16,
	    number(h, "seconds"));
}

static void
put_timeline(struct strbuf *b, const struct value *report)
{
	const struct value *hooks = list_of(report, "hooks");
	double total = total_of(report, hooks);

	if (hooks->len == 0)
		return;
	strbuf_printf(b,
	    "<h2>Time line</h2>\n<svg viewBox=\"0 0 %d %u\" role=\"img\" "
	    "aria-label=\"time line\">\n",
	    LEFT + WIDTH + 100, TOP + hooks->len * ROW + 8);
	put_axis(b, total, hooks->len);
	for (uint32_t i = 0; i < hooks->len; i++)
		put_bar(b, hooks->items[i], total, i);
	strbuf_puts(b, "</svg>\n");
}

/* ---- the tables -------------------------------------------------------- */

static void
put_hook(struct strbuf *b, const struct value *h)
{
	char verdict[32];

	status_verdict(h, verdict, sizeof(verdict));
	strbuf_puts(b, "<tr><td>");
	put_member(b, h, "phase");
	strbuf_puts(b, "</td><td>");
	put_member(b, h, "name");
	if (*value_text(h, "output", "") != '\0') {
		strbuf_printf(b, "<details%s><summary>output</summary><pre>",
		    status_is_good(h) ? "" : " open");
		put_member(b, h, "output");
		strbuf_puts(b, "</pre></details>");
	}
	strbuf_printf(b,
	    "</td><td class=\"%s\">%s</td><td class=\"n\">%.3f</td>"
	    "<td class=\"n\">%.3f</td><td class=\"n\">%.1f</td></tr>\n",
	    status_is_good(h) ? "good" : "bad", verdict, number(h, "seconds"),
	    number(h, "cpu_seconds"), number(h, "peak_kib") / 1024);
}

static void
put_hooks(struct strbuf *b, const struct value *report)
{
	const struct value *hooks = list_of(report, "hooks");

	if (hooks->len == 0)
		return;
	strbuf_puts(b,
	    "<h2>Hooks</h2>\n<table>\n<tr><th>Phase</th><th>Hook</th>"
	    "<th>Result</th><th class=\"n\">Seconds</th>"
	    "<th class=\"n\">CPU</th><th class=\"n\">MiB</th></tr>\n");
	for (uint32_t i = 0; i < hooks->len; i++)
		put_hook(b, hooks->items[i]);
	strbuf_puts(b, "</table>\n");
}

static bool
is_success(const struct value *report)
{
	return strcmp(value_text(report, "status", ""), "success") == 0;
}

static void
put_history(struct strbuf *b, const struct value *history)
{
	if (history->len < 2)
		return;
	strbuf_puts(b,
	    "<h2>History</h2>\n<table>\n<tr><th>Started</th><th>Result</th>"
	    "<th class=\"n\">Hooks</th><th class=\"n\">Seconds</th>"
	    "<th>Error</th></tr>\n");
	for (uint32_t i = 0; i < history->len; i++) {
		const struct value *r = history->items[i];

		strbuf_puts(b, "<tr><td>");
		put_member(b, r, "started");
		strbuf_printf(b, "</td><td class=\"%s\">",
		    is_success(r) ? "good" : "bad");
		put_member(b, r, "status");
		strbuf_printf(b,
		    "</td><td class=\"n\">%.0f</td><td class=\"n\">%.3f</td>"
		    "<td>",
		    number(r, "hooks"), number(r, "seconds"));
		put_member(b, r, "error");
		strbuf_puts(b, "</td></tr>\n");
	}
	strbuf_puts(b, "</table>\n");
}

static void
put_outbox(struct strbuf *b, const struct value *outbox)
{
	const struct value *refused = list_of(outbox, "refused");
	double waiting = number(outbox, "waiting");

	if (waiting == 0 && refused->len == 0)
		return;
	strbuf_printf(b, "<h2>Outbox</h2>\n<p>%.0f waiting", waiting);
	if (waiting > 0) {
		strbuf_puts(b, " since ");
		put_member(b, outbox, "oldest");
	}
	strbuf_printf(b, ", %u refused</p>\n<ul>\n", refused->len);
	for (uint32_t i = 0; i < refused->len; i++) {
		strbuf_puts(b, "<li>");
		put_member(b, refused->items[i], "name");
		strbuf_puts(b, ": ");
		put_member(b, refused->items[i], "reason");
		strbuf_puts(b, "</li>\n");
	}
	strbuf_puts(b, "</ul>\n");
}

static void
put_summary(struct strbuf *b, const struct value *r)
{
	strbuf_puts(b, "<h1>");
	put_member(b, r, "host");
	strbuf_printf(
	    b, ": <span class=\"%s\">", is_success(r) ? "good" : "bad");
	put_member(b, r, "status");
	strbuf_puts(b, "</span></h1>\n<p class=\"dim\">");
	put_member(b, r, "started");
	strbuf_printf(b, ", %.3f s, run <code>", number(r, "seconds"));
	put_member(b, r, "run");
	strbuf_puts(b, "</code></p>\n");
	if (*value_text(r, "error", "") == '\0')
		return;
	strbuf_puts(b, "<p class=\"bad\">");
	put_member(b, r, "error");
	strbuf_puts(b, "</p>\n");
}

void
status_html(const struct value *status, struct strbuf *b)
{
	const struct value *last = value_get(status, "last");

	strbuf_puts(b, head);
	if (last == NULL || last->kind != VALUE_MAP) {
		strbuf_puts(b, "<h1>refresh-config</h1>\n<p>No run yet.</p>\n");
	} else {
		put_summary(b, last);
		put_timeline(b, last);
		put_hooks(b, last);
	}
	put_outbox(b, value_get(status, "outbox"));
	put_history(b, list_of(status, "history"));
	strbuf_puts(b, "</body>\n</html>\n");
}
