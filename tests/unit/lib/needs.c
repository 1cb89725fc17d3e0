/* SPDX-License-Identifier: Apache-2.0 */
/* What has to travel: only bytes that are nowhere yet, and once. */
#include "lib/needs.h"

#include "lib/contents-private.h"
#include "lib/own.h"
#include "tests/unit/check.h"

static void
add(struct contents *c, const char *path, uint8_t sum, uint16_t mode)
{
	struct contents_entry *t = contents_add(c);

	t->path = path;
	t->type = *path == '.' ? 'd' : 'f';
	t->size = sum == 0 ? 0 : 100 + sum;
	t->sum[0] = sum;
	t->mode = mode;
}

static const struct {
	const char *path;
	uint8_t sum;
	uint16_t mode;
	uint32_t how, from;
} wanted[] = {
	{ ".", 0, 0755, NEED_NOTHING, 0 },
	{ "attributes", 2, 0600, NEED_COPY, 2 },
	{ "empty", 0, 0644, NEED_NOTHING, 0 },
	{ "first", 7, 0644, NEED_BYTES, 3 },
	{ "moved", 3, 0644, NEED_COPY, 3 },
	{ "same", 1, 0644, NEED_SAME, 0 },
	{ "twin", 7, 0644, NEED_TWIN, 3 },
	{ "void", 0, 0644, NEED_SAME, 0 },
};

#define COUNT (sizeof(wanted) / sizeof(wanted[0]))

int
main(void)
{
	ownp(contents_free) struct contents *old = contents_new("old");
	ownp(contents_free) struct contents *new = contents_new("new");
	struct needs needs;

	add(old, ".", 0, 0755);
	add(old, "aa", 9, 0644);
	add(old, "attributes", 2, 0644);
	add(old, "place", 3, 0644);
	add(old, "same", 1, 0644);
	add(old, "void", 0, 0644);
	for (size_t i = 0; i < COUNT; i++)
		add(new, wanted[i].path, wanted[i].sum, wanted[i].mode);

	needs_make(&needs, old, new);
	for (size_t i = 0; i < COUNT; i++) {
		CHECK(needs.list[i].how == wanted[i].how);
		CHECK(wanted[i].from == 0 ||
		    needs.list[i].from == wanted[i].from);
	}
	CHECK(needs.files == 1 && needs.bytes == 107);
	needs_clear(&needs);

	/* Who has nothing needs each digest once. */
	needs_make(&needs, NULL, new);
	CHECK(needs.files == 4 && needs.bytes == 102 + 107 + 103 + 101);
	needs_clear(&needs);
	return check_result();
}
