/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that brings files: it gets a folder in the staging tree, and may
 * write nowhere else.  What it leaves there is taken if it is right.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image-update/update.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/proc.h"
#include "lib/strbuf.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int
confined_open(struct confined *c, int staging, struct error *e)
{
	own_free char *proc = NULL;

	if (mkdirat(staging, CONFINED, 0700) == -1 && errno != EEXIST)
		return error_errno(e, CONFINED);
	c->dir = openat(staging, CONFINED, OPEN_DIR);
	if (c->dir == -1)
		return error_errno(e, CONFINED);
	proc = mem_printf("/proc/self/fd/%d", c->dir);
	c->folder = realpath(proc, NULL);
	return c->folder == NULL ? error_errno(e, CONFINED) : 0;
}

void
confined_clear(struct confined *c)
{
	if (c->dir != -1)
		close(c->dir);
	free(c->folder);
	*c = (struct confined){ .dir = -1 };
}

/*
 * In the child: everything is read-only but the folder, where namespaces are
 * allowed; and no file grows beyond what is wanted.
 */
static int
confine(void *ctx)
{
	const struct confined *r = ctx;
	struct mount_attr none = { .attr_set = MOUNT_ATTR_RDONLY };
	struct mount_attr some = { .attr_clr = MOUNT_ATTR_RDONLY };
	const struct rlimit most = { r->most, r->most };

	if (setrlimit(RLIMIT_FSIZE, &most) == -1)
		return errno;
	if (unshare(CLONE_NEWNS) == -1)
		return 0;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount(r->folder, r->folder, NULL, MS_BIND, NULL) == -1)
		return errno;
	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &none,
		sizeof(none)) == -1)
		return errno == ENOSYS || errno == EPERM ? 0 : errno;
	return syscall(SYS_mount_setattr, AT_FDCWD, r->folder, 0, &some,
		   sizeof(some)) == -1
	    ? errno
	    : 0;
}

static int
take_file(
    const struct confined *c, struct filling *f, uint32_t i, struct error *e)
{
	const char *path = f->new->entries[i].path;

	if (fill_take(f, i, c->dir, path, e) == 0)
		return 0;
	return e->code == EMLINK && c->links ? fill_copy(f, i, c->dir, path, e)
					     : -1;
}

/* The program has begun with the next one, so the one before is whole. */
static void
take_named(struct confined *c, const char *line, size_t len)
{
	own_free char *path = mem_printf("%.*s", (int)len, line);
	const struct contents *new = c->taker->new;
	struct error later; /* it is tried again when all are taken */

	if (c->named != NULL) {
		uint32_t i = (uint32_t)(c->named - new->entries);

		if (fill_wants(c->taker, i))
			(void)take_file(c, c->taker, i, &later);
	}
	c->named = contents_find(new, path);
}

static void
on_line(void *ctx, int stream, const char *line, size_t len)
{
	struct confined *c = ctx;

	log_debug("%.*s", (int)len, line);
	if (stream == 1 && c->taker != NULL)
		take_named(c, line, len);
	/* The last one is rsync's summary; the one before says why. */
	if (stream == 2 && len > 0 && strncmp(line, "rsync error", 11) != 0)
		snprintf(c->said, sizeof(c->said), "%.*s", (int)len, line);
}

int
confined_run(struct confined *c, const char *const *argv,
    const struct strbuf *input, struct proc_status *status, struct error *e)
{
	const struct proc p = { .argv = (char *const *)argv,
		.input = input != NULL ? input->s : NULL,
		.input_len = input != NULL ? input->len : 0,
		.cwd = "/",
		.seconds = LIMIT_COMMAND_SECONDS,
		.line = on_line,
		.prepare = confine,
		.ctx = c };

	if (proc_run(&p, status, e) == 0)
		return 0;
	e->code = EIO;
	return error_prefix(e, "%s", argv[0]);
}

int
confined_take(struct confined *c, struct filling *f, struct error *e)
{
	for (size_t i = 0; i < f->new->n; i++) {
		struct error why;

		if (!fill_wants(f, i) ||
		    take_file(c, f, (uint32_t)i, &why) == 0)
			continue;
		if (why.code != ENOENT && why.code != ENOTDIR &&
		    why.code != ELOOP && why.code != EMLINK &&
		    why.code != EBADMSG) {
			*e = why;
			return -1;
		}
	}
	return 0;
}
