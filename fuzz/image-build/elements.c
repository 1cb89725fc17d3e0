/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever stands in element-deps: names without blanks around, each once; NUL
 * bytes, and nothing else, are refused.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_names(const struct strlist *names)
{
	for (size_t i = 0; i < names->len; i++) {
		const char *s = names->items[i];
		size_t n = strlen(s);

		if (n == 0 || *s == '#' || strchr(s, '\n') != NULL ||
		    strchr(" \t\r\f\v", *s) != NULL ||
		    strchr(" \t\r\f\v", s[n - 1]) != NULL)
			abort();
		for (size_t k = 0; k < i; k++)
			if (strcmp(names->items[k], s) == 0)
				abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/tmp/fuzz-elements.XXXXXX";
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *file = NULL;
	struct element el = { .path = dir };
	struct error e;
	bool taken, nul = size > 0 && memchr(data, '\0', size) != NULL;

	if (mkdtemp(dir) == NULL)
		return 0;
	file = path_join(dir, "element-deps");
	if (file_replace(AT_FDCWD, file, 0644, data, size, &e) == -1)
		abort();
	taken = elements_names(&el, &names, NULL, &e) == 0;
	if (taken == nul)
		abort();
	check_names(&names);
	if (tree_remove(AT_FDCWD, dir, &e) == -1)
		abort();
	return 0;
}
