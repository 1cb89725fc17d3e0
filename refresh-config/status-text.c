/* SPDX-License-Identifier: Apache-2.0 */
/* The status as a table for a terminal or a log. */
#include <stdio.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/own.h"
#include "lib/plain.h"
#include "lib/strbuf.h"
#include "refresh-config/status.h"

#define NAME_MIN 16
#define NAME_MAX_COLUMNS 40
#define SHOWN_RUNS 10

struct page {
	struct strbuf *b;
	bool colours;
};

static void
put(const struct page *p, const char *text)
{
	plain_add(p->b, text, strlen(text));
}

/* Green for good, red for bad, where colours are wanted. */
static void
put_verdict(const struct page *p, bool good, const char *text, unsigned width)
{
	if (p->colours)
		strbuf_puts(p->b, good ? "\033[32m" : "\033[31m");
	strbuf_printf(p->b, "%-*s", (int)width, text);
	if (p->colours)
		strbuf_puts(p->b, "\033[0m");
}

static void
put_column(const struct page *p, const char *text, size_t width)
{
	own(strbuf_clear) struct strbuf plain = { 0 };

	plain_add(&plain, text, strlen(text));
	strbuf_cut(&plain, plain_fit(strbuf_text(&plain), width));
	strbuf_printf(p->b, "%s%*s", strbuf_text(&plain),
	    (int)(width - plain_width(strbuf_text(&plain))), "");
}

static double
number(const struct value *v, const char *name)
{
	const struct value *n = value_get(v, name);

	return n != NULL ? value_to_real(n) : 0;
}

static size_t
widest(const struct value *list, const char *name)
{
	size_t width = NAME_MIN;

	for (uint32_t i = 0; i < list->len; i++) {
		size_t w = plain_width(value_text(list->items[i], name, ""));

		if (w > width)
			width = w;
	}
	return width < NAME_MAX_COLUMNS ? width : NAME_MAX_COLUMNS;
}

static void
put_hook(const struct page *p, const struct value *h, size_t phase, size_t name)
{
	char verdict[32];

	status_verdict(h, verdict, sizeof(verdict));
	strbuf_puts(p->b, "  ");
	put_column(p, value_text(h, "phase", ""), phase);
	strbuf_puts(p->b, "  ");
	put_column(p, value_text(h, "name", ""), name);
	strbuf_puts(p->b, "  ");
	put_verdict(p, status_is_good(h), verdict, 10);
	strbuf_printf(p->b, "  %9.3f  %9.3f  %9.1f\n", number(h, "seconds"),
	    number(h, "cpu_seconds"), number(h, "peak_kib") / 1024);
}

static void
put_hooks(const struct page *p, const struct value *hooks)
{
	size_t phase, name;

	if (hooks == NULL || hooks->kind != VALUE_LIST || hooks->len == 0)
		return;
	phase = widest(hooks, "phase");
	name = widest(hooks, "name");
	strbuf_printf(p->b, "\n  %-*s  %-*s  %-10s  %9s  %9s  %9s\n",
	    (int)phase, "PHASE", (int)name, "HOOK", "RESULT", "SECONDS", "CPU",
	    "MIB");
	for (uint32_t i = 0; i < hooks->len; i++)
		put_hook(p, hooks->items[i], phase, name);
}

static void
put_last(const struct page *p, const struct value *r)
{
	const char *status = value_text(r, "status", "?");
	const char *why = value_text(r, "error", NULL);

	if (r == NULL || r->kind != VALUE_MAP) {
		strbuf_puts(p->b, "No run yet.\n");
		return;
	}
	put_verdict(p, strcmp(status, "success") == 0, status, 0);
	strbuf_printf(p->b, " in %.3f s, ", number(r, "seconds"));
	put(p, value_text(r, "started", "?"));
	strbuf_puts(p->b, " on ");
	put(p, value_text(r, "host", "?"));
	strbuf_puts(p->b, ", run ");
	put(p, value_text(r, "run", "?"));
	strbuf_putc(p->b, '\n');
	if (why != NULL) {
		put(p, why);
		strbuf_putc(p->b, '\n');
	}
	put_hooks(p, value_get(r, "hooks"));
}

static void
put_outbox(const struct page *p, const struct value *outbox)
{
	const struct value *refused = value_get(outbox, "refused");
	double waiting = number(outbox, "waiting");

	if (waiting == 0 && refused->len == 0)
		return;
	strbuf_printf(p->b, "\nOutbox: %.0f waiting", waiting);
	if (waiting > 0) {
		strbuf_puts(p->b, " since ");
		put(p, value_text(outbox, "oldest", "?"));
	}
	strbuf_printf(p->b, ", %u refused\n", refused->len);
	for (uint32_t i = 0; i < refused->len; i++) {
		strbuf_puts(p->b, "  ");
		put(p, value_text(refused->items[i], "name", ""));
		strbuf_puts(p->b, ": ");
		put(p, value_text(refused->items[i], "reason", ""));
		strbuf_putc(p->b, '\n');
	}
}

static void
put_changed(const struct page *p, const struct value *names)
{
	if (names->len == 0)
		return;
	strbuf_puts(p->b, "\nChanged, and waiting for a run to succeed:");
	for (uint32_t i = 0; i < names->len; i++) {
		strbuf_putc(p->b, ' ');
		put(p, names->items[i]->text);
	}
	strbuf_putc(p->b, '\n');
}

static void
put_history(const struct page *p, const struct value *history)
{
	if (history->len < 2)
		return;
	strbuf_printf(p->b, "\n  %-20s  %-10s  %5s  %9s  %s\n", "STARTED",
	    "RESULT", "HOOKS", "SECONDS", "ERROR");
	for (uint32_t i = 0; i < history->len && i < SHOWN_RUNS; i++) {
		const struct value *r = history->items[i];
		const char *status = value_text(r, "status", "?");

		strbuf_puts(p->b, "  ");
		put_column(p, value_text(r, "started", "?"), 20);
		strbuf_puts(p->b, "  ");
		put_verdict(p, strcmp(status, "success") == 0, status, 10);
		strbuf_printf(p->b, "  %5.0f  %9.3f", number(r, "hooks"),
		    number(r, "seconds"));
		if (value_text(r, "error", NULL) != NULL) {
			strbuf_puts(p->b, "  ");
			put(p, value_text(r, "error", ""));
		}
		strbuf_putc(p->b, '\n');
	}
}

void
status_text(const struct value *status, bool colours, struct strbuf *b)
{
	const struct page p = { b, colours };

	put_last(&p, value_get(status, "last"));
	put_changed(&p, value_get(status, "changed"));
	put_outbox(&p, value_get(status, "outbox"));
	put_history(&p, value_get(status, "history"));
}
