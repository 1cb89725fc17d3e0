/* SPDX-License-Identifier: Apache-2.0 */
/* What may have been meant by a name that no element has. */
#include <string.h>

#include "image-build/image-build.h"
#include "lib/mem.h"

#define LONGEST 64 /* characters of a name that is compared */
#define NEAR 2 /* edits that people make by mistake */

static const char *const verbs[] = { "cache", "compare", "doctor", "lint",
	"new", "pack", "project", "verify" };

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned n = a < b ? a : b;

	return n < c ? n : c;
}

/* Characters to add, take away or change (Levenshtein). */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[LONGEST + 1];
	size_t n = strlen(b);

	if (strlen(a) > LONGEST || n > LONGEST)
		return LONGEST;
	for (unsigned i = 0; i <= n; i++)
		row[i] = i;
	for (unsigned i = 0; a[i] != '\0'; i++) {
		unsigned corner = row[0];

		row[0] = i + 1;
		for (size_t k = 0; k < n; k++) {
			unsigned change = corner + (a[i] != b[k]);

			corner = row[k + 1];
			row[k + 1] = least(row[k] + 1, corner + 1, change);
		}
	}
	return row[n];
}

static void
consider(
    const char *name, const char *candidate, const char **found, unsigned *best)
{
	unsigned n = distance(name, candidate);

	if (n < *best) {
		*found = candidate;
		*best = n;
	}
}

char *
hint_for(const struct elements *all, const char *name)
{
	const char *found = NULL;
	unsigned best = strlen(name) > 4 ? NEAR + 1 : NEAR;

	if (strchr(name, '/') != NULL)
		return mem_dup("; elements are named here, and ELEMENTS_PATH "
			       "says which folders have them");
	for (size_t i = 0; i < all->len; i++)
		consider(name, all->items[i].name, &found, &best);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		consider(name, verbs[i], &found, &best);
	return found != NULL ? mem_printf("; did you mean '%s'?", found)
			     : mem_dup("");
}
