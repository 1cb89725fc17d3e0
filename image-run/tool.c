/* SPDX-License-Identifier: Apache-2.0 */
/* A program that is run to its end and should say nothing. */
#include <errno.h>
#include <stdlib.h>

#include "image-run/image-run.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/proc.h"

#define TOOL_SECONDS 60

static void
keep_last(void *ctx, int stream, const char *line, size_t len)
{
	char **last = ctx;

	if (stream != 2 || len == 0)
		return;
	free(*last);
	*last = mem_dupn(line, len);
}

int
tool_run(char *const *argv, struct error *e)
{
	own_free char *last = NULL;
	const struct proc p = { .argv = argv,
		.seconds = TOOL_SECONDS,
		.line = keep_last,
		.ctx = &last,
		.tick = log_tick,
		.stop = &stop_asked };
	struct proc_status s;

	if (proc_run(&p, &s, e) == -1)
		return e->code == ENOENT
		    ? error_set(e, ENOENT, "%s is not installed", argv[0])
		    : -1;
	if (proc_check(&s, e) == 0)
		return 0;
	if (last != NULL && s.code != 0)
		return error_set(e, 0, "%s", last);
	return error_prefix(e, "%s", argv[0]);
}
