/* SPDX-License-Identifier: Apache-2.0 */
/* Chance. */
#ifndef COLLECT_CONFIG_CHANCE_H
#define COLLECT_CONFIG_CHANCE_H

#include <stdint.h>
#include <sys/random.h>

#include "lib/clock.h"

/* Any number from 0 up to, but not, 1. */
static inline double
chance(void)
{
	uint32_t n = 0;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		n = (uint32_t)clock_ms() * 2654435761u;
	return n / 4294967296.0;
}

#endif
