/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of what was delivered: each file read once, several at a time. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/pool.h"
#include "lib/strbuf.h"

#define CHUNK ((size_t)1 << 18)

struct work {
	const struct strlist *paths;
	struct checksum *sums;
	bool md5;
};

static void
digest_fd(int fd, bool md5, struct checksum *s)
{
	own_free char *buffer = mem_alloc(CHUNK);
	struct digest *other = digest_open(DIGEST_MD5), *sha256 = digest_new();
	ssize_t n;

	while (s->code == 0 && (n = read(fd, buffer, CHUNK)) != 0) {
		if (n == -1) {
			s->code = errno == EINTR ? 0 : errno;
			continue;
		}
		if (md5)
			digest_add(other, buffer, (size_t)n);
		digest_add(sha256, buffer, (size_t)n);
		s->bytes += (uint64_t)n;
	}
	digest_end(other, s->md5);
	digest_end(sha256, s->sha256);
	s->known = true;
}

static void
digest_one(void *ctx, size_t i, unsigned thread)
{
	struct work *w = ctx;
	struct checksum *s = &w->sums[i];
	own_fd int fd = -1;

	(void)thread;
	if (s->known)
		return;
	fd = open(w->paths->items[i], O_RDONLY | O_CLOEXEC);
	*s = (struct checksum){ .code = fd == -1 ? errno : 0 };
	if (fd != -1)
		digest_fd(fd, w->md5, s);
}

int
checksum_files(const struct strlist *paths, struct checksum *sums, bool md5,
    struct error *e)
{
	ownp(pool_free) struct pool *pool = pool_new(pool_processors());
	struct work w = { .paths = paths, .sums = sums, .md5 = md5 };

	pool_run(pool, digest_one, &w, paths->len);
	for (size_t i = 0; i < paths->len; i++) {
		if (sums[i].code == 0)
			continue;
		errno = sums[i].code;
		return error_errno(e, "%s", paths->items[i]);
	}
	return 0;
}

/* ---- meanwhile ------------------------------------------------------------- */

static void __attribute__((noreturn)) child(int file, bool md5, int answer)
{
	struct checksum sum = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	digest_fd(file, md5, &sum);
	_exit(file_write_all(answer, &sum, sizeof(sum)) == 0 ? 0 : 1);
}

int
checksum_begin(
    struct checksum_task *t, const char *path, bool md5, struct error *e)
{
	own_fd int file = open(path, O_RDONLY | O_CLOEXEC);
	int ends[2];

	if (file == -1)
		return error_errno(e, "%s", path);
	if (pipe2(ends, O_CLOEXEC) == -1)
		return error_errno(e, "pipe");
	fflush(NULL);
	t->pid = fork();
	if (t->pid == 0)
		child(file, md5, ends[1]);
	close(ends[1]);
	t->fd = ends[0];
	if (t->pid != -1)
		return 0;
	error_errno(e, "fork");
	close(t->fd);
	*t = (struct checksum_task){ 0 };
	return -1;
}

int
checksum_end(struct checksum_task *t, struct checksum *sum, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	int r = t->pid == 0
	    ? 0
	    : file_read_fd(t->fd, "digests", sizeof(*sum), &text, e);

	if (t->pid == 0)
		return 0;
	close(t->fd);
	while (waitpid(t->pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	*t = (struct checksum_task){ 0 };
	if (r == -1 || text.len != sizeof(*sum))
		return r == -1 ? -1 : error_set(e, EIO, "digests: cut short");
	memcpy(sum, text.s, sizeof(*sum));
	errno = sum->code;
	return sum->code == 0 ? 0 : error_errno(e, "digests");
}

/* ---- what is written ---------------------------------------------------------- */

bool
checksum_wanted(const char *name)
{
	own(strlist_clear) struct strlist words = { 0 };
	const char *given = getenv("DIB_CHECKSUM");

	strlist_split(&words, given != NULL ? given : "", ", ");
	if (strlist_has(&words, "md5") || strlist_has(&words, "sha256"))
		return strlist_has(&words, name);
	return true;
}

static int
write_one(const char *path, const char *kind, const uint8_t *sum, size_t n,
    struct error *e)
{
	own_free char *name = mem_printf("%s.%s", path, kind);
	own(strbuf_clear) struct strbuf line = { 0 };
	char text[DIGEST_TEXT];

	if (!checksum_wanted(kind))
		return 0;
	digest_printn(sum, n, text);
	strbuf_printf(&line, "%s  %s\n", text, path);
	return file_replace(AT_FDCWD, name, 0644, line.s, line.len, e);
}

int
checksum_write(const char *path, const struct checksum *sum, struct error *e)
{
	if (write_one(path, "md5", sum->md5, digest_size(DIGEST_MD5), e) == -1)
		return -1;
	return write_one(path, "sha256", sum->sha256, DIGEST_BYTES, e);
}
