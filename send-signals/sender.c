/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: look into the folder, try what is due, take away what arrived.
 * Only the folder lasts; what is known of failures starts anew with a new
 * process, so nothing needs to be written while a receiver is away.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "lib/strlist.h"
#include "send-signals/send.h"

#define LOOK_SECONDS 1.0 /* between two looks into the folder */

static void
rest(double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds };

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	nanosleep(&t, NULL);
}

static int
look(const struct sender *s, struct queue *q, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (outbox_list(s->outbox, &names, e) == -1)
		return -1;
	queue_update(q, &names);
	return 0;
}

/* A line for the first failure and then ever fewer. */
static void
complain(const char *name, unsigned failures, const struct error *why)
{
	if ((failures & (failures - 1)) == 0)
		log_warn("%s: %s; will try again", name, why->text);
}

/* Whom is it for?  So that nobody known to be away is tried once more. */
static void
learn(const struct sender *s, struct queue *q, struct pending *p)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct error unread;
	const struct value *message =
	    outbox_load(d, s->outbox, p->name, &unread);
	own_free char *receiver = signal_receiver(message);

	p->receiver = queue_receiver(q, receiver);
}

static enum verdict
attempt(const struct sender *s, const struct pending *p, unsigned *after,
    struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *message = outbox_load(d, s->outbox, p->name, e);

	if (message != NULL)
		return signal_send(message, after, e);
	return e->code == ENOENT ? VERDICT_DONE
	    : e->code == EINVAL	 ? VERDICT_REFUSED
				 : VERDICT_LATER;
}

static int
try(const struct sender *s, struct queue *q, struct pending *p,
    struct tally *tally, struct error *e)
{
	unsigned after = 0;
	struct error why = { 0 };
	enum verdict v = attempt(s, p, &after, &why);
	int r = 0;

	if (v == VERDICT_DONE) {
		r = outbox_remove(s->outbox, p->name, e);
		tally->sent++;
	} else if (v == VERDICT_REFUSED) {
		log_warn("%s: refused: %s", p->name, why.text);
		r = outbox_refuse(s->outbox, p->name, why.text, e);
		tally->refused++;
	} else if (v == VERDICT_UNREACHABLE) {
		complain(p->name, q->receivers[p->receiver].failures + 1, &why);
	} else {
		complain(p->name, p->tries + 1, &why);
	}
	queue_settle(
	    q, p, v, clock_seconds(), after, arc4random() / 4294967296.0);
	return r;
}

int
sender_run(const struct sender *s, struct tally *tally, struct error *e)
{
	own(queue_clear) struct queue q = { 0 };
	double end = s->seconds ? clock_seconds() + s->seconds : INFINITY;
	double looked = -INFINITY;

	for (;;) {
		double t = clock_seconds(), due = 0;
		struct pending *p;

		if (q.len == 0 || t - looked >= LOOK_SECONDS) {
			if (look(s, &q, e) == -1)
				return -1;
			looked = t;
		}
		p = queue_next(&q, &due);
		tally->waiting = q.len;
		if (p == NULL || t >= end || due >= end)
			return 0;
		if (due > t)
			rest(due - t < LOOK_SECONDS ? due - t : LOOK_SECONDS);
		else if (p->receiver < 0)
			learn(s, &q, p);
		else if (try(s, &q, p, tally, e) == -1)
			return -1;
	}
}
