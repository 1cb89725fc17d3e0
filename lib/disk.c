/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading qcow2: a table of the first level says where those of the second
 * are, and these where each cluster is.  One table and about a MiB of
 * clusters that were compressed are kept.
 */
#include "lib/disk.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/compress.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"

#define HEADER 112
#define COMPRESSED ((uint64_t)1 << 62)
#define ZERO ((uint64_t)1) /* in version 3: no bytes, whatever else it says */
#define PLACE 0x00fffffffffffe00ULL /* bits of an offset */
#define MOST_L1 MIB(32) /* bytes of the first table, as QEMU has it */
#define KEPT MIB(1) /* of clusters that were compressed */
#define FEATURE_DIRTY 1
#define FEATURE_COMPRESSION 8

struct kept {
	uint64_t entry; /* what the table says of it; 0: none */
	uint8_t *data;
};

struct qcow2 {
	unsigned bits; /* of a cluster's size */
	size_t cluster;
	bool zeros; /* entries may say that all is zero */
	enum compress_kind kind;
	uint64_t *l1;
	size_t nl1;
	uint64_t
	    table; /* where the second table that is kept stands; 0: none */
	uint8_t *l2;
	uint8_t *packed; /* room for a compressed cluster */
	struct kept *kept;
	size_t nkept;
};

static int
read_at(int fd, void *to, size_t n, uint64_t offset)
{
	char *at = to;
	ssize_t r;

	for (; n > 0; at += r, n -= (size_t)r, offset += (uint64_t)r) {
		if (offset > INT64_MAX)
			r = 0;
		else
			r = pread(fd, at, n, (off_t)offset);
		if (r == -1 && errno == EINTR) {
			r = 0;
			continue;
		}
		if (r <= 0) {
			errno = r == 0 ? EIO : errno;
			return -1;
		}
	}
	return 0;
}

/* ---- open ---------------------------------------------------------------------- */

static int
read_header(
    struct disk_source *d, struct qcow2 *q, const uint8_t *h, struct error *e)
{
	uint32_t version = get_be32(h + 4);
	uint64_t features = version > 2 ? get_be64(h + 72) : 0, covers;

	if (version < 2 || version > 3)
		return error_set(
		    e, EINVAL, "qcow2 of version %u is not known", version);
	if (get_be64(h + 8) != 0)
		return error_set(
		    e, EINVAL, "refers to another file, its backing file");
	if (get_be32(h + 32) != 0)
		return error_set(e, EINVAL, "is encrypted");
	if (features & 4)
		return error_set(e, EINVAL, "has its data in another file");
	if (features & ~(uint64_t)(FEATURE_DIRTY | FEATURE_COMPRESSION))
		return error_set(e, EINVAL, "has features that are not known");
	q->bits = get_be32(h + 20);
	d->bytes = get_be64(h + 24);
	q->nl1 = get_be32(h + 36);
	if (q->bits < 9 || q->bits > 21 || q->nl1 > MOST_L1 / 8 ||
	    d->bytes > LIMIT_TREE_BYTES)
		return error_set(e, EFBIG, "its header is out of bounds");
	q->cluster = (size_t)1 << q->bits;
	covers = (uint64_t)q->cluster * (q->cluster / 8);
	if (q->nl1 < d->bytes / covers + (d->bytes % covers != 0))
		return error_set(e, EBADMSG, "its table is too short");
	q->zeros = version > 2;
	q->kind = COMPRESS_DEFLATE;
	if (features & FEATURE_COMPRESSION) {
		if (h[104] > 1)
			return error_set(
			    e, EINVAL, "is compressed in a way not known");
		q->kind = h[104] == 1 ? COMPRESS_ZSTD : COMPRESS_DEFLATE;
	}
	return 0;
}

static int
read_tables(
    struct disk_source *d, struct qcow2 *q, uint64_t l1, struct error *e)
{
	q->l1 = mem_alloc((q->nl1 + 1) * sizeof(*q->l1));
	if (read_at(d->fd, q->l1, q->nl1 * sizeof(*q->l1), l1) == -1)
		return error_errno(e, "its table");
	for (size_t i = 0; i < q->nl1; i++)
		q->l1[i] = get_be64((const uint8_t *)&q->l1[i]);
	q->l2 = mem_alloc(q->cluster);
	q->packed = mem_alloc(2 * q->cluster);
	q->nkept = q->cluster < KEPT ? KEPT / q->cluster : 1;
	q->kept = mem_alloc(q->nkept * sizeof(*q->kept));
	return 0;
}

