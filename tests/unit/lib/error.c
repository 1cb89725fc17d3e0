/* SPDX-License-Identifier: Apache-2.0 */
/* One line per failure, whatever is formatted into it. */
#include "lib/error.h"

#include <errno.h>
#include <stdbool.h>

#include "tests/unit/check.h"

static void
context_comes_in_front(void)
{
	struct error e = { 0 };

	CHECK(error_set(&e, ENOENT, "%s: %d", "x", 7) == -1);
	CHECK(e.code == ENOENT);
	CHECK_STR(e.text, "x: 7");
	CHECK(error_prefix(&e, "in %s", "y") == -1);
	CHECK(error_prefix(&e, "z") == -1);
	CHECK_STR(e.text, "z: in y: x: 7");
	CHECK(e.code == ENOENT);
}

static void
errno_is_told_and_kept(void)
{
	struct error e = { 0 };

	errno = EACCES;
	CHECK(error_errno(&e, "file") == -1);
	CHECK(errno == EACCES && e.code == EACCES);
	CHECK_STR(e.text, "file: Permission denied");
}

static void
it_stays_one_line(void)
{
	struct error e = { 0 };

	error_set(&e, 0, "a\nb\r\nc");
	CHECK_STR(e.text, "a b  c");
	error_prefix(&e, "p\nq");
	CHECK_STR(e.text, "p q: a b  c");
}

static bool
ends(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

static void
long_texts_keep_their_ends(void)
{
	struct error e = { 0 };
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&e, 0, "%s", text);
	CHECK(strlen(e.text) == sizeof(e.text) - 1);
	error_prefix(&e, "front");
	CHECK(strncmp(e.text, "front: xxx", 10) == 0);
	CHECK(strlen(e.text) == sizeof(e.text) - 1);
	error_prefix(&e, "%s", text);
	CHECK(strlen(e.text) == sizeof(e.text) - 1);
	errno = ENOENT;
	error_errno(&e, "%s", text);
	CHECK(strlen(e.text) == sizeof(e.text) - 1);
	CHECK(ends(e.text, "xxx: No such file or directory"));
	error_prefix(&e, "front");
	CHECK(strncmp(e.text, "front: xxx", 10) == 0);
	CHECK(strstr(e.text, "xxx...xxx") != NULL);
	CHECK(ends(e.text, "xxx: No such file or directory"));
}

int
main(void)
{
	context_comes_in_front();
	errno_is_told_and_kept();
	it_stays_one_line();
	long_texts_keep_their_ends();
	return check_result();
}
