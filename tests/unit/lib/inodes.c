/* SPDX-License-Identifier: Apache-2.0 */
/* Many files, each with a number of its own. */
#include "lib/inodes.h"

#include "lib/own.h"
#include "tests/unit/check.h"

int
main(void)
{
	own(inodes_clear) struct inodes all = { 0 };
	unsigned wrong = 0;

	for (uint64_t i = 1; i <= 100000; i++) {
		uint64_t *n = inodes_at(&all, i & 3, i * 4096);

		wrong += *n != 0;
		*n = i;
	}
	for (uint64_t i = 1; i <= 100000; i++)
		wrong += *inodes_at(&all, i & 3, i * 4096) != i;
	CHECK(wrong == 0);
	CHECK(*inodes_at(&all, 1, 4096) == 1);
	CHECK(*inodes_at(&all, 2, 4096) == 0); /* another device */
	CHECK(all.cap < 4 * 100002);
	return check_result();
}
