/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as XML; the first line is the path that is looked for. */
#include "collect-config/xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *lf = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t n = lf != NULL ? (size_t)(lf - data) : 0;
	own_free char *path = mem_dupn((const char *)data, n);
	own(strbuf_clear) struct strbuf b = { 0 };
	struct error e;

	if (lf != NULL)
		(void)xml_find(
		    (const char *)lf + 1, size - n - 1, path, &b, &e);
	return 0;
}
