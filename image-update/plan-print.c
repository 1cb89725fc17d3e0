/* SPDX-License-Identifier: Apache-2.0 */
/* What an update would do, for people or as JSON. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "image-update/machine.h"
#include "lib/doc.h"
#include "lib/own.h"
#include "lib/plain.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

static const char *
kind_of(const struct activation *a)
{
	static const char *const kinds[] = { "restart", "soft-reboot", "kexec",
		"reboot" };

	if (a->kind == ACTIVATION_RESTART && a->units.len == 0)
		return "nothing";
	return kinds[a->kind];
}

void
print_line(const char *format, ...)
{
	own(strbuf_clear) struct strbuf line = { 0 };
	own_free char *text = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n > 0)
		plain_add(&line, text, (size_t)n);
	puts(strbuf_text(&line));
}

/* ---- for people ------------------------------------------------------------- */

static void
print_state(const struct outlook *o)
{
	const struct contents *c = o->new;

	if (c->state_newest == 0)
		return;
	printf("state: the image works with data of the forms %u to %u",
	    c->state_oldest, c->state_newest);
	if (o->plan->form > 0)
		printf(", the machine's have form %u", o->plan->form);
	putchar('\n');
}

static void
print_text(const struct outlook *o)
{
	const struct plan *p = o->plan;
	const struct activation *a = o->activation;
	own_free char *units = strlist_join(&a->units, " ");

	for (size_t i = 0; i < p->paths->len; i++)
		print_line("%-10s %s",
		    value_text(p->paths->items[i], "change", ""),
		    value_text(p->paths->items[i], "path", ""));
	for (size_t i = 0; i < o->conflicts->len; i++)
		print_line("%-10s %s", "conflict", o->conflicts->items[i]);
	printf("%zu added, %zu removed, %zu changed, %zu with other "
	       "attributes; %llu bytes\n",
	    p->added, p->removed, p->changed, p->attributes,
	    (unsigned long long)p->bytes);
	if (p->fetch != UINT64_MAX)
		printf("%llu bytes to fetch\n", (unsigned long long)p->fetch);
	print_state(o);
	if (a->why != NULL)
		print_line("activation: %s%s%s (%s)", kind_of(a),
		    a->units.len > 0 ? " of " : "", units, a->why);
}

/* ---- for programs ------------------------------------------------------------- */

static struct value *
state_value(struct doc *d, const struct outlook *o)
{
	struct value *v = value_map(d);

	if (o->plan->form > 0)
		value_set_number(d, v, "machine", o->plan->form);
	if (o->new->state_newest > 0) {
		value_set_number(d, v, "oldest", o->new->state_oldest);
		value_set_number(d, v, "newest", o->new->state_newest);
	}
	return v;
}

static struct value *
activation_value(struct doc *d, const struct activation *a)
{
	struct value *v = value_map(d);

	value_set_text(d, v, "kind", kind_of(a));
	value_set_text(d, v, "why", a->why);
	value_set(d, v, "units", value_strings(d, &a->units));
	return v;
}

static void
print_json(const struct outlook *o, struct doc *d)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v = value_map(d);

	value_set_text(d, v, "id", o->new->id);
	value_set_text(d, v, "name", o->new->name);
	value_set_number(d, v, "version", o->new->version);
	value_set_number(d, v, "bytes", o->plan->bytes);
	if (o->plan->fetch != UINT64_MAX)
		value_set_number(d, v, "fetch", o->plan->fetch);
	value_set(d, v, "paths", o->plan->paths);
	value_set(d, v, "conflicts", value_strings(d, o->conflicts));
	value_set(d, v, "state", state_value(d, o));
	if (o->activation->why != NULL)
		value_set(
		    d, v, "activation", activation_value(d, o->activation));
	value_print(v, STYLE_PRETTY, &text);
	puts(strbuf_text(&text));
}

void
plan_print(const struct outlook *o, struct doc *d, bool json)
{
	if (json)
		print_json(o, d);
	else
		print_text(o);
}
