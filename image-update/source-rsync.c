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
 * Small blocks and a high level take a quarter from what travels; but both
 * ends remember each block, so large files have large ones.
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

/* The files in list, each ended by a NUL, from place into the folder. */
static int
run_rsync(struct confined *r, const char *place, const char *blocks,
    const struct strbuf *list, struct error *e)
{
	own_free char *from = mem_printf("%s/", place);
	own_free char *to = mem_printf("%s/", r->folder);
	const char *const argv[] = { "rsync", "--ignore-times", "--from0",
		"--files-from=-", "--no-implied-dirs", "--partial",
		"--compress", "--compress-level=9", "--no-motd",
		"--timeout=" IDLE, blocks, "--", from, to, NULL };
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
	own_free char *path = NULL;
	struct confined run = {
		.folder = folder, .dir = -1, .most = LIMIT_CONTENTS_BYTES
	};
	struct error ignored;
	int r;

	if (mkdtemp(folder) == NULL)
		return error_errno(e, "%s", folder);
	path = path_join(folder, file);
	strbuf_printf(&list, "./%s", file);
	strbuf_add(&list, "", 1);
	r = run_rsync(&run, place, SMALL_BLOCKS, &list, e);
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

/* Those of the files that are large, or those that are not. */
static void
list_wanted(const struct filling *f, bool large, struct strbuf *list,
    struct confined *r)
{
	for (size_t i = 0; i < f->new->n; i++) {
		const struct contents_entry *t = &f->new->entries[i];

		if (!fill_wants(f, i) || (t->size > LARGE) != large)
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
	own(strbuf_clear) struct strbuf small = { 0 }, large = { 0 };
	own(confined_clear) struct confined run = { .dir = -1 };
	struct error why;
	int r = 0;

	(void)s;
	if (confined_open(&run, f->staging, e) == -1 ||
	    confined_take(&run, f, e) == -1 || put_bases(f, run.dir, e) == -1)
		return -1;
	list_wanted(f, false, &small, &run);
	list_wanted(f, true, &large, &run);
	log_info("rsync %zu files from %s", f->left, c->place);
	if (small.len > 0)
		r = run_rsync(&run, c->place, SMALL_BLOCKS, &small, &why);
	if (r == 0 && large.len > 0)
		r = run_rsync(&run, c->place, LARGE_BLOCKS, &large, &why);
	if (confined_take(&run, f, e) == -1)
		return -1;
	if (r == -1)
		*e = why;
	return r;
}

const struct carrier_kind carrier_rsync = {
	.name = "rsync",
	.summary = "the image's tree at the other end of rsync",
	.compares = true,
	.bring = bring,
};
