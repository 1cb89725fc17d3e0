/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever JSON a pkg-map is: each name becomes words without blanks, each
 * once; a name that it does not have becomes itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct value *map, const char *name, const char *distro)
{
	own(strlist_clear) struct strlist words = { 0 };
	const char *value = packages_map_value(map, name, distro, "12");

	packages_map_name(map, name, distro, "12", &words);
	if (value == NULL &&
	    (words.len != 1 || strcmp(words.items[0], name) != 0))
		abort();
	for (size_t i = 0; i < words.len; i++) {
		if (words.items[i][strcspn(words.items[i], " \t\n")] != '\0' ||
		    words.items[i][0] == '\0')
			abort();
		for (size_t k = 0; k < i; k++)
			if (strcmp(words.items[i], words.items[k]) == 0)
				abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const distros[] = { "debian", "ubuntu", "centos", "",
		"other", NULL };
	ownp(doc_free) struct doc *d = doc_new();
	struct error e;
	const struct value *map =
	    doc_parse(d, (const char *)data, size, "input", &e);

	if (map == NULL)
		return 0;
	for (const char *const *distro = distros; *distro != NULL; distro++) {
		check(map, "a", *distro);
		check(map, "default", *distro);
	}
	return 0;
}
