/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of the console's last lines. */
#include "image-run/image-run.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/unit/check.h"

static void
add(struct console *c, const char *line)
{
	console_add(c, line, strlen(line));
}

static void
last_lines_are_kept(void)
{
	own(console_clear) struct console c = { 0 };

	CHECK(console_line(&c, 0) == NULL);
	for (int i = 1; i <= 1000; i++) {
		own_free char *line = mem_printf("line %d", i);

		add(&c, line);
	}
	CHECK(c.count == 1000);
	CHECK_STR(console_line(&c, 0), "line 1000");
	CHECK_STR(console_line(&c, CONSOLE_LINES - 1), "line 981");
	CHECK(console_line(&c, CONSOLE_LINES) == NULL);
}

static void
empty_lines_say_nothing(void)
{
	own(console_clear) struct console c = { 0 };

	add(&c, "");
	add(&c, " \t ");
	add(&c, "\x1b[2J\x1b[H");
	add(&c, "\a\b");
	CHECK(c.count == 0);
	add(&c, "\x1b[1mlogin:\x1b[0m");
	CHECK(c.count == 1);
	CHECK_STR(console_line(&c, 0), "login:");
}

static void
long_lines_are_cut(void)
{
	own(console_clear) struct console c = { 0 };
	char line[5000];

	memset(line, 'x', sizeof(line));
	console_add(&c, line, sizeof(line));
	CHECK(c.count == 1 && strlen(console_line(&c, 0)) == 400);
}

int
main(void)
{
	last_lines_are_kept();
	empty_lines_say_nothing();
	long_lines_are_cut();
	return check_result();
}
