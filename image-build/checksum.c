/* SPDX-License-Identifier: Apache-2.0 */
/* Digests beside what was delivered, as md5sum and sha256sum print them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-build/format.h"
#include "image-build/image-build.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define CHUNK ((size_t)1 << 18)

static const struct sum {
	const char *name;
	enum digest_kind kind;
} sums[] = { { "md5", DIGEST_MD5 }, { "sha256", DIGEST_SHA256 } };

#define SUMS (sizeof(sums) / sizeof(*sums))

/* DIB_CHECKSUM names some, or is 1 for all. */
static bool
is_wanted(const char *name)
{
	own(strlist_clear) struct strlist words = { 0 };
	const char *given = getenv("DIB_CHECKSUM");

	strlist_split(&words, given != NULL ? given : "", ", ");
	for (size_t i = 0; i < SUMS; i++)
		if (strlist_has(&words, sums[i].name))
			return strlist_has(&words, name);
	return true;
}

/* Read once for all digests. */
static int
digest_all(const char *path, uint8_t out[SUMS][DIGEST_BYTES], struct error *e)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	own_free char *buffer = mem_alloc(CHUNK);
	struct digest *d[SUMS];
	ssize_t n;

	if (fd == -1)
		return error_errno(e, "%s", path);
	for (size_t i = 0; i < SUMS; i++)
		d[i] = digest_open(sums[i].kind);
	do {
		n = read(fd, buffer, CHUNK);
		for (size_t i = 0; n > 0 && i < SUMS; i++)
			digest_add(d[i], buffer, (size_t)n);
	} while (n > 0 || (n == -1 && errno == EINTR));
	for (size_t i = 0; i < SUMS; i++)
		digest_end(d[i], out[i]);
	return n == -1 ? error_errno(e, "%s", path) : 0;
}

int
checksum_write(const char *path, struct error *e)
{
	uint8_t out[SUMS][DIGEST_BYTES];

	log_status("digests of %s", path);
	if (digest_all(path, out, e) == -1)
		return -1;
	for (size_t i = 0; i < SUMS; i++) {
		own_free char *name = mem_printf("%s.%s", path, sums[i].name);
		own(strbuf_clear) struct strbuf line = { 0 };
		char text[DIGEST_TEXT];

		if (!is_wanted(sums[i].name))
			continue;
		digest_printn(out[i], digest_size(sums[i].kind), text);
		strbuf_printf(&line, "%s  %s\n", text, path);
		if (file_replace(AT_FDCWD, name, 0644, line.s, line.len, e) ==
		    -1)
			return -1;
	}
	return 0;
}
