/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/own.h"
#include "lib/strlist.h"
#include "send-signals/send.h"
#include "tests/unit/check.h"

#define MIDDLE 0.5 /* jitter that leaves a pause as it is */

static void
update(struct queue *q, const char *names)
{
	own(strlist_clear) struct strlist l = { 0 };

	strlist_split(&l, names, " ");
	queue_update(q, &l);
	for (size_t i = 0; i < q->len; i++)
		if (q->items[i].receiver < 0)
			q->items[i].receiver = queue_receiver(q,
			    *q->items[i].name == 'a' ? "http://a" : "http://b");
}

/* Settle the next one, which must have that name, when it is due. */
static double
settle(struct queue *q, const char *name, enum verdict v, double now,
    unsigned after, double jitter)
{
	double due;
	struct pending *p = queue_next(q, &due);

	CHECK_STR(p->name, name);
	CHECK(due <= now);
	queue_settle(q, p, v, now, after, jitter);
	return queue_next(q, &due) == NULL ? -1 : due;
}

static void
the_oldest_goes_first_and_leaves(void)
{
	own(queue_clear) struct queue q = { 0 };

	update(&q, "a1 b1 a2");
	settle(&q, "a1", VERDICT_DONE, 1, 0, MIDDLE);
	settle(&q, "b1", VERDICT_REFUSED, 1, 0, MIDDLE);
	CHECK(settle(&q, "a2", VERDICT_DONE, 1, 0, MIDDLE) == -1);
	CHECK(q.len == 0);
}

static void
pauses_double_up_to_a_limit(void)
{
	static const double pauses[] = { 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256,
		300, 300 };
	own(queue_clear) struct queue q = { 0 };
	double now = 0;

	update(&q, "a1");
	for (size_t i = 0; i < sizeof(pauses) / sizeof(*pauses); i++) {
		double due = settle(&q, "a1", VERDICT_LATER, now, 0, MIDDLE);

		CHECK(due - now == pauses[i]);
		now = due;
	}
	CHECK(settle(&q, "a1", VERDICT_LATER, now, 0, 0) - now == 150);
	now += 150;
	CHECK(settle(&q, "a1", VERDICT_LATER, now, 0, 1) - now == 450);
}

static void
the_receiver_may_ask_for_more_time(void)
{
	own(queue_clear) struct queue q = { 0 };

	update(&q, "a1");
	CHECK(settle(&q, "a1", VERDICT_LATER, 10, 60, MIDDLE) == 70);
	CHECK(settle(&q, "a1", VERDICT_LATER, 70, 0, MIDDLE) == 71);
}

static void
a_busy_receiver_gets_the_others(void)
{
	own(queue_clear) struct queue q = { 0 };

	update(&q, "a1 a2");
	settle(&q, "a1", VERDICT_LATER, 0, 0, MIDDLE);
	CHECK(settle(&q, "a2", VERDICT_DONE, 0, 0, MIDDLE) == 0.5);
}

static void
one_away_gets_none_until_it_is_back(void)
{
	own(queue_clear) struct queue q = { 0 };

	update(&q, "a1 a2 b1");
	settle(&q, "a1", VERDICT_UNREACHABLE, 0, 0, MIDDLE);
	CHECK(settle(&q, "b1", VERDICT_DONE, 0, 0, MIDDLE) == 0.5);
	CHECK(settle(&q, "a1", VERDICT_UNREACHABLE, 0.5, 0, MIDDLE) == 1.5);
	CHECK(settle(&q, "a1", VERDICT_DONE, 1.5, 0, MIDDLE) <= 1.5);
	/* It was back: the next failure begins anew. */
	CHECK(settle(&q, "a2", VERDICT_UNREACHABLE, 2, 0, MIDDLE) == 2.5);
}

static void
what_is_known_survives_an_update(void)
{
	own(queue_clear) struct queue q = { 0 };
	double due;

	update(&q, "a1 a2 b1");
	settle(&q, "a1", VERDICT_LATER, 0, 100, MIDDLE);
	update(&q, "a1 b1 b2");
	CHECK(q.len == 3);
	settle(&q, "b1", VERDICT_DONE, 0, 0, MIDDLE);
	settle(&q, "b2", VERDICT_DONE, 0, 0, MIDDLE);
	CHECK_STR(queue_next(&q, &due)->name, "a1");
	CHECK(due == 100);
	update(&q, "");
	CHECK(queue_next(&q, &due) == NULL);
}

int
main(void)
{
	the_oldest_goes_first_and_leaves();
	pauses_double_up_to_a_limit();
	the_receiver_may_ask_for_more_time();
	a_busy_receiver_gets_the_others();
	one_away_gets_none_until_it_is_back();
	what_is_known_survives_an_update();
	return check_result();
}
