/* SPDX-License-Identifier: Apache-2.0 */
/* Chance. */
#ifndef COLLECT_CONFIG_CHANCE_H
#define COLLECT_CONFIG_CHANCE_H

#include <stdint.h>
#include <sys/random.h>

#include "lib/clock.h"

/*
 * Milliseconds since the machine started, its sleep included: for what lasts
 * until some time, and for times that are told.  Never 0.
 */
static inline int64_t
clock_boot_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + 1;
}

/*
 * That time as the clock on the wall now has it, seconds since 1970, and
 * back.  The clock may have been set since.
 */
static inline int64_t
clock_wall(int64_t boot_ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ((int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 -
		   (clock_boot_ms() - boot_ms)) /
	    1000;
}

static inline int64_t
clock_from_wall(int64_t seconds)
{
	/* Half a second: not to become another one on the way back. */
	return clock_boot_ms() + (seconds - time(NULL)) * 1000 + 500;
}

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
