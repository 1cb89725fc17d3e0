/* SPDX-License-Identifier: Apache-2.0 */
/* Empty in ordinary builds. */
#include "lib/fault.h"

#ifdef FAULTS
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int
fault(const char *name)
{
	static unsigned long passed;
	const char *spec = getenv("INGOT_FAULT"), *rest;
	size_t n = strlen(name);
	char *end;

	if (spec == NULL || strncmp(spec, name, n) != 0 || spec[n] != ':')
		return 0;
	rest = spec + n + 1;
	if (++passed != strtoul(rest, &end, 10))
		return 0;
	if (strcmp(end, ":kill") == 0)
		raise(SIGKILL);
	errno = EIO;
	return -1;
}
#else
/* ISO C wants a declaration in every file. */
extern const int fault_unused;
const int fault_unused;
#endif
