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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

#define IDLE "60" /* seconds */

/*
 * Small blocks take a tenth from what travels; but both ends remember each
 * block, so large files have large ones.
 */
#define SMALL_BLOCKS "--block-size=512"
#define LARGE_BLOCKS "--block-size=65536"
#define LARGE MIB(256)

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

/* What its status means: rsync(1), "EXIT VALUES". */
static int
judge(
    const struct confined *r, const struct proc_status *status, struct error *e)
{
	static const int later[] = { 10, 12, 30, 35, 255 };
	int code = EBADMSG;

	if (proc_check(status, e) == 0)
		return 0;
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (status->code == later[i] || status->timed_out)
			code = EAGAIN;
	if (*r->said != '\0')
		return error_set(e, code, "%s%s",
		    strncmp(r->said, "rsync", 5) == 0 ? "" : "rsync: ",
		    r->said);
	e->code = code;
	return error_prefix(e, "rsync");
}

/*
 * A place as rsync's source, the caller's, and how the paths that are asked
 * for from there begin, the caller's too.  They are told from a daemon's module
 * on: one of 3.5.0 that does not change its root finds nothing that is told
 * from a folder in it.  "./" since "#" and ";" at the start are a comment.
 */
static char *
split_place(const char *place, char **begin)
{
	const char *module =
	    strncmp(place, "rsync://", 8) == 0 ? strchr(place + 8, '/') : NULL;
	const char *folder = module != NULL ? strchr(module + 1, '/') : NULL;

	if (folder == NULL || folder[1] == '\0') {
		*begin = mem_dup("./");
		return mem_printf("%s/", place);
	}
	*begin = mem_printf("./%s/./", folder + 1);
	return mem_printf("%.*s/", (int)(folder - place), place);
}

/*
 * The files in list, each ended by a NUL, from a source into the folder.  To
 * trust the sender means not to look up each name that it tells in the list,
 * which takes the square of its length; what is not wanted stays in the folder.
 */
static int
run_rsync(struct confined *r, const char *from, const char *blocks,
    const struct strbuf *list, struct error *e)
{
	own_free char *to = mem_printf("%s/", r->folder);
	const char *const argv[] = { "rsync", "--ignore-times", "--from0",
		"--files-from=-", "--no-implied-dirs", "--partial",
		"--compress", "--no-motd", "--out-format=%n", "--trust-sender",
		"--8-bit-output", "--timeout=" IDLE, blocks, "--", from, to,
		NULL };
	struct proc_status status;

	if (confined_run(r, argv, list, &status, e) == -1)
		return -1;
	return judge(r, &status, e);
}

/* One small file, into memory. */
int
rsync_get(
    const char *place, const char *file, struct strbuf *b, struct error *e)
{
	char folder[] = "/tmp/image-update.XXXXXX";
	own(strbuf_clear) struct strbuf list = { 0 };
	own_free char *path = NULL, *begin = NULL, *from = NULL;
	struct confined run = {
		.folder = folder, .dir = -1, .most = LIMIT_CONTENTS_BYTES
	};
	struct error ignored;
	int r;

	if (mkdtemp(folder) == NULL)
		return error_errno(e, "%s", folder);
	path = path_join(folder, file);
	from = split_place(place, &begin);
	strbuf_printf(&list, "%s%s", begin, file);
	strbuf_add(&list, "", 1);
	r = run_rsync(&run, from, SMALL_BLOCKS, &list, e);
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
put_bases(const struct filling *f, const struct bases *b, uint32_t but, int to,
    struct error *e)
{
	for (size_t i = 0; i < f->new->n; i++) {
		const struct contents_entry *t = &f->new->entries[i];
		uint32_t at = i != but && fill_wants(f, i) ? bases_find(b, t)
							   : BASIS_NONE;

		if (at != BASIS_NONE &&
		    put_basis(f, to, &f->old->entries[at], t, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- its runs ------------------------------------------------------------------------ */

struct transfer {
	struct filling *f;
	struct confined run;
	struct bases bases;
	char *from, *begin; /* split_place */
	uint32_t initramfs; /* to come after all else, or BASIS_NONE */
};

struct lists {
	struct strbuf small, large; /* paths, each ended by a NUL */
};

static void
lists_clear(struct lists *l)
{
	strbuf_clear(&l->small);
	strbuf_clear(&l->large);
}

static void
list_file(
    struct transfer *x, const struct contents_entry *t, struct lists *lists)
{
	struct strbuf *list = t->size > LARGE ? &lists->large : &lists->small;

	strbuf_printf(list, "%s%s", x->begin, t->path);
	strbuf_add(list, "", 1);
	x->run.most = t->size > x->run.most ? t->size : x->run.most;
}

/* What came is taken, however it ended. */
static int
run_lists(struct transfer *x, const struct lists *l, struct error *e)
{
	struct error why;
	int r = 0;

	if (l->small.len > 0)
		r = run_rsync(&x->run, x->from, SMALL_BLOCKS, &l->small, &why);
	if (r == 0 && l->large.len > 0)
		r = run_rsync(&x->run, x->from, LARGE_BLOCKS, &l->large, &why);
	if (confined_take(&x->run, x->f, e) == -1)
		return -1;
	if (r == -1)
		*e = why;
	return r;
}

static int
bring_most(struct transfer *x, struct error *e)
{
	own(lists_clear) struct lists lists = { 0 };
	const struct filling *f = x->f;

	if (put_bases(f, &x->bases, x->initramfs, x->run.dir, e) == -1)
		return -1;
	for (size_t i = 0; i < f->new->n; i++)
		if (fill_wants(f, i) && i != x->initramfs)
			list_file(x, &f->new->entries[i], &lists);
	return run_lists(x, &lists, e);
}

static int
bring_initramfs(struct transfer *x, struct error *e)
{
	own(lists_clear) struct lists lists = { 0 };
	const struct filling *f = x->f;
	const struct contents_entry *t = &f->new->entries[x->initramfs];
	uint32_t old = bases_find(&x->bases, t);

	if (!initramfs_guess(f, &x->bases, x->initramfs, x->run.dir) &&
	    put_basis(f, x->run.dir, &f->old->entries[old], t, e) == -1)
		return -1;
	list_file(x, t, &lists);
	return run_lists(x, &lists, e);
}

static int
bring_all(struct transfer *x, struct error *e)
{
	if (confined_open(&x->run, x->f->staging, e) == -1 ||
	    confined_take(&x->run, x->f, e) == -1 || bring_most(x, e) == -1)
		return -1;
	return x->initramfs == BASIS_NONE ? 0 : bring_initramfs(x, e);
}

static int
bring(struct carrier *c, const struct source *s, struct filling *f,
    struct error *e)
{
	struct transfer x = { .f = f, .run = { .dir = -1, .taker = f } };
	int r;

	(void)s;
	log_info("rsync %zu files from %s", f->left, c->place);
	x.from = split_place(c->place, &x.begin);
	bases_make(&x.bases, f->old);
	x.initramfs = initramfs_entry(f, &x.bases);
	r = bring_all(&x, e);
	bases_clear(&x.bases);
	confined_clear(&x.run);
	free(x.from);
	free(x.begin);
	return r;
}

const struct carrier_kind carrier_rsync = {
	.name = "rsync",
	.summary = "the image's tree at the other end of rsync",
	.compares = true,
	.bring = bring,
};
