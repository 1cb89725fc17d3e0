/* SPDX-License-Identifier: Apache-2.0 */
/* Any command line, one word a line: no word is lost or made up. */
#include "lib/options.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool flag;
static unsigned count, number;
static const char *string;
static struct strlist list, values;

static const struct option_def defs[] = {
	{ 'f', "flag", NULL, OPTION_FLAG, &flag, NULL, "a flag" },
	{ 'c', "count", NULL, OPTION_COUNT, &count, NULL, "counted" },
	{ 'n', "number", "N", OPTION_NUMBER, &number, NULL, "a number" },
	{ 's', "string", "TEXT", OPTION_STRING, &string, NULL, "a text" },
	{ 'l', "list", "ITEM", OPTION_LIST, &list, NULL, "one more" },
	{ 'V', "values", "A B...", OPTION_VALUES, &values, NULL, "many" },
	{ 0 },
};

static const struct options options = { .program = "prog",
	.summary = "Nothing.",
	.defs = defs };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own_free char *text = mem_dupn((const char *)data, size);
	own(strlist_clear) struct strlist words = { 0 };
	own_free char **argv = NULL;
	static bool silent;
	struct error e = { .text = "" };
	int first;

	if (!silent)
		silent = freopen("/dev/null", "w", stdout) != NULL;
	strlist_add(&words, "prog");
	strlist_split(&words, text, "\n");
	argv = mem_alloc((words.len + 1) * sizeof(*argv));
	memcpy(argv, words.items, words.len * sizeof(*argv));
	first = options_parse(&options, (int)words.len, argv, &e);
	if (first == -1 && e.text[0] == '\0')
		abort();
	if (first != -1 && first != OPTIONS_SHOWN &&
	    (first < 1 || (size_t)first > words.len))
		abort();
	/* What is left must be words that were given. */
	for (size_t i = (size_t)first; first > 0 && i < words.len; i++)
		if (argv[i] == NULL || !strlist_has(&words, argv[i]))
			abort();
	strlist_clear(&list);
	strlist_clear(&values);
	return 0;
}
