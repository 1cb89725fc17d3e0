/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the firmware's tables. */
#include "collect-config/machine.h"

#include <stdint.h>

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own(machine_clear) struct machine m = { 0 };

	machine_parse_dmi(&m, data, size);
	(void)machine_oem(&m, "ingot.metadata");
	return 0;
}
