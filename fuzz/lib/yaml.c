/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever YAML gives can be printed as JSON and read back as the same. */
#include "lib/yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf once = { 0 }, twice = { 0 };
	struct error e = { .text = "" };
	struct value *v = yaml_parse(d, (const char *)data, size, "input", &e);

	if (v == NULL) {
		if (strncmp(e.text, "input:", 6) != 0)
			abort();
		return 0;
	}
	value_print(v, STYLE_PYTHON, &once);
	v = doc_parse(d, once.s, once.len, "printed", &e);
	if (v == NULL)
		abort();
	value_print(v, STYLE_PYTHON, &twice);
	if (strcmp(once.s, twice.s) != 0)
		abort();
	return 0;
}
