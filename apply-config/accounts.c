/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts from the files of the root, lines "name:password:number:...".
 * Others that the machine itself knows, from a directory service say, are
 * getent(1)'s to find: it prints the same lines.  (The C library's functions
 * for this load modules, which a static program should not.)
 */
#include "apply-config/accounts.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apply-config/apply.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/proc.h"

#define GETENT_SECONDS 30

/* Whether a line is about the account. */
static bool
is_it(char *line, const char *name, long long number, unsigned *id)
{
	char *colon = strchr(line, ':');
	char *second = colon != NULL ? strchr(colon + 1, ':') : NULL;
	unsigned long n;
	char *end;

	if (second == NULL)
		return false;
	*colon = '\0';
	n = strtoul(second + 1, &end, 10);
	if (end == second + 1 || *end != ':' || n >= UINT32_MAX)
		return false;
	*id = (unsigned)n;
	return name != NULL ? strcmp(line, name) == 0 : (long long)n == number;
}

static int
find_in(struct strbuf *lines, const char *name, long long number, unsigned *id)
{
	char *rest = lines->s, *line;

	while (lines->len > 0 && (line = strsep(&rest, "\n")) != NULL)
		if (is_it(line, name, number, id))
			return 0;
	return -1;
}

static int
ask_getent(const char *database, const char *key, struct strbuf *lines)
{
	char *argv[] = { (char *)"getent", (char *)database, (char *)"--",
		(char *)key, NULL };
	struct proc p = {
		.argv = argv, .seconds = GETENT_SECONDS, .out = lines
	};
	struct proc_status status;
	struct error ignored;

	if (proc_run(&p, &status, &ignored) == -1)
		return -1;
	return proc_check(&status, &ignored);
}

int
account_find(const struct settings *s, const char *database,
    const struct value *v, unsigned *id)
{
	const char *name = v->kind == VALUE_STRING ? v->text : NULL;
	own_free char *path = mem_printf("/etc/%s", database);
	own(strbuf_clear) struct strbuf lines = { 0 }, more = { 0 };
	struct error ignored;
	long long n = 0;

	if (name == NULL ? !value_to_int(v, &n) || n < 0 || n >= UINT32_MAX
			 : strlen(name) != v->len)
		return -1;
	if (file_read(s->root, settings_below(s, path), LIMIT_TEXT_BYTES,
		&lines, &ignored) == 0 &&
	    find_in(&lines, name, n, id) == 0)
		return 0;
	if (s->root != AT_FDCWD || ask_getent(database, v->text, &more) == -1)
		return -1;
	return find_in(&more, name, n, id);
}
