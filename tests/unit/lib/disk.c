/* SPDX-License-Identifier: Apache-2.0 */
/* qcow2 made by hand: what is stored, compressed, zero or not there is read. */
#include "lib/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/compress.h"
#include "lib/error.h"
#include "lib/own.h"
#include "tests/unit/check.h"

#define CLUSTER 512u
#define COPIED ((uint64_t)1 << 63)
#define COMPRESSED ((uint64_t)1 << 62)
#define BYTES (10 * CLUSTER) /* of the disk */

/* Clusters of the file: header, first table, second table, two of data. */
static uint8_t file[6 * CLUSTER];
static struct error e;

static void
make_file(enum compress_kind kind)
{
	uint8_t text[CLUSTER];
	ownp(compressor_free) struct compressor *c = compressor_new(kind);
	size_t n;

	memset(file, 0, sizeof(file));
	memcpy(file, "QFI\xfb", 4);
	put_be32(file + 4, 3);
	put_be32(file + 20, 9);
	put_be64(file + 24, BYTES);
	put_be32(file + 36, 1);
	put_be64(file + 40, CLUSTER);
	put_be32(file + 100, 112);
	if (kind == COMPRESS_ZSTD) {
		put_be64(file + 72, 8);
		file[104] = 1;
	}
	put_be64(file + CLUSTER, 2 * CLUSTER | COPIED);
	put_be64(file + 2 * CLUSTER, 3 * CLUSTER | COPIED);
	put_be64(file + 2 * CLUSTER + 16, (3 * CLUSTER) | 1); /* zero */
	memset(file + 3 * CLUSTER, 'a', CLUSTER);
	memset(text, 'b', sizeof(text));
	n = compressor_run(
	    c, text, sizeof(text), file + 4 * CLUSTER + 100, CLUSTER);
	CHECK(n > 0 && n < 400);
	put_be64(file + 2 * CLUSTER + 24, (4 * CLUSTER + 100) | COMPRESSED);
}

static int
open_file(struct disk_source *d, size_t n)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	CHECK(write(fd, file, n) == (ssize_t)n);
	if (disk_open(d, fd, &e) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
what_is_there_is_read(enum compress_kind kind)
{
	own(disk_close) struct disk_source d = { 0 };
	char got[BYTES], want[BYTES] = { 0 };
	own_fd int fd = -1;

	make_file(kind);
	fd = open_file(&d, sizeof(file));
	CHECK(fd != -1 && d.bytes == BYTES && d.qcow2 != NULL);
	memset(want, 'a', CLUSTER);
	memset(want + 3 * CLUSTER, 'b', CLUSTER);
	CHECK(disk_read(&d, got, BYTES, 0) == 0);
	CHECK(memcmp(got, want, BYTES) == 0);
	CHECK(disk_read(&d, got, 1000, 1400) == 0);
	CHECK(memcmp(got, want + 1400, 1000) == 0);
	CHECK(disk_read(&d, got, 2, BYTES - 1) == -1 && errno == EIO);
	CHECK(disk_read(&d, got, 1, UINT64_MAX) == -1);
}

static void
refuses(size_t at, uint32_t value, const char *why)
{
	struct disk_source d = { 0 };

	make_file(COMPRESS_DEFLATE);
	put_be32(file + at, value);
	CHECK(open_file(&d, sizeof(file)) == -1);
	CHECK_STR(e.text, why);
}

static void
what_leads_elsewhere_is_refused(void)
{
	struct disk_source d = { 0 };

	refuses(4, 4, "qcow2 of version 4 is not known");
	refuses(12, 1, "refers to another file, its backing file");
	refuses(32, 1, "is encrypted");
	refuses(76, 4, "has its data in another file");
	refuses(76, 16, "has features that are not known");
	refuses(20, 8, "its header is out of bounds");
	refuses(20, 22, "its header is out of bounds");
	refuses(36, UINT32_MAX, "its header is out of bounds");
	refuses(36, 0, "its table is too short");
	make_file(COMPRESS_DEFLATE);
	CHECK(open_file(&d, CLUSTER) == -1); /* without its tables */
}

static void
what_is_damaged_is_no_data(void)
{
	own(disk_close) struct disk_source d = { 0 };
	char got[CLUSTER];
	own_fd int fd = -1;

	make_file(COMPRESS_ZSTD);
	memset(file + 4 * CLUSTER + 100, 0xee, 50);
	put_be64(file + 2 * CLUSTER, (uint64_t)1 << 50); /* far away */
	fd = open_file(&d, sizeof(file));
	CHECK(disk_read(&d, got, CLUSTER, 3 * CLUSTER) == -1);
	CHECK(disk_read(&d, got, CLUSTER, 0) == -1);
	CHECK(disk_read(&d, got, CLUSTER, CLUSTER) == 0 && got[0] == 0);
}

static void
others_are_as_they_are(void)
{
	own(disk_close) struct disk_source d = { 0 };
	char got[4];
	own_fd int fd = -1;

	memset(file, 'x', sizeof(file));
	fd = open_file(&d, 1000);
	CHECK(fd != -1 && d.bytes == 1000 && d.qcow2 == NULL);
	CHECK(disk_read(&d, got, 4, 996) == 0 && got[3] == 'x');
	CHECK(disk_read(&d, got, 4, 997) == -1 && errno == EIO);
}

int
main(void)
{
	what_is_there_is_read(COMPRESS_DEFLATE);
	what_is_there_is_read(COMPRESS_ZSTD);
	what_leads_elsewhere_is_refused();
	what_is_damaged_is_no_data();
	others_are_as_they_are();
	return check_result();
}
