/* SPDX-License-Identifier: Apache-2.0 */
/* What hooks say about themselves: any text, limits that hold. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/error.h"
#include "refresh-config/refresh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct header h;
	struct error e = { 0 };

	if (header_parse((const char *)data, size, &h, &e) == -1) {
		if (e.text[0] == '\0')
			abort();
	} else if (h.seconds > 1000000000 || h.retries > 100) {
		abort();
	}
	return 0;
}
