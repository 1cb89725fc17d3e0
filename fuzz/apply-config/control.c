/* SPDX-License-Identifier: Apache-2.0 */
/* Any control file: it is taken, within its bounds, or refused. */
#include <stdint.h>
#include <stdlib.h>

#include "apply-config/apply.h"
#include "lib/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Users are looked up where there are none. */
	const struct settings s = { .root = -1, .root_path = "/none" };
	struct control c;
	struct error e = { 0 };

	control_init(&c);
	if (control_parse(&s, (const char *)data, size, "c", &c, &e) == -1) {
		if (*e.text == '\0')
			abort();
	} else if (c.mode < -1 || c.mode > 0777 || c.backup > 100 ||
	    c.uid != (uid_t)-1 || c.gid != (gid_t)-1) {
		abort();
	}
	control_clear(&c);
	return 0;
}
