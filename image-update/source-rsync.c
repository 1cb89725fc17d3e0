/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree at the other end of rsync(1), as a transport of bytes only.  What is
 * wanted is known here; rsync gets the list of it, and a folder of its own,
 * the only one that it may write to, with the old files that its deltas are
 * to be against, under their new names.  It sets no owner, mode or time, and
 * never decides by one.
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

#include "image-update/fetch.h"
#include "image-update/update.h"
#include "lib/basis.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define IDLE "60" /* seconds */

/* rsync://host/module/path, or [user@]host:path by way of ssh. */
bool
rsync_is_place(const char *place)
{
	size_t n = strcspn(place, ":/");

	if (strncmp(place, "rsync://", 8) == 0)
		return true;
	return n > 0 && place[n] == ':' && strncmp(place + n, "://", 3) != 0 &&
	    *place != '-' && !file_exists(AT_FDCWD, place);
}

/* ---- the program ---------------------------------------------------------------- */

struct run {
	const char *folder; /* its real path: all that it may write to */
	rlim_t most; /* bytes of a file */
	char said[512]; /* its last line of complaint */
};

/*
 * In the child: everything is read-only but the folder, where namespaces are
 * allowed; and no file grows beyond what is wanted.
 */
static int
confine(void *ctx)
{
	const struct run *r = ctx;
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

static void
on_line(void *ctx, int stream, const char *line, size_t len)
{
	struct run *r = ctx;

	log_debug("rsync: %.*s", (int)len, line);
	if (stream == 2 && len > 0 && strncmp(line, "rsync error", 11) != 0)
		snprintf(r->said, sizeof(r->said), "%.*s", (int)len, line);
}

/* What its status means: rsync(1), "EXIT VALUES". */
static int
judge(const struct run *r, const struct proc_status *status, struct error *e)
{
	static const int later[] = { 10, 12, 30, 35, 255 };
	int code = EBADMSG;

	if (proc_check(status, e) == 0)
		return 0;
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (status->code == later[i] || status->timed_out)
			code = EAGAIN;
	if (*r->said != '\0')
		return error_set(e, code, "rsync: %s", r->said);
	e->code = code;
	return error_prefix(e, "rsync");
}

/* The files in list, each ended by a NUL, from place into the folder. */
static int
run_rsync(struct run *r, const char *place, const struct strbuf *list,
    struct error *e)
{
	own_free char *from = mem_printf("%s/", place);
	own_free char *to = mem_printf("%s/", r->folder);
	const char *const argv[] = { "rsync", "--ignore-times", "--from0",
		"--files-from=-", "--no-implied-dirs", "--partial",
		"--compress", "--no-motd", "--timeout=" IDLE, "--", from, to,
		NULL };
	const struct proc p = { .argv = (char *const *)argv,
		.input = list->s,
		.input_len = list->len,
		.cwd = "/",
		.seconds = LIMIT_COMMAND_SECONDS,
		.line = on_line,
		.prepare = confine,
		.ctx = r };
	struct proc_status status;

	if (proc_run(&p, &status, e) == -1) {
		e->code = EIO;
		return error_prefix(e, "rsync");
	}
	return judge(r, &status, e);
}

/* One small file, into memory. */
int
rsync_get(
    const char *place, const char *file, struct strbuf *b, struct error *e)
{
	char folder[] = "/tmp/image-update.XXXXXX";
	own(strbuf_clear) struct strbuf list = { 0 };
	own_free char *path = NULL;
	struct run run = { .folder = folder, .most = LIMIT_CONTENTS_BYTES };
	struct error ignored;
	int r;

	if (mkdtemp(folder) == NULL)
		return error_errno(e, "%s", folder);
	path = path_join(folder, file);
	strbuf_printf(&list, "./%s", file);
	strbuf_add(&list, "", 1);
	r = run_rsync(&run, place, &list, e);
	if (r == 0)
		r = file_read(AT_FDCWD, path, LIMIT_CONTENTS_BYTES, b, e);
	(void)tree_remove(AT_FDCWD, folder, &ignored);
	return r;
}

/* ---- its folder ------------------------------------------------------------------- */

/*
 * The old file under the new one's name.  rsync writes beside it and renames,
 * so a link will do; what it left there itself stays.
 */
static int
put_basis(const struct filling *f, int to, const struct contents_entry *basis,
    const struct contents_entry *t, struct error *e)
{
	own_free char *folder = path_dir(t->path);
	own_fd int in = -1, out = -1;
	struct error ignored;

	if (file_mkdirs(to, folder, 0700, e) == -1)
		return -1;
	if (linkat(f->current, basis->path, to, t->path, 0) == 0 ||
	    errno == EEXIST)
		return 0;
	in = openat(f->current, basis->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	out = in == -1 ? -1
		       : openat(to, t->path,
			     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out != -1)
		(void)file_copy_fd(in, out, &ignored);
	return 0;
}

static int
put_bases(const struct filling *f, int to, struct error *e)
{
	struct bases b;
	int r = 0;

	bases_make(&b, f->old);
	for (size_t i = 0; i < f->new->n &&r == 0; i++) {
		const struct contents_entry *t = &f->new->entries[i];
		uint32_t at = fill_wants(f, i) ? bases_find(&b, t) : BASIS_NONE;

		if (at != BASIS_NONE)
			r = put_basis(f, to, &f->old->entries[at], t, e);
	}
	bases_clear(&b);
	return r;
}

/* Take what came whole; the rest is left for rsync to go on with. */
static int
take_all(struct filling *f, int from, struct error *e)
{
	for (size_t i = 0; i < f->new->n; i++) {
		struct error why;

		if (!fill_wants(f, i) ||
		    fill_take(f, (uint32_t)i, from, f->new->entries[i].path,
			&why) == 0)
			continue;
		if (why.code != ENOENT && why.code != ENOTDIR &&
		    why.code != ELOOP && why.code != EBADMSG) {
			*e = why;
			return -1;
		}
	}
	return 0;
}

static void
list_wanted(const struct filling *f, struct strbuf *list, struct run *r)
{
	for (size_t i = 0; i < f->new->n; i++) {
		const struct contents_entry *t = &f->new->entries[i];

		if (!fill_wants(f, i))
			continue;
		/* "./" since "#" and ";" at its start would be a comment. */
		strbuf_printf(list, "./%s", t->path);
		strbuf_add(list, "", 1);
		r->most = t->size > r->most ? t->size : r->most;
	}
}

static int
bring(struct carrier *c, const struct source *s, struct filling *f,
    struct error *e)
{
	own(strbuf_clear) struct strbuf list = { 0 };
	own_free char *proc = NULL, *folder = NULL;
	own_fd int dir = -1;
	struct run run = { 0 };
	struct error why;
	int r;

	(void)s;
	if (mkdirat(f->staging, RSYNC, 0700) == -1 && errno != EEXIST)
		return error_errno(e, RSYNC);
	dir = openat(f->staging, RSYNC, OPEN_DIR);
	if (dir == -1)
		return error_errno(e, RSYNC);
	proc = mem_printf("/proc/self/fd/%d", dir);
	folder = realpath(proc, NULL);
	if (folder == NULL)
		return error_errno(e, RSYNC);
	run.folder = folder;
	if (take_all(f, dir, e) == -1 || put_bases(f, dir, e) == -1)
		return -1;
	list_wanted(f, &list, &run);
	log_info("rsync %zu files from %s", f->left, c->place);
	r = run_rsync(&run, c->place, &list, &why);
	if (take_all(f, dir, e) == -1)
		return -1;
	if (r == -1)
		*e = why;
	return r;
}

const struct carrier_kind carrier_rsync = {
	.name = "rsync",
	.summary = "the image's tree at the other end of rsync",
	.bring = bring,
};
