/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken is printed as it was: no text has a second spelling. */
#include "lib/contents.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ownp(contents_free) struct contents *c = NULL;
	own(strbuf_clear) struct strbuf text = { 0 };
	char id[DIGEST_TEXT];
	struct error e;

	c = contents_parse((const char *)data, size, "input", &e);
	if (c == NULL)
		return 0;
	contents_print(c, &text);
	if (text.len != size || memcmp(text.s, data, size) != 0)
		abort();
	for (size_t i = 0; i < c->n; i++)
		if (contents_find(c, c->entries[i].path) != &c->entries[i])
			abort();
	/* Digests and id are what they become when they are made anew. */
	memcpy(id, c->id, sizeof(id));
	contents_seal(c);
	strbuf_cut(&text, 0);
	contents_print(c, &text);
	if (text.len != size || memcmp(text.s, data, size) != 0 ||
	    strcmp(id, c->id) != 0)
		abort();
	return 0;
}
