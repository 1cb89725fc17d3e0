/* SPDX-License-Identifier: Apache-2.0 */
/* Which old file stands for a new one. */
#include "lib/basis.h"

#include "lib/contents-private.h"
#include "lib/own.h"
#include "tests/unit/check.h"

static const struct {
	const char *path;
	uint64_t size;
} olds[] = {
	{ "boot/vmlinuz-6.1.0-9", 10 },
	{ "lib/libx.so.1.2", 100 },
	{ "lib/modules/6.1.0-9/a/m.ko", 50 },
	{ "lib/modules/6.1.0-9/b/m.ko", 70 },
	{ "opt/libx.so.1", 500 },
	{ "same", 1 },
};

static const struct {
	const char *path;
	uint64_t size;
	const char *basis;
} cases[] = {
	{ "same", 900, "same" },
	{ "boot/vmlinuz-6.12.0-10", 10, "boot/vmlinuz-6.1.0-9" },
	{ "lib/modules/6.1.0-10/b/m.ko", 51, "lib/modules/6.1.0-9/b/m.ko" },
	{ "lib/other/m.ko", 52, "lib/modules/6.1.0-9/a/m.ko" },
	{ "lib/other/m.ko", 69, "lib/modules/6.1.0-9/b/m.ko" },
	{ "usr/libx.so.7.8", 1, "lib/libx.so.1.2" },
	{ "new", 1, NULL },
};

int
main(void)
{
	ownp(contents_free) struct contents *old = contents_new("old");
	struct bases b;

	for (size_t i = 0; i < sizeof(olds) / sizeof(olds[0]); i++) {
		struct contents_entry *t = contents_add(old);

		t->path = olds[i].path;
		t->size = olds[i].size;
		t->type = 'f';
	}
	bases_make(&b, old);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct contents_entry t = { .path = cases[i].path,
			.size = cases[i].size };
		uint32_t at = bases_find(&b, &t);

		CHECK((at == BASIS_NONE) == (cases[i].basis == NULL));
		if (at != BASIS_NONE)
			CHECK_STR(old->entries[at].path,
			    cases[i].basis != NULL ? cases[i].basis : "");
	}
	bases_clear(&b);
	bases_make(&b, NULL);
	CHECK(bases_find(&b, &old->entries[0]) == BASIS_NONE);
	return check_result();
}
