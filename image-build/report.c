/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time went: remembered by step, told by phase. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/report.h"
#include "lib/clock.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define DASHES "----------------------------------------"

struct timing {
	char *phase, *name, *element; /* phase NULL: no script */
	double seconds;
};

struct report {
	struct timing *items;
	size_t len, cap;
	double start;
};

struct report *
report_new(void)
{
	struct report *r = mem_alloc(sizeof(*r));

	r->start = clock_seconds();
	return r;
}

void
report_free(struct report *r)
{
	for (size_t i = 0; r != NULL && i < r->len; i++) {
		free(r->items[i].phase);
		free(r->items[i].name);
		free(r->items[i].element);
	}
	if (r != NULL)
		free(r->items);
	free(r);
}

void
report_step(struct report *r, const char *phase, const char *name,
    const char *element, double seconds)
{
	r->items = mem_grow(r->items, &r->cap, r->len + 1, sizeof(*r->items));
	r->items[r->len++] = (struct timing){ .phase = mem_dup(phase),
		.name = mem_dup(name),
		.element = mem_dup(element),
		.seconds = seconds };
}

void
report_part(struct report *r, const char *name, double seconds)
{
	report_step(r, NULL, name, NULL, seconds);
}

static double
phase_seconds(const struct report *r, const char *phase, unsigned *steps)
{
	double sum = 0;

	*steps = 0;
	for (size_t i = 0; i < r->len; i++)
		if (r->items[i].phase != NULL &&
		    strcmp(r->items[i].phase, phase) == 0) {
			sum += r->items[i].seconds;
			++*steps;
		}
	return sum;
}

/* The longest step of a phase. */
static const struct timing *
slowest(const struct report *r, const char *phase)
{
	const struct timing *found = NULL;

	for (size_t i = 0; i < r->len; i++) {
		const struct timing *t = &r->items[i];

		if (t->phase != NULL && strcmp(t->phase, phase) == 0 &&
		    (found == NULL || t->seconds > found->seconds))
			found = t;
	}
	return found;
}

void
report_print(const struct report *r)
{
	log_info(
	    "%-16s %5s %9s  %s", "phase", "steps", "seconds", "longest step");
	for (const struct phase *p = phases; p->name != NULL; p++) {
		unsigned steps;
		double seconds = phase_seconds(r, p->name, &steps);
		const struct timing *t = slowest(r, p->name);

		if (steps > 0)
			log_info("%-16s %5u %9.1f  %s (%s), %.1f s", p->name,
			    steps, seconds, t->name, t->element, t->seconds);
	}
	for (size_t i = 0; i < r->len; i++)
		if (r->items[i].phase == NULL)
			log_info("%-16s %5s %9.1f", r->items[i].name, "",
			    r->items[i].seconds);
	log_info("%-16s %5s %9.1f", "together", "", clock_seconds() - r->start);
}

static int
by_name(const void *a, const void *b)
{
	const struct timing *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void
report_profile(const struct report *r, const char *phase)
{
	own_free const struct timing **rows =
	    mem_alloc((r->len + 1) * sizeof(*rows));
	size_t n = 0;

	for (size_t i = 0; i < r->len; i++)
		if (r->items[i].phase != NULL &&
		    strcmp(r->items[i].phase, phase) == 0)
			rows[n++] = &r->items[i];
	qsort(rows, n, sizeof(*rows), by_name);
	log_info("dib-run-parts %.23s PROFILING %.23s", DASHES, DASHES);
	log_info("dib-run-parts ");
	log_info("dib-run-parts Target: %s.d", phase);
	log_info("dib-run-parts ");
	log_info("dib-run-parts %-40s %9s", "Script", "Seconds");
	log_info("dib-run-parts %.39s  %.10s", DASHES, DASHES);
	log_info("dib-run-parts ");
	for (size_t i = 0; i < n; i++)
		log_info("dib-run-parts %-40s %10.3f", rows[i]->name,
		    rows[i]->seconds);
	log_info("dib-run-parts ");
	log_info("dib-run-parts %.21s END PROFILING %.21s", DASHES, DASHES);
}

/* ---- for programs -------------------------------------------------------- */

static struct value *
steps_value(struct doc *d, const struct report *r)
{
	struct value *list = value_list(d);

	for (size_t i = 0; i < r->len; i++) {
		const struct timing *t = &r->items[i];
		struct value *v = value_map(d);

		if (t->phase != NULL)
			value_set(d, v, "phase", value_string(d, t->phase));
		value_set(d, v, "name", value_string(d, t->name));
		if (t->element != NULL)
			value_set(d, v, "element", value_string(d, t->element));
		value_set(d, v, "seconds", value_real(d, t->seconds));
		value_add(d, list, v);
	}
	return list;
}

static struct value *
products_value(struct doc *d, const struct strlist *products)
{
	struct value *list = value_list(d);

	for (size_t i = 0; i < products->len; i++) {
		struct value *v = value_map(d);
		struct stat st;

		value_set(d, v, "path", value_string(d, products->items[i]));
		if (stat(products->items[i], &st) == 0) {
			value_set(d, v, "bytes", value_int(d, st.st_size));
			value_set(d, v, "bytes_on_disk",
			    value_int(d, (long long)st.st_blocks * 512));
		}
		value_add(d, list, v);
	}
	return list;
}

int
report_write(const struct report *r, const struct build *b,
    const struct strlist *products, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *path = mem_printf("%s.build.json", b->settings->name);
	struct value *root = value_map(d), *elements = value_list(d);

	for (size_t i = 0; i < b->nchosen; i++)
		value_add(d, elements, value_string(d, b->chosen[i]->name));
	value_set(d, root, "images", products_value(d, products));
	value_set(d, root, "elements", elements);
	value_set(d, root, "packages", value_int(d, packages_count(b->tree)));
	value_set(
	    d, root, "seconds", value_real(d, clock_seconds() - r->start));
	value_set(d, root, "steps", steps_value(d, r));
	value_print(root, STYLE_PRETTY, &text);
	strbuf_putc(&text, '\n');
	if (file_replace(
		AT_FDCWD, path, 0644, strbuf_text(&text), text.len, e) == -1)
		return -1;
	return report_html(b, root, e);
}
