/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line's words and the variables that replace them, any bytes: the input is
 * lines of words; one with "=" in its first word is a variable.
 */
#include "image-build/sources.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
one_line(const char *text, struct strlist *env)
{
	own(strlist_clear) struct strlist words = { 0 };
	struct source_line line;
	struct error e;

	strlist_split(&words, text, "\t ");
	if (words.len == 1 && strchr(words.items[0], '=') != NULL) {
		strlist_add(env, words.items[0]);
		return;
	}
	if (source_line_read(&line, words.items, words.len, env, &e) == -1)
		return;
	if (!path_is_name(line.name) || line.type == NULL)
		abort();
	if (line.dest != NULL &&
	    (*line.dest != '/' || !path_is_inside(path_relative(line.dest))))
		abort();
	if (strcmp(line.type, "package") == 0)
		return;
	if (line.dest == NULL || line.location == NULL)
		abort();
	free(source_rebased(&line, env));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own(strlist_clear) struct strlist lines = { 0 }, env = { 0 };
	own_free char *text = mem_dupn((const char *)data, size);

	strlist_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.len; i++)
		one_line(lines.items[i], &env);
	return 0;
}
