/* SPDX-License-Identifier: Apache-2.0 */
/* Time that does not jump when somebody sets the clock; times as numbers. */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline double
clock_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline int64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

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

/* A file's time, nanoseconds since 1970. */
static inline int64_t
clock_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

#endif
