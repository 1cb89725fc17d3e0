/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an ini file. */
#include "collect-config/ini.h"

#include <stdint.h>

#include "lib/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
on_assign(void *ctx, const char *section, const char *key, const char *value,
    struct error *e)
{
	(void)ctx;
	(void)section;
	(void)key;
	(void)value;
	(void)e;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error e;

	(void)ini_parse((const char *)data, size, "f", on_assign, NULL, &e);
	return 0;
}
