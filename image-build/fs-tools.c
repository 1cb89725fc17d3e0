/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the file systems that a program makes have in common: they are made
 * in a file of their own, which is then put into its place on the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "image-build/spans.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define CHUNK ((size_t)1 << 20)

void
fs_uuid(const uint8_t uuid[16], char text[UUID_TEXT])
{
	char *to = text;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		snprintf(to, 3, "%02x", uuid[i]);
		to += 2;
	}
}

/* ---- programs -------------------------------------------------------------- */

static void
keep(void *ctx, int stream, const char *line, size_t len)
{
	(void)stream;
	parts_tail(ctx, line, len);
}

/* The program's own environment: no language, no time zone, one time. */
static void
fill_environment(const struct fs_job *job, struct strlist *env)
{
	own_free char *epoch = mem_printf("%lld", (long long)job->now);
	const char *path = getenv("PATH");
	const char *tmp = getenv("TMPDIR");

	strlist_env_set(env, "PATH", path != NULL ? path : "/usr/bin:/bin");
	if (tmp != NULL)
		strlist_env_set(env, "TMPDIR", tmp);
	strlist_env_set(env, "LC_ALL", "C");
	strlist_env_set(env, "TZ", "UTC");
	strlist_env_set(env, "SOURCE_DATE_EPOCH", epoch);
	strlist_env_set(env, "MTOOLS_SKIP_CHECK", "1");
}

int
fs_run(const struct fs_job *job, const struct strlist *argv, struct error *e)
{
	own(strlist_clear) struct strlist env = { 0 };
	own(strbuf_clear) struct strbuf tail = { 0 };
	struct proc_status status;
	struct proc run = { .argv = strlist_argv(argv),
		.line = keep,
		.ctx = &tail,
		.tick = log_tick,
		.seconds = LIMIT_BUILD_SECONDS };
	const char *name = path_base(argv->items[0]);

	fill_environment(job, &env);
	run.envp = strlist_argv(&env);
	if (proc_run(&run, &status, e) == -1) {
		if (e->code == ENOENT)
			return error_set(e, ENOENT,
			    "%s: needs the program %s, which is not installed",
			    job->what, name);
		return error_prefix(e, "%s", job->what);
	}
	if (proc_check(&status, e) == 0)
		return 0;
	for (char *s = tail.s; s != NULL && *s != '\0'; s++)
		if (*s == '\n')
			*s = s[1] == '\0' ? '\0' : '|';
	if (tail.len > 0) {
		char why[sizeof(e->text)];

		snprintf(why, sizeof(why), "%s", e->text);
		error_set(
		    e, e->code, "%s; it said: %.600s", why, strbuf_text(&tail));
	}
	return error_prefix(e, "%s: %s", job->what, name);
}

int
fs_blank(const struct fs_job *job, const char *file, struct error *e)
{
	own_fd int fd =
	    open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1 || ftruncate(fd, (off_t)job->bytes) == -1)
		return error_errno(e, "%s", file);
	return 0;
}

/* ---- trees -------------------------------------------------------------------- */

bool
fs_is_empty(const struct fs_job *job)
{
	own(strlist_clear) struct strlist names = { 0 };
	struct error none;

	return job->tree == NULL ||
	    (file_names(AT_FDCWD, job->tree, &names, &none) == 0 &&
		names.len == 0);
}

/* What is below a folder goes, the folder stays with its attributes. */
static int
empty_folder(const char *path, struct error *e)
{
	own_fd int fd =
	    open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	own(strlist_clear) struct strlist names = { 0 };
	struct stat st;

	if (fd == -1)
		return errno == ENOENT ? 0 : error_errno(e, "%s", path);
	if (fstat(fd, &st) == -1 || file_names(fd, ".", &names, e) == -1)
		return error_prefix(e, "%s", path);
	for (size_t i = 0; i < names.len; i++)
		if (tree_remove(fd, names.items[i], e) == -1)
			return -1;
	if (futimens(fd, (struct timespec[2]){ st.st_atim, st.st_mtim }) == -1)
		return error_errno(e, "%s", path);
	return 0;
}

int
fs_copy_tree(const struct fs_job *job, const char *to, struct error *e)
{
	if (tree_remove(AT_FDCWD, to, e) == -1 ||
	    tree_copy(AT_FDCWD, job->tree, AT_FDCWD, to, e) == -1)
		return error_prefix(e, "%s", job->what);
	for (size_t i = 0; job->empty != NULL && i < job->empty->len; i++) {
		own_free char *path = path_join(to, job->empty->items[i]);

		if (empty_folder(path, e) == -1)
			return error_prefix(e, "%s", job->what);
	}
	return 0;
}

/* ---- placing ------------------------------------------------------------------ */

static int
copy_range(const struct fs_job *job, int from, off_t at, off_t end,
    char *buffer, struct error *e)
{
	while (at < end) {
		size_t want =
		    end - at > (off_t)CHUNK ? CHUNK : (size_t)(end - at);
		ssize_t n = pread(from, buffer, want, at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_errno(e, "%s: read", job->what);
		if (pwrite(job->fd, buffer, (size_t)n,
			(off_t)job->offset + at) != n)
			return error_errno(e, "%s: write", job->what);
		at += n;
	}
	return 0;
}

int
fs_place(
    const struct fs_job *job, const char *file, bool stays, struct error *e)
{
	own_fd int from = open(file, O_RDONLY | O_CLOEXEC);
	own_free char *buffer = mem_alloc(CHUNK);
	struct stat st;
	off_t at = 0;

	if (from == -1 || fstat(from, &st) == -1)
		return error_errno(e, "%s", file);
	if ((uint64_t)st.st_size > job->bytes)
		return error_set(e, ENOSPC,
		    "%s: %.1f MiB are too small: it takes %.1f MiB", job->what,
		    (double)job->bytes / 0x1p20, (double)st.st_size / 0x1p20);
	while (at < st.st_size) {
		off_t data = lseek(from, at, SEEK_DATA), hole;

		if (data == -1 && errno == ENXIO)
			break;
		hole = data == -1 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole == -1)
			return error_errno(e, "%s", file);
		if (stays)
			spans_add(job->spans, file, (uint64_t)data,
			    job->offset + (uint64_t)data,
			    (uint64_t)(hole - data));
		else if (copy_range(job, from, data, hole, buffer, e) == -1)
			return -1;
		at = hole;
	}
	return 0;
}
