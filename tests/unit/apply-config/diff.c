/* SPDX-License-Identifier: Apache-2.0 */
/* A diff leads from the old text to the new one, and hides what is secret. */
#include "apply-config/diff.h"

#include <stdbool.h>
#include <stdlib.h>

#include "apply-config/secrets.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

static const char *
next_line(const char *s)
{
	const char *lf = strchr(s, '\n');

	return lf == NULL ? s + strlen(s) : lf + 1;
}

/* Copy lines of old up to line number n (from 1), excluded. */
static const char *
copy_until(const char *old, unsigned *line, unsigned n, struct strbuf *to)
{
	while (*line < n && *old != '\0') {
		const char *end = next_line(old);

		strbuf_add(to, old, (size_t)(end - old));
		old = end;
		++*line;
	}
	return old;
}

/* What patch(1) would make of old; "!..." if the diff does not fit. */
static char *
patched(const char *old, const char *diff)
{
	struct strbuf to = { 0 };
	unsigned line = 1;

	diff = next_line(next_line(diff)); /* --- and +++ */
	for (; *diff != '\0'; diff = next_line(diff)) {
		const char *text = diff + 1, *end = next_line(diff);
		size_t n = (size_t)(end - text);
		unsigned start, count = 1;

		if (*diff == '@') {
			if (sscanf(diff, "@@ -%u,%u", &start, &count) < 1)
				return strdup("!head");
			old = copy_until(
			    old, &line, count == 0 ? start + 1 : start, &to);
			continue;
		}
		if (*diff == '\\') {
			if (to.len > 0 && to.s[to.len - 1] == '\n' &&
			    *end == '\0')
				strbuf_cut(&to, to.len - 1);
			continue;
		}
		if (*diff != '+') {
			size_t have = (size_t)(next_line(old) - old);
			bool cut = *end == '\\';

			if (strncmp(old, text, cut ? n - 1 : n) != 0)
				return strdup("!context");
			old += have;
			line++;
		}
		if (*diff != '-')
			strbuf_add(&to, text, n);
	}
	copy_until(old, &line, ~0U, &to);
	return strbuf_take(&to);
}

static char *
random_text(unsigned lines, unsigned kinds)
{
	struct strbuf b = { 0 };

	for (unsigned i = 0; i < lines; i++)
		strbuf_printf(&b, "line %d\n", rand() % (int)kinds);
	return strbuf_take(&b);
}

static void
check_pair(const char *old, const char *new)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	const struct diff_side a = {
		.label = "a", .text = old, .len = strlen(old)
	};
	const struct diff_side c = {
		.label = "b", .text = new, .len = strlen(new)
	};
	own_free char *got = NULL;

	diff_add(&a, &c, &b);
	if (strcmp(old, new) == 0) {
		CHECK(b.len == 0);
		return;
	}
	got = patched(old, strbuf_text(&b));
	if (strcmp(got, new) != 0)
		printf("old:\n%snew:\n%sdiff:\n%s", old, new, b.s);
	CHECK_STR(got, new);
}

static void
check_random(void)
{
	srand(1);
	for (int i = 0; i < 3000; i++) {
		own_free char *a =
		    random_text((unsigned)rand() % 40, 2 + (unsigned)i % 30);
		own_free char *b =
		    random_text((unsigned)rand() % 40, 2 + (unsigned)i % 30);

		check_pair(a, b);
	}
	for (int i = 0; i < 5; i++) { /* more edits than are looked for */
		own_free char *a = random_text(3000, 100000);
		own_free char *b = random_text(3000, 100000);

		check_pair(a, b);
	}
}

static void
check_text(
    const struct diff_side *a, const struct diff_side *b, const char *want)
{
	own(strbuf_clear) struct strbuf out = { 0 };

	diff_add(a, b, &out);
	CHECK_STR(strbuf_text(&out), want);
}

#define SIDE(label_, text_, ...) \
	&(const struct diff_side) \
	{ \
		.label = label_, .text = text_, .len = sizeof(text_) - 1, \
		__VA_ARGS__ \
	}

int
main(void)
{
	struct span at[] = { { 2, 3 }, { 10, 2 } };
	const struct spans spans = { .items = at, .len = 2 };

	check_text(SIDE("a", "x\n"), SIDE("b", "x"),
	    "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+x\n"
	    "\\ No newline at end of file\n");
	check_text(SIDE("/dev/null", ""), SIDE("b", "x\ny\n"),
	    "--- /dev/null\n+++ b\n@@ -0,0 +1,2 @@\n+x\n+y\n");
	check_text(SIDE("a", "x\n"), SIDE("/dev/null", ""),
	    "--- a\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
	check_text(
	    SIDE("a", "x\0"), SIDE("b", "y"), "Binary files a and b differ\n");
	/* The context shows the new side, with its secrets hidden. */
	check_text(SIDE("a", "p=abc\nx\np=zz\n", .hidden = true),
	    SIDE("b", "p=abc\ny\np=zz\n", .spans = &spans),
	    "--- a\n+++ b\n@@ -1,3 +1,3 @@\n p=***\n-***\n+y\n p=***\n");
	check_text(SIDE("a", "p=abc\nx\np=zz\n", .spans = &spans),
	    SIDE("b", "p=abd\nx\np=zz\n", .spans = &spans),
	    "--- a\n+++ b\n@@ -1,3 +1,3 @@\n-p=***\n+p=***\n x\n p=***\n");
	check_pair("a\nb\nc\n", "a\nc");
	check_random();
	return check_result();
}
