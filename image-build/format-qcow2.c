/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2, version 3, written in one pass: clusters are read and compressed by
 * many threads and stored in their order, so the same disk gives the same
 * bytes.  Tables follow the data.  (QEMU's docs/interop/qcow2.)
 *
 * Options that this does not know are left to qemu-img.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/format.h"
#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "image-build/pass.h"
#include "lib/bytes.h"
#include "lib/compress.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/pool.h"

#define BITS 16
#define CLUSTER ((size_t)1 << BITS)
#define BATCH (PASS_BATCH / CLUSTER) /* clusters at a time */
#define HEADER 112
#define ENTRIES (CLUSTER / 8) /* in a table of one cluster */
#define COPIED ((uint64_t)1 << 63)
#define COMPRESSED ((uint64_t)1 << 62)
#define SIZE_SHIFT (62 - (BITS - 8)) /* where a compressed size stands */
#define FEATURE_COMPRESSION 8

struct piece {
	size_t len; /* compressed; 0: stored as it is */
	bool zero; /* nothing but zeros */
};

struct qcow2 {
	int to;
	uint64_t bytes; /* of the disk */
	bool compress;
	enum compress_kind kind;
	struct pool *pool;
	struct compressor **compressors; /* one for each thread */
	uint64_t batch; /* first cluster of this batch */
	size_t npieces; /* 0: it is a hole */
	struct piece pieces[BATCH];
	const uint8_t *in; /* the batch */
	uint8_t *out; /* BATCH clusters */
	uint64_t *l2; /* entries, one for each cluster of the disk */
	uint64_t clusters;
	uint16_t *counts; /* references to each cluster of the file */
	size_t ncounts, cap;
	uint64_t next; /* first free cluster of the file */
	uint64_t tail, tail_end; /* room for compressed data, in bytes */
};

static void
qcow2_clear(struct qcow2 *q)
{
	if (q->compressors != NULL)
		for (unsigned i = 0; i < pool_threads(q->pool); i++)
			compressor_free(q->compressors[i]);
	free(q->compressors);
	pool_free(q->pool);
	free(q->out);
	free(q->l2);
	free(q->counts);
}

/* ---- compressing, in threads ------------------------------------------------ */

static bool
is_zero(const uint8_t *p)
{
	return p[0] == 0 && memcmp(p, p + 1, CLUSTER - 1) == 0;
}

static size_t
begin(void *ctx, const struct pass_batch *b)
{
	struct qcow2 *q = ctx;

	q->batch = b->at >> BITS;
	q->in = b->data;
	q->npieces =
	    b->data == NULL ? 0 : (size_t)(round_up(b->bytes, CLUSTER) >> BITS);
	return q->npieces;
}

static void
work(void *ctx, size_t piece, unsigned thread)
{
	struct qcow2 *q = ctx;
	struct piece *p = &q->pieces[piece];
	const uint8_t *in = q->in + piece * CLUSTER;

	*p = (struct piece){ .zero = is_zero(in) };
	if (!p->zero && q->compress)
		p->len = compressor_run(q->compressors[thread], in, CLUSTER,
		    q->out + piece * CLUSTER, CLUSTER);
}

/* ---- places in the file ------------------------------------------------------- */

static void
count_cluster(struct qcow2 *q, uint64_t cluster)
{
	while (cluster >= q->cap) {
		size_t cap = q->cap > 0 ? 2 * q->cap : 4096;

		q->counts = mem_resize(q->counts, cap, sizeof(*q->counts));
		memset(
		    q->counts + q->cap, 0, (cap - q->cap) * sizeof(*q->counts));
		q->cap = cap;
	}
	q->counts[cluster]++;
	if (cluster >= q->ncounts)
		q->ncounts = cluster + 1;
}

/* Whole clusters, one after the other. */
static uint64_t
take_clusters(struct qcow2 *q, uint64_t n)
{
	uint64_t first = q->next;

	for (uint64_t i = 0; i < n; i++)
		count_cluster(q, first + i);
	q->next += n;
	return first << BITS;
}

/*
 * Room for compressed data: what is left of the last cluster taken for it,
 * and on into the next if nothing stands between.
 */
static uint64_t
take_bytes(struct qcow2 *q, size_t n)
{
	uint64_t at;

	if (q->tail_end - q->tail < n) {
		if (q->tail_end != q->next << BITS)
			q->tail = q->next << BITS;
		q->tail_end = ++q->next << BITS;
	}
	at = q->tail;
	q->tail += n;
	count_cluster(q, at >> BITS);
	if (at >> BITS != (q->tail - 1) >> BITS)
		count_cluster(q, (q->tail - 1) >> BITS);
	return at;
}

/* ---- writing ------------------------------------------------------------------- */

static int
put(const struct qcow2 *q, const void *data, size_t n, uint64_t at,
    struct error *e)
{
	const char *p = data;

	while (n > 0) {
		ssize_t done = pwrite(q->to, p, n, (off_t)at);

		if (done == -1 && errno == EINTR)
			continue;
		if (done <= 0)
			return error_errno(e, "write");
		p += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static int
put_piece(struct qcow2 *q, size_t i, struct error *e)
{
	const struct piece *p = &q->pieces[i];
	uint64_t *entry = &q->l2[q->batch + i], at, sectors;

	if (p->zero)
		return 0;
	if (p->len == 0) {
		at = take_clusters(q, 1);
		*entry = at | COPIED;
		return put(q, q->in + i * CLUSTER, CLUSTER, at, e);
	}
	at = take_bytes(q, p->len);
	sectors = ((at + p->len - 1) >> 9) - (at >> 9);
	*entry = at | sectors << SIZE_SHIFT | COMPRESSED;
	return put(q, q->out + i * CLUSTER, p->len, at, e);
}

static int
put_pieces(void *ctx, struct error *e)
{
	struct qcow2 *q = ctx;

	for (size_t i = 0; i < q->npieces; i++)
		if (put_piece(q, i, e) == -1)
			return -1;
	return 0;
}

/* ---- tables ---------------------------------------------------------------------- */

/* L2 tables that have an entry, and the table of them. */
static int
put_maps(struct qcow2 *q, uint64_t *l1_at, uint64_t *l1_len, struct error *e)
{
	uint64_t n = (q->clusters + ENTRIES - 1) / ENTRIES;
	size_t l1_bytes = (size_t)round_up(n * 8, CLUSTER);
	own_free uint8_t *l1 = mem_alloc(l1_bytes);
	own_free uint8_t *table = mem_alloc(CLUSTER);

	for (uint64_t i = 0; i < n; i++) {
		bool used = false;
		uint64_t at;

		memset(table, 0, CLUSTER);
		for (uint64_t k = 0;
		     k < ENTRIES && i * ENTRIES + k < q->clusters; k++) {
			put_be64(table + k * 8, q->l2[i * ENTRIES + k]);
			used |= q->l2[i * ENTRIES + k] != 0;
		}
		if (!used)
			continue;
		at = take_clusters(q, 1);
		put_be64(l1 + i * 8, at | COPIED);
		if (put(q, table, CLUSTER, at, e) == -1)
			return -1;
	}
	*l1_len = n;
	*l1_at = take_clusters(q, l1_bytes >> BITS);
	return put(q, l1, l1_bytes, *l1_at, e);
}

/* The counts count themselves: as many blocks as it takes with their own. */
static int
put_counts(struct qcow2 *q, uint64_t *table_at, uint64_t *table_clusters,
    struct error *e)
{
	const uint64_t per_block = CLUSTER / 2;
	uint64_t blocks = 0, tables = 1, at, need;
	own_free uint8_t *table = NULL, *block = NULL;

	for (;;) {
		need =
		    round_up(q->next + blocks + tables, per_block) / per_block;
		if (need <= blocks)
			break;
		blocks = need;
		tables = round_up(blocks * 8, CLUSTER) >> BITS;
	}
	*table_clusters = tables;
	*table_at = take_clusters(q, tables);
	at = take_clusters(q, blocks);
	table = mem_alloc((size_t)tables << BITS);
	block = mem_alloc(CLUSTER);
	for (uint64_t i = 0; i < blocks; i++) {
		for (uint64_t k = 0; k < per_block; k++) {
			uint64_t c = i * per_block + k;

			put_be16(
			    block + 2 * k, c < q->ncounts ? q->counts[c] : 0);
		}
		put_be64(table + i * 8, at + (i << BITS));
		if (put(q, block, CLUSTER, at + (i << BITS), e) == -1)
			return -1;
	}
	return put(q, table, (size_t)tables << BITS, *table_at, e);
}

static int
put_header(struct qcow2 *q, struct error *e)
{
	uint8_t h[HEADER + 8] = { 'Q', 'F', 'I', 0xfb };
	uint64_t l1_at, l1_len, counts_at, counts_clusters;

	if (put_maps(q, &l1_at, &l1_len, e) == -1 ||
	    put_counts(q, &counts_at, &counts_clusters, e) == -1)
		return -1;
	put_be32(h + 4, 3);
	put_be32(h + 20, BITS);
	put_be64(h + 24, q->bytes);
	put_be32(h + 36, (uint32_t)l1_len);
	put_be64(h + 40, l1_at);
	put_be64(h + 48, counts_at);
	put_be32(h + 56, (uint32_t)counts_clusters);
	put_be64(h + 72, q->kind == COMPRESS_ZSTD ? FEATURE_COMPRESSION : 0);
	put_be32(h + 96, 4); /* counts have 16 bits */
	put_be32(h + 100, HEADER);
	h[104] = q->kind == COMPRESS_ZSTD;
	if (put(q, h, sizeof(h), 0, e) == -1)
		return -1;
	if (ftruncate(q->to, (off_t)(q->next << BITS)) == -1)
		return error_errno(e, "write");
	return 0;
}

/* ---- options ---------------------------------------------------------------------- */

/* False: one that only qemu-img knows. */
static bool
take_options(const char *text, enum compress_kind *kind)
{
	own(strlist_clear) struct strlist words = { 0 };

	strlist_split(&words, text, ",");
	for (size_t i = 0; i < words.len; i++) {
		const char *word = words.items[i];

		if (strcmp(word, "compression_type=zstd") == 0)
			*kind = COMPRESS_ZSTD;
		else if (strcmp(word, "compression_type=zlib") == 0)
			*kind = COMPRESS_DEFLATE;
		else if (strcmp(word, "compat=1.1") != 0 &&
		    strcmp(word, "compat=v3") != 0 &&
		    strcmp(word, "cluster_size=65536") != 0 &&
		    strcmp(word, "cluster_size=64k") != 0)
			return false;
	}
	return true;
}

static bool
by_file(const struct settings *s)
{
	enum compress_kind kind;

	return s->qemu_options != NULL && !take_options(s->qemu_options, &kind);
}

static int
by_qemu(const struct format_job *job, struct error *e)
{
	own_free char *options =
	    mem_printf("%s -o %s", job->settings->uncompressed ? "" : "-c",
		job->settings->qemu_options);

	return format_qemu(job, "qcow2", options, e);
}

static int
prepare(struct qcow2 *q, const struct format_job *job, struct error *e)
{
	if (format_disk_bytes(job, &q->bytes, e) == -1)
		return -1;
	q->clusters = round_up(q->bytes, CLUSTER) >> BITS;
	q->compress = !job->settings->uncompressed;
	q->pool = pool_new(pool_processors());
	q->compressors =
	    mem_alloc(pool_threads(q->pool) * sizeof(*q->compressors));
	for (unsigned i = 0; i < pool_threads(q->pool); i++)
		q->compressors[i] = compressor_new(q->kind);
	q->out = mem_alloc(BATCH * CLUSTER);
	q->l2 = mem_alloc((size_t)q->clusters * sizeof(*q->l2));
	(void)take_clusters(q, 1); /* the header's */
	return 0;
}

static int
put_data(struct qcow2 *q, const struct format_job *job, struct error *e)
{
	own_fd int fd = open(job->raw, O_RDONLY | O_CLOEXEC);
	const struct pass_source from = { fd, job->spans };
	const struct pass_consumer all = { q, begin, work, put_pieces };

	if (fd == -1)
		return error_errno(e, "%s", job->raw);
	return pass_run(&from, q->pool, &all, 1, "qcow2", e);
}

static int
write_qcow2(const struct format_job *job, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };
	own(qcow2_clear) struct qcow2 q = { .kind = COMPRESS_DEFLATE };
	const char *options = job->settings->qemu_options;

	if (options != NULL && !take_options(options, &q.kind))
		return by_qemu(job, e);
	if (file_begin(&w, AT_FDCWD, job->output, 0644, e) == -1)
		return -1;
	q.to = w.fd;
	if (prepare(&q, job, e) == -1 || put_data(&q, job, e) == -1 ||
	    put_header(&q, e) == -1)
		return -1;
	return file_publish(&w, e);
}

const struct format_kind format_qcow2 = {
	.name = "qcow2",
	.summary = "QEMU's format, compressed",
	.by_file = by_file,
	.write = write_qcow2,
};
