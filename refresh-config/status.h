/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of runs: gathered into one JSON tree, and shown from it as a
 * table or as a page.
 *
 *	{"last": report or null,
 *	 "history": [{"run", "status", "started", "seconds", "hooks",
 *	     "error"}...], the newest first,
 *	 "outbox": {"waiting", "oldest", "refused": [{"name", "reason"}...]},
 *	 "changed": [names that wait for a run to succeed]}
 */
#ifndef REFRESH_CONFIG_STATUS_H
#define REFRESH_CONFIG_STATUS_H

#include <stdbool.h>

struct doc;
struct error;
struct settings;
struct strbuf;
struct value;

/* For people; with colours if asked. */
void status_text(const struct value *status, bool colours, struct strbuf *b);

/* A page that needs nothing beside itself. */
void status_html(const struct value *status, struct strbuf *b);

/* Print one of these, the page into the file html. */
int status_show(
    const struct settings *s, bool json, const char *html, struct error *e);

/* How a hook ended, in a word or two: "ok", "exit 3", "signal 9". */
void status_verdict(const struct value *hook, char *to, unsigned size);
bool status_is_good(const struct value *hook);

#endif
