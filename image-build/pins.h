/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --lock and --locked: what a build resolved (elements, packages, sources),
 * written down in NAME.lock.json, and held to by later builds.
 *
 *	{"elements": {NAME: SHA-256 of its names, modes and bytes},
 *	 "packages": {"NAME:ARCH": {"version": V, "sha256": of the archive's}},
 *	 "sources": {NAME: {"type": "git", "location": L, "ref": R,
 *	                    "revision": the commit, or the file's SHA-256}}}
 *
 * What a base begins with is a source "base/ELEMENT".
 *
 * Without either option b->pins is NULL and all of these do nothing.
 */
#ifndef IMAGE_BUILD_PINS_H
#define IMAGE_BUILD_PINS_H

struct build;
struct error;
struct pins;
struct source_line;
struct strbuf;
struct strlist;
struct value;

/* Load what is locked; elements that are others now are an error. */
int pins_open(struct build *b, struct error *e);
void pins_free(struct pins *p); /* NULL is fine */

/* The revision of a source that is locked, borrowed, or NULL. */
const char *pins_revision(const struct build *b, const char *name);

/* A source as it is; another revision than the locked one is an error. */
int pins_source(struct build *b, const struct source_line *line,
    const char *revision, struct error *e);

/*
 * Locked: tell the scripts of root.d where apt's preferences for the locked
 * versions are, by the variable INGOT_APT_PREFERENCES.
 */
int pins_tell(struct build *b, struct error *e);

/*
 * Locked: make the target's apt take the locked versions only, from before
 * pre-install.d until after cleanup.d.
 */
int pins_hold(struct build *b, struct error *e);

/* The archive's digests, while the target still has its package lists. */
int pins_look(struct build *b, struct error *e);

/* The tree is complete: compare, or write it all down. */
int pins_settle(struct build *b, struct error *e);

/* ---- pins-packages.c ------------------------------------------------------ */

/* The text of apt's preferences for the packages of a lock. */
void pins_preferences(const struct value *packages, struct strbuf *text);

/* "NAME:ARCH<tab>VERSION" of all installed packages of a tree, sorted. */
int pins_installed(const char *tree, struct strlist *packages, struct error *e);

/* "NAME:ARCH<tab>VERSION<tab>SHA-256" of those that apt's lists have. */
int pins_known(struct build *b, const struct strlist *packages,
    struct strlist *known, struct error *e);

#endif
