/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in svc-map: an error, or a line for each service. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
map(char *dir)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	char name[] = "x";
	struct element el = { .name = name, .path = dir };
	struct element *chosen[] = { &el };
	struct build b = { .chosen = chosen, .nchosen = 1 };
	struct error e = { .text = "" };

	if (services_map(&b, "debian", &text, &e) == -1) {
		if (strncmp(e.text, "element x: ", 11) != 0)
			abort();
	} else if (text.len > 0 && text.s[text.len - 1] != '\n') {
		abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/tmp/fuzz-svc-map.XXXXXX";
	own_free char *file = NULL;
	struct error e;

	if (mkdtemp(dir) == NULL)
		return 0;
	file = path_join(dir, "svc-map");
	if (file_replace(AT_FDCWD, file, 0644, data, size, &e) == -1)
		abort();
	map(dir);
	if (tree_remove(AT_FDCWD, dir, &e) == -1)
		abort();
	return 0;
}
