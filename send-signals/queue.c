/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due when: exponential back-off, by message when the receiver said
 * "not now", by receiver when it could not be reached.  No clock, no network.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strlist.h"
#include "send-signals/send.h"

#define PAUSE_FIRST 0.5 /* seconds */
#define PAUSE_MAX 300.0

/* The pause after so many failures, half to one and a half of its mean. */
static double
pause_after(unsigned failures, double jitter)
{
	double pause = PAUSE_FIRST;

	for (unsigned i = 1; i < failures && pause < PAUSE_MAX; i++)
		pause *= 2;
	return (pause < PAUSE_MAX ? pause : PAUSE_MAX) * (0.5 + jitter);
}

int
queue_receiver(struct queue *q, const char *name)
{
	for (size_t i = 0; i < q->receivers_len; i++)
		if (strcmp(q->receivers[i].name, name) == 0)
			return (int)i;
	q->receivers = mem_grow(q->receivers, &q->receivers_cap,
	    q->receivers_len + 1, sizeof(*q->receivers));
	q->receivers[q->receivers_len] =
	    (struct receiver){ .name = mem_dup(name) };
	return (int)q->receivers_len++;
}

static int
compare(const void *a, const void *b)
{
	const struct pending *x = *(struct pending *const *)a;
	const struct pending *y = *(struct pending *const *)b;

	return strcmp(x->name, y->name);
}

/* The known messages sorted by name, to be found quickly; the caller's. */
static struct pending **
by_name(struct queue *q)
{
	struct pending **index = mem_resize(NULL, q->len + 1, sizeof(*index));

	for (size_t i = 0; i < q->len; i++)
		index[i] = &q->items[i];
	if (q->len > 1)
		qsort(index, q->len, sizeof(*index), compare);
	return index;
}

void
queue_update(struct queue *q, const struct strlist *names)
{
	own_free struct pending **known = by_name(q);
	struct pending *items =
	    mem_resize(NULL, names->len + 1, sizeof(*items));

	for (size_t i = 0; i < names->len; i++) {
		struct pending key = { .name = names->items[i] };
		struct pending *pointer = &key;
		struct pending **found =
		    bsearch(&pointer, known, q->len, sizeof(*known), compare);

		items[i] = found != NULL ? **found
					 : (struct pending){ .receiver = -1 };
		items[i].name = mem_dup(names->items[i]);
	}
	for (size_t i = 0; i < q->len; i++)
		free(q->items[i].name);
	free(q->items);
	q->items = items;
	q->len = names->len;
	q->cap = names->len + 1;
}

struct pending *
queue_next(struct queue *q, double *due)
{
	struct pending *best = NULL;

	for (size_t i = 0; i < q->len; i++) {
		struct pending *p = &q->items[i];
		double when = p->next;

		if (p->receiver >= 0 && q->receivers[p->receiver].next > when)
			when = q->receivers[p->receiver].next;
		if (best == NULL || when < *due) {
			best = p;
			*due = when;
		}
	}
	return best;
}

static void
queue_drop(struct queue *q, struct pending *p)
{
	size_t at = (size_t)(p - q->items);

	free(p->name);
	memmove(p, p + 1, (q->len - at - 1) * sizeof(*p));
	q->len--;
}

void
queue_settle(struct queue *q, struct pending *p, enum verdict verdict,
    double now, unsigned after, double jitter)
{
	struct receiver *r = &q->receivers[p->receiver];

	if (verdict == VERDICT_UNREACHABLE) {
		r->failures++;
		r->next = now + pause_after(r->failures, jitter);
		return;
	}
	r->failures = 0;
	if (verdict != VERDICT_LATER) {
		queue_drop(q, p);
		return;
	}
	p->tries++;
	p->next = now + pause_after(p->tries, jitter);
	if (p->next < now + after)
		p->next = now + after;
}

void
queue_clear(struct queue *q)
{
	for (size_t i = 0; i < q->len; i++)
		free(q->items[i].name);
	for (size_t i = 0; i < q->receivers_len; i++)
		free(q->receivers[i].name);
	free(q->items);
	free(q->receivers);
	*q = (struct queue){ 0 };
}
