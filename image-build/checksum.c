/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of what was delivered: each file read once, several at a time. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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
};

static void
digest_one(void *ctx, size_t i, unsigned thread)
{
	struct work *w = ctx;
	struct checksum *s = &w->sums[i];
	own_fd int fd = open(w->paths->items[i], O_RDONLY | O_CLOEXEC);
	own_free char *buffer = mem_alloc(CHUNK);
	struct digest *md5 = digest_open(DIGEST_MD5), *sha256 = digest_new();
	ssize_t n = fd == -1 ? -1 : 0;

	(void)thread;
	*s = (struct checksum){ .code = fd == -1 ? errno : 0 };
	while (s->code == 0) {
		n = read(fd, buffer, CHUNK);
		if (n == 0)
			break;
		if (n == -1) {
			s->code = errno == EINTR ? 0 : errno;
			continue;
		}
		digest_add(md5, buffer, (size_t)n);
		digest_add(sha256, buffer, (size_t)n);
		s->bytes += (uint64_t)n;
	}
	digest_end(md5, s->md5);
	digest_end(sha256, s->sha256);
}

int
checksum_files(
    const struct strlist *paths, struct checksum *sums, struct error *e)
{
	ownp(pool_free) struct pool *pool = pool_new(pool_processors());
	struct work w = { .paths = paths, .sums = sums };

	pool_run(pool, digest_one, &w, paths->len);
	for (size_t i = 0; i < paths->len; i++) {
		if (sums[i].code == 0)
			continue;
		errno = sums[i].code;
		return error_errno(e, "%s", paths->items[i]);
	}
	return 0;
}

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
