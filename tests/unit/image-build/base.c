/* SPDX-License-Identifier: Apache-2.0 */
/* What bases say of themselves: lists of digests. */
#include "image-build/base.h"

#include "lib/error.h"
#include "tests/unit/check.h"

#define DIGEST \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
#define LOWER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
lists_have_digests(void)
{
	static const struct {
		const char *list;
		bool found;
	} cases[] = {
		{ DIGEST "  a.img\n", true },
		{ "#\n" DIGEST " *a.img\r\n", true },
		{ "SHA256 (a.img) = " DIGEST "\n", true },
		{ DIGEST "  b.img\n" DIGEST "  a.img", true },
		{ DIGEST "  a.img.sig\n", false },
		{ DIGEST "  ba.img\n", false },
		{ DIGEST " a.img\n", false },
		{ "f" DIGEST "  a.img\n", false },
		{ "SHA256 (a.img.x) = " DIGEST "\n", false },
		{ "SHA512 (a.img) = " DIGEST "\n", false },
		{ "", false },
	};
	char digest[DIGEST_TEXT];
	struct error e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int r = base_digest_of(cases[i].list, "a.img", digest, &e);

		CHECK(r == (cases[i].found ? 0 : -1));
		if (r == 0)
			CHECK_STR(digest, LOWER);
		else
			CHECK_STR(e.text, "has no SHA-256 digest of a.img");
	}
}

int
main(void)
{
	lists_have_digests();
	return check_result();
}
