/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of a source-repository-* file says, pure. */
#include "image-build/sources.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"

const char *
source_override(const struct strlist *env, const char *prefix, const char *name)
{
	own_free char *variable = mem_printf("%s%s", prefix, name);
	const char *value;

	for (char *s = variable; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s))
			*s = '_';
	value = strlist_env_get(env, variable);
	return value != NULL && *value != '\0' ? value : NULL;
}

static const char *
either(const char *over, const char *word)
{
	return over != NULL ? over : word;
}

/* What a type other than package cannot do without. */
static bool
is_whole(const struct source_line *l)
{
	return strcmp(l->type, "package") == 0 ||
	    (l->dest != NULL && l->location != NULL);
}

int
source_line_read(struct source_line *line, char *const *words, size_t n,
    const struct strlist *env, struct error *e)
{
	struct source_line l = { 0 };

	if (n < 2 || n > 5 || (n > 2 && *words[2] != '/'))
		return error_set(e, EINVAL,
		    "\"%.200s ...\": wants NAME TYPE DEST LOCATION [REF]",
		    n > 0 ? words[0] : "");
	l.name = words[0];
	l.dest = n > 2 ? words[2] : NULL;
	if (!path_is_name(l.name) ||
	    (l.dest != NULL && !path_is_inside(path_relative(l.dest))))
		return error_set(
		    e, EINVAL, "%.200s: not a name or a path", l.name);
	l.type =
	    either(source_override(env, "DIB_REPOTYPE_", l.name), words[1]);
	l.location = either(source_override(env, "DIB_REPOLOCATION_", l.name),
	    n > 3 ? words[3] : NULL);
	l.ref = either(source_override(env, "DIB_REPOREF_", l.name),
	    n == 5 ? words[4] : NULL);
	if (!is_whole(&l))
		return error_set(e, EINVAL,
		    "%s: wants NAME TYPE DEST LOCATION [REF]", l.name);
	*line = l;
	return 0;
}

char *
source_rebased(const struct source_line *line, const struct strlist *env)
{
	const char *base = strlist_env_get(env, "DIB_GITREPOBASE");
	const char *host = strstr(line->location, "://"), *path;
	size_t n;

	if (base == NULL || *base == '\0' || host == NULL ||
	    source_override(env, "DIB_REPOLOCATION_", line->name) != NULL ||
	    (path = strchr(host + 3, '/')) == NULL)
		return mem_dup(line->location);
	if (path[1] == '~' && strchr(path + 1, '/') != NULL)
		path = strchr(path + 1, '/');
	n = strlen(base);
	while (n > 0 && base[n - 1] == '/')
		n--;
	return mem_printf("%.*s%s", (int)n, base, path);
}
