/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as user data in several parts. */
#include "collect-config/mime.h"

#include <stdint.h>

#include "lib/own.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	(void)mime_find(
	    (const char *)data, size, "cfn-init-data", "text/plain", &b);
	return 0;
}
