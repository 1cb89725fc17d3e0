/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests are programs: CHECK what must hold, return check_result().
 * CHECK(cond) counts a failure and goes on; CHECK_STR shows both strings.
 */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"

static unsigned check_done, check_failed;

#define CHECK(cond) \
	do { \
		check_done++; \
		if (!(cond)) { \
			check_failed++; \
			printf( \
			    "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
		} \
	} while (0)

#define CHECK_STR(got, want) \
	do { \
		const char *got_ = (got), *want_ = (want); \
		check_done++; \
		if (got_ == NULL || strcmp(got_, want_) != 0) { \
			check_failed++; \
			printf("%s:%d: %s is \"%s\", wanted \"%s\"\n", \
			    __FILE__, __LINE__, #got, got_ ? got_ : "(null)", \
			    want_); \
		} \
	} while (0)

/* What the test itself needs: it ends here if that failed. */
static inline void
must(int r, const struct error *e)
{
	if (r == -1) {
		printf("%s\n", e->text);
		exit(1);
	}
}

/* A test that checked nothing has failed. */
static inline int
check_result(void)
{
	return check_failed != 0 || check_done == 0;
}

#endif
