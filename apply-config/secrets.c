/* SPDX-License-Identifier: Apache-2.0 */
/* Secret names, and runs of bytes in a text. */
#include "apply-config/secrets.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/mem.h"
#include "lib/strlist.h"

void
secrets_usual(struct strlist *words)
{
	strlist_split(words,
	    "password passwd passphrase secret key token private credential",
	    " ");
}

/* Whether the word that ends in last goes on with c. */
static bool
goes_on(char last, char c)
{
	return islower((unsigned char)c) ||
	    (isupper((unsigned char)c) && isupper((unsigned char)last));
}

/* Whether word stands at s and ends there, perhaps in the plural. */
static bool
stands(const char *s, size_t n, const char *word, size_t len)
{
	if (n < len || strncasecmp(s, word, len) != 0)
		return false;
	if (n > len && (s[len] | 0x20) == 's')
		len++;
	return n == len || !goes_on(s[len - 1], s[len]);
}

static bool
contains(const char *name, size_t len, const char *word, bool whole)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++) {
		if ((name[i] | 0x20) != (word[0] | 0x20))
			continue;
		if (whole ? stands(name + i, len - i, word, n)
			  : strncasecmp(name + i, word, n) == 0)
			return true;
	}
	return false;
}

bool
secrets_match(const struct secrets *s, const char *name, size_t len)
{
	if (s == NULL)
		return false;
	for (size_t i = 0; i < s->words->len; i++)
		if (contains(name, len, s->words->items[i], true))
			return !contains(name, len, "public", false) &&
			    !contains(name, len, "pubkey", false);
	return false;
}

bool
secrets_within(const struct secrets *s, const struct value *v)
{
	if (s == NULL)
		return false;
	for (uint32_t i = 0; v->kind == VALUE_LIST && i < v->len; i++)
		if (secrets_within(s, v->items[i]))
			return true;
	for (uint32_t i = 0; v->kind == VALUE_MAP && i < v->len; i++) {
		const struct member *m = value_member(v, i);

		if (m->value->kind != VALUE_NULL &&
		    secrets_match(s, m->name, m->len))
			return true;
		if (secrets_within(s, m->value))
			return true;
	}
	return false;
}

void
spans_add(struct spans *s, size_t start, size_t len)
{
	s->items = mem_grow(s->items, &s->cap, s->len + 1, sizeof(*s->items));
	s->items[s->len++] = (struct span){ start, len };
}

void
spans_clear(struct spans *s)
{
	free(s->items);
	*s = (struct spans){ 0 };
}
