/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of what is delivered, each kind in a thread of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "image-build/pass.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/pool.h"
#include "lib/strbuf.h"

#define ZEROS ((size_t)1 << 20)

static const uint8_t zeros[ZEROS];

/* ---- a consumer of a pass ---------------------------------------------------- */

static size_t
begin(void *self, const struct pass_batch *b)
{
	struct checksum_run *r = self;

	r->batch = b;
	r->bytes += b->bytes;
	return r->md5 != NULL ? 2 : 1;
}

static void
work(void *self, size_t piece, unsigned thread)
{
	struct checksum_run *r = self;
	struct digest *d = piece == 0 ? r->sha256 : r->md5;
	const struct pass_batch *b = r->batch;
	uint64_t left = b->bytes;

	(void)thread;
	if (b->data != NULL) {
		digest_add(d, b->data, (size_t)left);
		return;
	}
	while (left > 0) {
		size_t n = left < ZEROS ? (size_t)left : ZEROS;

		digest_add(d, zeros, n);
		left -= n;
	}
}

struct pass_consumer
checksum_begin(struct checksum_run *r, bool md5)
{
	*r = (struct checksum_run){ .sha256 = digest_new() };
	if (md5)
		r->md5 = digest_open(DIGEST_MD5);
	return (struct pass_consumer){ r, begin, work, NULL };
}

void
checksum_end(struct checksum_run *r, struct checksum *sum)
{
	*sum = (struct checksum){
		.bytes = r->bytes, .has_md5 = r->md5 != NULL, .known = true
	};
	digest_end(r->sha256, sum->sha256);
	if (r->md5 != NULL)
		digest_end(r->md5, sum->md5);
	*r = (struct checksum_run){ 0 };
}

/* ---- files --------------------------------------------------------------------- */

int
checksum_file(const char *path, bool md5, struct checksum *sum, struct error *e)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct pass_source from = { .fd = fd };
	ownp(pool_free) struct pool *pool = NULL;
	struct checksum_run r;
	const struct pass_consumer c = checksum_begin(&r, md5);
	int done = -1;

	if (fd == -1)
		error_errno(e, "%s", path);
	else {
		pool = pool_new(md5 ? 2 : 1);
		done = pass_run(&from, pool, &c, 1, NULL, e);
		if (done == -1)
			error_prefix(e, "%s", path);
	}
	checksum_end(&r, sum);
	return done;
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
	if (sum->has_md5 &&
	    write_one(path, "md5", sum->md5, digest_size(DIGEST_MD5), e) == -1)
		return -1;
	return write_one(path, "sha256", sum->sha256, DIGEST_BYTES, e);
}
