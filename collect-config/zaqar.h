/* SPDX-License-Identifier: Apache-2.0 */
/* What the two ways to a queue of Zaqar share. */
#ifndef COLLECT_CONFIG_ZAQAR_H
#define COLLECT_CONFIG_ZAQAR_H

#include "collect-config/source.h"

#define ZAQAR_MESSAGES 20 /* taken in one round */
#define ZAQAR_SOCKET 100 /* places from here on are those of a websocket */

/* The type of the service in the catalog. */
const char *zaqar_service(const struct round *r);

/* Who we are to the queue: a UUID, made once. */
const char *zaqar_client(struct round *r);

void zaqar_set_trust(struct round *r);

/*
 * Take the messages of an answer, the newest of which is the metadata.
 * STEP_STORE when there is metadata, which must be safe before they are
 * removed; STEP_DONE when there is only waste; STEP_SAME when there is
 * nothing.  The list of their ids is then in round.data.
 */
enum step
zaqar_take(struct round *r, const struct value *body, struct error *e);

/* The steps by websocket. */
enum step zaqar_ask_socket(struct round *r);
enum step zaqar_socket_step(struct round *r, struct error *e);

#endif
