/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/error.h"
#include "refresh-config/refresh.h"
#include "tests/unit/check.h"

static void
durations(void)
{
	static const struct {
		const char *text;
		unsigned seconds; /* 0: refused */
	} rows[] = {
		{ "1", 1 },
		{ "90", 90 },
		{ "30s", 30 },
		{ "5m", 300 },
		{ "2h", 7200 },
		{ "1d", 86400 },
		{ "1000000000", 1000000000 },
		{ "1000000001", 0 },
		{ "99999999999999999999", 0 },
		{ "20000d", 0 },
		{ "", 0 },
		{ "0", 0 },
		{ "s", 0 },
		{ "-1", 0 },
		{ "1.5h", 0 },
		{ "5 m", 0 },
		{ "5ms", 0 },
		{ "5w", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned got = 0;
		int r =
		    duration_parse(rows[i].text, strlen(rows[i].text), &got);

		CHECK(r == (rows[i].seconds == 0 ? -1 : 0));
		CHECK(got == rows[i].seconds);
	}
	unsigned nul = 0;
	CHECK(duration_parse("5\0m", 3, &nul) == -1);
	CHECK(duration_parse("5\0", 2, &nul) == -1);
}

static void
headers(void)
{
	static const struct {
		const char *text;
		unsigned seconds, retries;
		bool plain;
	} rows[] = {
		{ "#!/bin/sh\n# ingot: timeout=30s retries=2\n", 30, 2, 0 },
		{ "#!/bin/sh\n#ingot:timeout=1m", 60, 0, 0 },
		{ "#!/bin/sh\n##\t ingot:\ttimeout=1m\tretries=1 \n", 60, 1,
		    0 },
		{ "#!/bin/sh\n\n# about\n\n# ingot: retries=100\n", 0, 100, 0 },
		{ "#!/bin/sh\n# ingot: timeout=1\n# ingot: timeout=2\n", 2, 0,
		    0 },
		{ "#!/bin/sh\ntrue\n# ingot: timeout=soon\n", 0, 0, 0 },
		{ "#!/bin/sh\n# see ingot: timeout=soon\n", 0, 0, 0 },
		{ "#!/bin/sh\n# Ingot: timeout=soon\n", 0, 0, 0 },
		{ "# ingot: timeout=5\necho no interpreter\n", 5, 0, 1 },
		{ "# ingot:\n", 0, 0, 1 },
		{ "", 0, 0, 0 },
		{ "#", 0, 0, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct header h;
		struct error e;

		CHECK(header_parse(
			  rows[i].text, strlen(rows[i].text), &h, &e) == 0);
		CHECK(h.seconds == rows[i].seconds);
		CHECK(h.retries == rows[i].retries);
		CHECK(h.plain == rows[i].plain);
	}
}

static void
slips_are_told(void)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "#!/bin/sh\n# ingot: timeout\n",
		    "line 2: timeout=: not a time such as 90, 30s, 5m, 2h" },
		{ "#!/bin/sh\n# ingot: timeout=x\n",
		    "line 2: timeout=x: not a time such as 90, 30s, 5m, 2h" },
		{ "#!/bin/sh\n#\n# ingot: retries=101\n",
		    "line 3: retries=101: not a number up to 100" },
		{ "#!/bin/sh\n# ingot: retries=\n",
		    "line 2: retries=: not a number up to 100" },
		{ "#!/bin/sh\n# ingot: retry=1\n",
		    "line 2: no such setting as \"retry\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct header h;
		struct error e;

		CHECK(header_parse(
			  rows[i].text, strlen(rows[i].text), &h, &e) == -1);
		CHECK_STR(e.text, rows[i].error);
	}
}

static void
programs_have_no_header(void)
{
	static const char elf[] = "\177ELF\0\n# ingot: timeout=soon\n";
	struct header h = { .seconds = 7 };
	struct error e;

	CHECK(header_parse(elf, sizeof(elf) - 1, &h, &e) == 0);
	CHECK(h.seconds == 0 && !h.plain);
}

int
main(void)
{
	durations();
	headers();
	slips_are_told();
	programs_have_no_header();
	return check_result();
}
