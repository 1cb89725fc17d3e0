/* SPDX-License-Identifier: Apache-2.0 */
/* Time that does not jump, and chance. */
#ifndef COLLECT_CONFIG_CLOCK_H
#define COLLECT_CONFIG_CLOCK_H

#include <stdint.h>
#include <sys/random.h>
#include <time.h>

/* Milliseconds of the monotonic clock. */
static inline int64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
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
