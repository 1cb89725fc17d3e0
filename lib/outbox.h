/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that must arrive: a folder with one JSON file per message.
 *
 * Whoever has something to tell puts it here, durably, before acting as if it
 * had been told; send-signals takes it away after the receiver acknowledged
 * it.  A message is a map: "transport" names the way it goes, "body" is what
 * arrives, the other members belong to the transport (send-signals(8)).
 *
 * A file's name is the message's identity: putting a message whose name is
 * waiting replaces it.  Files that start with a dot are not messages.  What
 * the receiver refused for good lies in the folder "<dir>.refused" beside it,
 * for people; so the folder itself is empty when nothing is to be done.
 */
#ifndef LIB_OUTBOX_H
#define LIB_OUTBOX_H

#include <stdbool.h>

struct doc;
struct error;
struct strlist;
struct value;

#define OUTBOX_REFUSED ".refused" /* added to the folder's name */

/*
 * Put a message under a name made from foreign text: bytes that a file name
 * should not have are written %XX.  The folder is made when it is missing.
 * On return the message survives a crash of the machine.
 */
int outbox_put(const char *dir, const char *name, const struct value *message,
    struct error *e);

/* Add the names of the waiting messages, oldest first; no folder, no names. */
int outbox_list(const char *dir, struct strlist *names, struct error *e);

/* Read one; NULL with error.code ENOENT when it was taken away meanwhile. */
struct value *
outbox_load(struct doc *d, const char *dir, const char *name, struct error *e);

/* It arrived: forget it. */
int outbox_remove(const char *dir, const char *name, struct error *e);

/* It never will: set it aside with the reason in its member "refused". */
int outbox_refuse(
    const char *dir, const char *name, const char *why, struct error *e);

/* A file's name for an identity; the caller's. */
char *outbox_name(const char *identity);

#endif
