/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --budget [ELEMENT:]size=300M,time=120s: the build fails where it is over,
 * and the error names the step that went over it.
 */
#include "image-build/budget.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "image-build/origins.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"

struct budget {
	char *element; /* NULL: the whole image */
	double bytes, seconds; /* 0: as it comes */
};

static void
budget_clear(struct budget *g)
{
	free(g->element);
}

/* ---- what was asked for --------------------------------------------------- */

struct unit {
	const char *name;
	double factor;
};

static const struct unit sizes[] = { { "", 1 }, { "K", 0x1p10 },
	{ "M", 0x1p20 }, { "G", 0x1p30 }, { NULL, 0 } };
static const struct unit times[] = { { "", 1 }, { "s", 1 }, { "m", 60 },
	{ "h", 3600 }, { NULL, 0 } };

/* "300M" */
static int
parse_amount(
    const char *text, const struct unit *units, double *amount, struct error *e)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || !(n > 0) || n > 1e15)
		return error_set(e, EINVAL, "no amount: \"%s\"", text);
	for (; units->name != NULL; units++)
		if (strcmp(end, units->name) == 0) {
			*amount = n * units->factor;
			return 0;
		}
	return error_set(e, EINVAL, "no such unit: \"%s\"", end);
}

static int
parse_word(struct budget *g, const char *word, struct error *e)
{
	if (strncmp(word, "size=", 5) == 0)
		return parse_amount(word + 5, sizes, &g->bytes, e);
	if (strncmp(word, "time=", 5) == 0)
		return parse_amount(word + 5, times, &g->seconds, e);
	return error_set(e, EINVAL, "neither size= nor time=: \"%s\"", word);
}

static int
budget_parse(struct budget *g, const char *text, struct error *e)
{
	const char *colon = strchr(text, ':');
	own(strlist_clear) struct strlist words = { 0 };

	if (colon != NULL)
		g->element = mem_dupn(text, (size_t)(colon - text));
	strlist_split(&words, colon != NULL ? colon + 1 : text, ",");
	if (words.len == 0)
		return error_set(
		    e, EINVAL, "--budget %s: neither size= nor time=", text);
	for (size_t i = 0; i < words.len; i++)
		if (parse_word(g, words.items[i], e) == -1)
			return error_prefix(e, "--budget %s", text);
	return 0;
}

static bool
is_chosen(const struct build *b, const char *element)
{
	for (size_t i = 0; i < b->nchosen; i++)
		if (strcmp(b->chosen[i]->name, element) == 0)
			return true;
	return false;
}

int
budget_check(const struct build *b, struct error *e)
{
	const struct strlist *all = &b->settings->budgets;

	for (size_t i = 0; i < all->len; i++) {
		own(budget_clear) struct budget g = { 0 };

		if (budget_parse(&g, all->items[i], e) == -1)
			return -1;
		if (g.element != NULL && !is_chosen(b, g.element))
			return error_set(e, EINVAL,
			    "--budget %s: no element %s in this image",
			    all->items[i], g.element);
	}
	return 0;
}

/* ---- time -------------------------------------------------------------------- */

static int
check_time(const struct build *b, const struct budget *g, const struct step *s,
    struct error *e)
{
	double spent = report_seconds(b->report, g->element);

	if (g->seconds == 0 || spent <= g->seconds ||
	    (g->element != NULL && strcmp(g->element, s->element) != 0))
		return 0;
	return error_set(e, ETIME,
	    "budget: %s%s has taken %.1f s of %.0f s; element %s went over it "
	    "in %s.d/%s, after %.1f s",
	    g->element != NULL ? "element " : "the build",
	    g->element != NULL ? g->element : "", spent, g->seconds, s->element,
	    s->phase, s->name, report_last(b->report));
}

int
budget_time(const struct build *b, const struct step *s, struct error *e)
{
	const struct strlist *all = &b->settings->budgets;

	for (size_t i = 0; i < all->len; i++) {
		own(budget_clear) struct budget g = { 0 };

		if (budget_parse(&g, all->items[i], e) == -1 ||
		    check_time(b, &g, s, e) == -1)
			return -1;
	}
	return 0;
}

unsigned
budget_left(const struct build *b, const char *element)
{
	const struct strlist *all = &b->settings->budgets;
	double least = LIMIT_BUILD_SECONDS;

	for (size_t i = 0; i < all->len; i++) {
		own(budget_clear) struct budget g = { 0 };
		struct error none;
		double left;

		if (budget_parse(&g, all->items[i], &none) == -1 ||
		    g.seconds == 0 ||
		    (g.element != NULL &&
			(element == NULL || strcmp(g.element, element) != 0)))
			continue;
		left = g.seconds - report_seconds(b->report, g.element);
		if (left < least)
			least = left;
	}
	return least < 0 ? 1 : (unsigned)least + 1;
}

/* ---- size -------------------------------------------------------------------- */

/*
 * The step with which the sum of what the steps wrote goes over the limit;
 * NULL if that is not known.
 */
static const struct writer *
find_guilty(const struct origins *o, const struct budget *g, double *sum)
{
	const struct writer *guilty = NULL;

	*sum = 0;
	for (size_t i = 0; i < o->nwriters; i++) {
		const struct writer *w = &o->writers[i];

		if (g->element != NULL && strcmp(w->element, g->element) != 0)
			continue;
		*sum += (double)w->bytes;
		if (guilty == NULL && *sum > g->bytes)
			guilty = w;
	}
	return guilty;
}

static int
check_size(const struct budget *g, const struct origins *o, struct error *e)
{
	double bytes;
	const struct writer *w = find_guilty(o, g, &bytes);

	if (g->bytes == 0)
		return 0;
	if (g->element == NULL)
		bytes = (double)o->bytes;
	else if (o->nwriters == 0)
		return error_set(e, ENOTSUP,
		    "budget: what element %s takes is known only to a build "
		    "that keeps its steps",
		    g->element);
	if (bytes <= g->bytes)
		return 0;
	error_set(e, EFBIG, "budget: %s%s takes %.1f MiB of %.1f MiB",
	    g->element != NULL ? "element " : "the image",
	    g->element != NULL ? g->element : "", bytes / 0x1p20,
	    g->bytes / 0x1p20);
	if (w != NULL) {
		own_free char *why = mem_dup(e->text);

		error_set(e, EFBIG,
		    "%s; element %s went over it in %s, with %.1f MiB", why,
		    w->element, w->script, (double)w->bytes / 0x1p20);
	}
	return -1;
}

int
budget_size(const struct build *b, const struct origins *o, struct error *e)
{
	const struct strlist *all = &b->settings->budgets;

	for (size_t i = 0; i < all->len; i++) {
		own(budget_clear) struct budget g = { 0 };

		if (budget_parse(&g, all->items[i], e) == -1 ||
		    check_size(&g, o, e) == -1)
			return -1;
	}
	return 0;
}
