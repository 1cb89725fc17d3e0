/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which values are secret, by their names, and where they stand in a text.
 *
 * A name is secret when it has one of the words in it, as a word: "password"
 * is in admin_password, adminPasswords and PASSWORD_FILE; "key" is in
 * ssh_key and apikey but not in keystone.  A name with "public" or "pubkey"
 * in it is not secret.
 */
#ifndef APPLY_CONFIG_SECRETS_H
#define APPLY_CONFIG_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;
struct strlist;
struct value;

struct secrets {
	const struct strlist *words; /* in lower case */
	uint32_t initials; /* of them, bit c % 32 for c: most names have few */
};

/* The words are borrowed; more of them may not be added. */
void secrets_init(struct secrets *s, const struct strlist *words);

/* The words that are secret unless others are given. */
void secrets_usual(struct strlist *words);

/* Whether a name is secret; secrets may be NULL: none is. */
bool secrets_match(const struct secrets *s, const char *name, size_t len);

/* Whether a value has a member with a secret name in it. */
bool secrets_within(const struct secrets *s, const struct value *v);

/*
 * Add the texts of all secret values that are long enough to be known by
 * them, as they are and as they stand in JSON, and the lines of those that
 * have several.
 */
void secrets_texts(
    const struct secrets *s, const struct value *v, struct strlist *texts);

/* Runs of bytes in rising order. */
struct span {
	size_t start, len;
};

struct spans {
	struct span *items;
	size_t len, cap;
};

void spans_add(struct spans *s, size_t start, size_t len);
void spans_add_all(struct spans *s, const struct spans *from);

/* Add all places where one of these texts stands; overlapping runs join. */
void spans_find(
    struct spans *s, const char *text, size_t len, const struct strlist *texts);

/* Put "***" in the place of each of these texts in b. */
void secrets_mask(const struct strlist *texts, struct strbuf *b);

void spans_clear(struct spans *s);

#endif
