/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static char box[] = "/tmp/outbox-XXXXXX";

static void
put(const char *name, const char *json)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct error e;
	struct value *v = doc_parse(d, json, strlen(json), "test", &e);

	CHECK(v != NULL);
	CHECK(outbox_put(box, name, v, &e) == 0);
}

static void
age(const char *file, time_t since)
{
	own_free char *path = path_join(box, file);
	struct timespec t[2] = { { .tv_sec = since }, { .tv_sec = since } };

	CHECK(utimensat(AT_FDCWD, path, t, 0) == 0);
}

static void
names_are_safe_and_distinct(void)
{
	static const struct {
		const char *identity, *file;
	} rows[] = {
		{ "a1-b2_c.d", "a1-b2_c.d" },
		{ "../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd" },
		{ ".hidden", "%2Ehidden" },
		{ "%2F", "%252F" },
		{ "a b\n", "a%20b%0A" },
		{ "", "%00" },
	};
	char one[400], two[400];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		own_free char *got = outbox_name(rows[i].identity);

		CHECK_STR(got, rows[i].file);
		CHECK(path_is_name(got));
	}
	memset(one, 'x', sizeof(one) - 1);
	one[sizeof(one) - 1] = '\0';
	memcpy(two, one, sizeof(two));
	two[sizeof(two) - 2] = 'y';
	own_free char *a = outbox_name(one), *b = outbox_name(two);
	CHECK(strlen(a) < 200 && strcmp(a, b) != 0);
}

static void
oldest_comes_first_and_dots_are_passed_over(void)
{
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *temp = path_join(box, ".half");
	struct error e;

	put("c", "{}");
	put("b", "{}");
	put("a", "{}");
	age("b", 100);
	age("c", 200);
	CHECK(file_replace(AT_FDCWD, temp, 0600, "{", 1, &e) == 0);
	CHECK(outbox_list(box, &names, &e) == 0);
	own_free char *all = strlist_join(&names, " ");
	CHECK_STR(all, "b c a");
}

static void
what_is_put_is_read_back_and_removed(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *v;
	struct stat st;
	struct error e;

	put("m", "{\"transport\": \"http\", \"body\": 1}");
	put("m", "{\"transport\": \"http\", \"body\": 2}");
	v = outbox_load(d, box, "m", &e);
	CHECK_STR(value_text(v, "transport", ""), "http");
	CHECK(value_to_real(value_get(v, "body")) == 2);
	own_free char *path = path_join(box, "m");
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(outbox_remove(box, "m", &e) == 0);
	CHECK(outbox_load(d, box, "m", &e) == NULL && e.code == ENOENT);
	CHECK(outbox_remove(box, "m", &e) == 0);
}

static void
refused_ones_are_kept_aside_with_the_reason(void)
{
	ownp(doc_free) struct doc *d = doc_new();
	own_free char *aside = mem_printf("%s" OUTBOX_REFUSED, box);
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *bad = path_join(box, "bad");
	struct error e;
	struct value *v;

	put("r", "{\"transport\": \"http\"}");
	CHECK(outbox_refuse(box, "r", "404", &e) == 0);
	v = outbox_load(d, aside, "r", &e);
	CHECK_STR(value_text(v, "refused", ""), "404");
	CHECK(file_replace(AT_FDCWD, bad, 0600, "{nonsense", 9, &e) == 0);
	CHECK(outbox_load(d, box, "bad", &e) == NULL);
	CHECK(outbox_refuse(box, "bad", "no JSON", &e) == 0);
	CHECK(outbox_list(aside, &names, &e) == 0 && names.len == 2);
	CHECK(!file_exists(AT_FDCWD, bad));
	CHECK(tree_remove(AT_FDCWD, aside, &e) == 0);
}

int
main(void)
{
	own(strlist_clear) struct strlist none = { 0 };
	struct error e;

	if (mkdtemp(box) == NULL)
		return 1;
	names_are_safe_and_distinct();
	oldest_comes_first_and_dots_are_passed_over();
	what_is_put_is_read_back_and_removed();
	refused_ones_are_kept_aside_with_the_reason();
	CHECK(outbox_list("/nonexistent/outbox", &none, &e) == 0);
	CHECK(none.len == 0);
	CHECK(tree_remove(AT_FDCWD, box, &e) == 0);
	return check_result();
}
