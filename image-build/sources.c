/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of a source-repository-* file says, pure. */
#include "image-build/sources.h"

#include <ctype.h>
#include <errno.h>

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"

const char *
source_override(const struct strlist *env, const char *prefix, const char *name)
{
	own_free char *variable = mem_printf("%s%s", prefix, name);

	for (char *s = variable; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s))
			*s = '_';
	return strlist_env_get(env, variable);
}

static const char *
either(const char *over, const char *word)
{
	return over != NULL ? over : word;
}

int
source_line_read(struct source_line *line, char *const *words, size_t n,
    const struct strlist *env, struct error *e)
{
	struct source_line l;

	if (n < 4 || n > 5 || *words[2] != '/')
		return error_set(e, EINVAL,
		    "\"%.200s ...\": wants NAME TYPE DEST LOCATION [REF]",
		    n > 0 ? words[0] : "");
	l.name = words[0];
	l.dest = words[2];
	if (!path_is_name(l.name) || !path_is_inside(path_relative(l.dest)))
		return error_set(
		    e, EINVAL, "%.200s: not a name or a path", l.name);
	l.type =
	    either(source_override(env, "DIB_REPOTYPE_", l.name), words[1]);
	l.location =
	    either(source_override(env, "DIB_REPOLOCATION_", l.name), words[3]);
	l.ref = either(source_override(env, "DIB_REPOREF_", l.name),
	    n == 5 ? words[4] : NULL);
	*line = l;
	return 0;
}
