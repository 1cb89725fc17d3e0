/* SPDX-License-Identifier: Apache-2.0 */
/* One program, with a time limit; what it says is shown when it refuses. */
#include "apply-config/validate.h"

#include <string.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/output.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/proc.h"

/* Where the staged file is, without symlinks on the way; the caller's. */
static char *
staged_path(struct output *o, const char *path, struct error *e)
{
	own_free char *link = NULL;
	char dir[4096];
	int fd = output_dir(o, path, e);
	ssize_t n;

	if (fd == -1)
		return NULL;
	link = mem_printf("/proc/self/fd/%d", fd);
	n = readlink(link, dir, sizeof(dir) - 1);
	if (n == -1) {
		error_errno(e, "%s", link);
		return NULL;
	}
	dir[n] = '\0';
	return path_join(dir, path_base(path));
}

/* The arguments with the path for each %s. */
static void
fill_in(const struct strlist *from, const char *path, struct strlist *argv)
{
	for (size_t i = 0; i < from->len; i++) {
		const char *arg = from->items[i], *at;
		struct strbuf b = { 0 };

		for (; (at = strstr(arg, "%s")) != NULL; arg = at + 2) {
			strbuf_add(&b, arg, (size_t)(at - arg));
			strbuf_puts(&b, path);
		}
		strbuf_puts(&b, arg);
		strlist_take(argv, strbuf_take(&b));
	}
}

static void
keep_line(void *ctx, int stream, const char *line, size_t len)
{
	(void)stream;
	parts_tail(ctx, line, len);
}

int
validate_run(struct output *o, const struct change *c, const char *staged,
    struct error *e)
{
	own_free char *path = staged_path(o, staged, e);
	own_free char *name = output_name(o, c->path);
	own(strlist_clear) struct strlist argv = { 0 };
	own(strbuf_clear) struct strbuf talk = { 0 };
	struct proc p = { .seconds = LIMIT_VALIDATE_SECONDS,
		.line = keep_line,
		.ctx = &talk };
	struct proc_status status;
	struct error why;

	if (path == NULL)
		return -1;
	fill_in(c->validate, path, &argv);
	p.argv = strlist_argv(&argv);
	if (proc_run(&p, &status, e) == -1)
		return error_prefix(e, "%s: validate", name);
	if (proc_check(&status, &why) == 0)
		return 0;
	return error_set(e, why.code,
	    "%s: refused by %s: %.100s, with output: %s", name, argv.items[0],
	    why.text,
	    c->secret ? "(not shown: there are secrets in the file)"
		      : parts_last(&talk, LIMIT_SHOWN_BYTES));
}