int
disk_open(struct disk_source *d, int fd, struct error *e)
{
	uint8_t header[HEADER] = { 0 };
	off_t size = lseek(fd, 0, SEEK_END);

	*d = (struct disk_source){ .fd = fd, .bytes = (uint64_t)size };
	if (size == -1)
		return error_errno(e, "size");
	if (pread(fd, header, sizeof(header), 0) < 72 ||
	    memcmp(header, "QFI\xfb", 4) != 0)
		return 0;
	d->qcow2 = mem_alloc(sizeof(*d->qcow2));
	if (read_header(d, d->qcow2, header, e) == 0 &&
	    read_tables(d, d->qcow2, get_be64(header + 40), e) == 0)
		return 0;
	disk_close(d);
	return -1;
}

void
disk_close(struct disk_source *d)
{
	struct qcow2 *q = d->qcow2;

	d->qcow2 = NULL;
	if (q == NULL)
		return;
	for (size_t i = 0; i < q->nkept; i++)
		free(q->kept[i].data);
	free(q->kept);
	free(q->packed);
	free(q->l2);
	free(q->l1);
	free(q);
}

/* ---- read ---------------------------------------------------------------------- */

/* What the second table says of a cluster; 0: it is a hole. */
static int
find_cluster(const struct disk_source *d, uint64_t number, uint64_t *entry)
{
	struct qcow2 *q = d->qcow2;
	uint64_t each = q->cluster / 8, table;

	*entry = 0;
	table = q->l1[number / each] & PLACE;
	if (table == 0)
		return 0;
	if (table != q->table) {
		q->table = 0;
		if (read_at(d->fd, q->l2, q->cluster, table) == -1)
			return -1;
		q->table = table;
	}
	*entry = get_be64(q->l2 + number % each * 8);
	return 0;
}

/* A cluster that is compressed; it ends somewhere in its last sector. */
static int
unpack(const struct disk_source *d, uint64_t entry, uint8_t *to)
{
	struct qcow2 *q = d->qcow2;
	unsigned shift = 62 - (q->bits - 8);
	uint64_t at = entry & (((uint64_t)1 << shift) - 1);
	uint64_t sectors = ((entry & (COMPRESSED - 1)) >> shift) + 1;
	size_t n = (size_t)(sectors * 512 - (at & 511));
	off_t size = lseek(d->fd, 0, SEEK_END);

	if (n > 2 * q->cluster)
		n = 2 * q->cluster;
	/* The file may end before its last sector does. */
	if (size != -1 && at < (uint64_t)size && n > (uint64_t)size - at)
		n = (size_t)((uint64_t)size - at);
	if (read_at(d->fd, q->packed, n, at) == -1)
		return -1;
	if (compressor_undo(q->kind, q->packed, n, to, q->cluster) == 0)
		return 0;
	errno = EIO;
	return -1;
}

static const uint8_t *
unpacked(const struct disk_source *d, uint64_t entry)
{
	struct qcow2 *q = d->qcow2;
	struct kept *k = &q->kept[(entry >> 9) % q->nkept];

	if (k->entry == entry)
		return k->data;
	if (k->data == NULL)
		k->data = mem_alloc(q->cluster);
	k->entry = 0;
	if (unpack(d, entry, k->data) == -1)
		return NULL;
	k->entry = entry;
	return k->data;
}

/* Some bytes of one cluster. */
static int
read_cluster(const struct disk_source *d, uint64_t number, size_t from,
    uint8_t *to, size_t n)
{
	const uint8_t *data;
	uint64_t entry;

	if (find_cluster(d, number, &entry) == -1)
		return -1;
	if (entry & COMPRESSED) {
		data = unpacked(d, entry);
		if (data != NULL)
			memcpy(to, data + from, n);
		return data != NULL ? 0 : -1;
	}
	if ((entry & PLACE) == 0 || (d->qcow2->zeros && (entry & ZERO))) {
		memset(to, 0, n);
		return 0;
	}
	return read_at(d->fd, to, n, (entry & PLACE) + from);
}

int
disk_read(const struct disk_source *d, void *to, size_t n, uint64_t offset)
{
	uint8_t *at = to;
	size_t part;

	if (d->qcow2 == NULL)
		return read_at(d->fd, to, n, offset);
	if (offset > d->bytes || n > d->bytes - offset) {
		errno = EIO;
		return -1;
	}
	for (; n > 0; at += part, n -= part, offset += part) {
		size_t cluster = d->qcow2->cluster;
		size_t from = (size_t)(offset % cluster);

		part = cluster - from < n ? cluster - from : n;
		if (read_cluster(d, offset / cluster, from, at, part) == -1)
			return -1;
	}
	return 0;
}
