/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send-signals: takes the messages out of an outbox (lib/outbox) and brings
 * each to its receiver, again and again until it is acknowledged.
 *
 *	folder ─► queue (what is due when) ─► signal-*.c (one attempt) ─► verdict
 */
#ifndef SEND_SIGNALS_SEND_H
#define SEND_SIGNALS_SEND_H

#include <stddef.h>

struct error;
struct http_reply;
struct http_request;
struct strlist;
struct value;

/* ---- one attempt ------------------------------------------------------- */

enum verdict {
	VERDICT_DONE, /* acknowledged */
	VERDICT_LATER, /* this message not now; the reason is in the error */
	VERDICT_UNREACHABLE, /* the receiver is away, for all its messages */
	VERDICT_REFUSED, /* never; the reason is in the error */
};

struct signal {
	const char *name; /* "transport" of a message */
	const char *summary;
	/* Try once.  *after gets the pause that the receiver asked for. */
	enum verdict (*send)(
	    const struct value *message, unsigned *after, struct error *e);
};

extern const struct signal signal_http, signal_heat, signal_zaqar;
extern const struct signal *const signals[]; /* ends with NULL */

/* Try once by the transport that the message names. */
enum verdict
signal_send(const struct value *message, unsigned *after, struct error *e);

/* Whom the message is for, "http://host:port"; the caller's. */
char *signal_receiver(const struct value *message);

/*
 * Do the exchange and judge it.  Without request->max nobody wants to read
 * what a success says.
 */
enum verdict signal_exchange(const struct http_request *request,
    struct http_reply *reply, unsigned *after, struct error *e);

/* Send with a token to a service's endpoint; reply is for its status. */
typedef enum verdict signal_post(const struct value *message,
    const char *endpoint, const char *token, struct http_reply *reply,
    unsigned *after, struct error *e);

/*
 * Log in, post; once more with a new token when one that was kept has become
 * invalid.
 */
enum verdict signal_with_token(const struct value *message, const char *service,
    signal_post *post, unsigned *after, struct error *e);

/* ---- a login (keystone.c) ---------------------------------------------- */

/* A token and the public URL of the service; both the caller's. */
enum verdict keystone_login(const struct value *message, const char *service,
    char **token, char **endpoint, unsigned *after, struct error *e);

/* The token of the message's user is not accepted any more. */
void keystone_forget(const struct value *message);

/* ---- what is due when -------------------------------------------------- */

struct pending {
	char *name;
	int receiver; /* index, or -1 until the message was read */
	unsigned tries;
	double next; /* not before this time */
};

struct receiver {
	char *name;
	unsigned failures; /* in a row */
	double next; /* away until then */
};

struct queue {
	struct pending *items; /* oldest first */
	size_t len, cap;
	struct receiver *receivers;
	size_t receivers_len, receivers_cap;
};

/* Take over which messages there are; what is known of them is kept. */
void queue_update(struct queue *q, const struct strlist *names);

/* The message to try next, or NULL; *due is when, maybe in the past. */
struct pending *queue_next(struct queue *q, double *due);

/* The index of a receiver by its name. */
int queue_receiver(struct queue *q, const char *name);

/* What came of an attempt at the time now.  jitter is between 0 and 1. */
void queue_settle(struct queue *q, struct pending *p, enum verdict verdict,
    double now, unsigned after, double jitter);

void queue_clear(struct queue *q);

/* ---- the loop ---------------------------------------------------------- */

struct sender {
	const char *outbox;
	unsigned seconds; /* give back control after so long; 0: never */
};

struct tally {
	size_t sent, refused, waiting;
};

/* Send until nothing waits or the time is over. */
int sender_run(const struct sender *s, struct tally *tally, struct error *e);

#endif
