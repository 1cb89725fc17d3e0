/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder or an archive, and the contents that are to be believed: beside
 * it as NAME.contents, or inside a folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "image-update/update.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

/* "dir/web.tar.zst" gives "dir/web.contents", "dir/tree/" "dir/tree.contents" */
static char *
beside(const char *path)
{
	own_free char *stem = mem_dup(path);
	size_t n = strlen(stem);
	char *ending;

	while (n > 1 && stem[n - 1] == '/')
		stem[--n] = '\0';
	ending = strstr(stem + (path_base(stem) - stem), ".tar");
	if (ending != NULL)
		*ending = '\0';
	return mem_printf("%s.contents", stem);
}

static struct contents *
load(const struct source *s, const char *given, struct error *e)
{
	own_free char *near = beside(s->path);
	own_free char *inside = path_join(s->path, CONTENTS_INSIDE);

	if (given != NULL)
		return contents_load(AT_FDCWD, given, e);
	if (s->kind == SOURCE_FOLDER && !file_exists(AT_FDCWD, near))
		return contents_load(AT_FDCWD, inside, e);
	return contents_load(AT_FDCWD, near, e);
}

static int
judge(const struct contents *c, const struct trust *trust, struct error *e)
{
	if (trust->key == NULL && !trust->unsigned_too)
		return error_set(e, EINVAL,
		    "no key says which images to trust (--key; --unsigned "
		    "trusts any)");
	if (trust->key != NULL && contents_check(c, trust->key, e) == -1)
		return error_prefix(e, "image %s", c->name);
	if (c->expires > 0 && c->expires < time(NULL) && !trust->expired_too)
		return error_set(e, ESTALE,
		    "image %s: it has expired; a newer one may be withheld "
		    "(--expired takes it)",
		    c->name);
	return 0;
}

int
source_open(struct source *s, const char *path, const char *contents,
    const struct trust *trust, struct error *e)
{
	struct stat st;

	*s = (struct source){ .path = path };
	if (stat(path, &st) == -1)
		return error_errno(e, "%s", path);
	s->kind = S_ISDIR(st.st_mode) ? SOURCE_FOLDER : SOURCE_ARCHIVE;
	s->contents = load(s, contents, e);
	if (s->contents == NULL)
		return error_prefix(e, "contents of %s", path);
	return judge(s->contents, trust, e);
}

void
source_clear(struct source *s)
{
	contents_free(s->contents);
	s->contents = NULL;
}
