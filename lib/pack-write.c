/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces are made on all processors, a batch at a time, and kept in a
 * temporary file until the index, which stands before them, is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/contents.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/pack-private.h"
#include "lib/patch.h"
#include "lib/pool.h"
#include "lib/strbuf.h"

#define BATCH 32 /* pieces at once */

struct writing {
	const struct pack_images *images;
	struct pack *pack;
	size_t start; /* of the batch */
	struct strbuf out[BATCH];
	int codes[BATCH]; /* errno, where a file could not be read */
	size_t failed[BATCH]; /* the part that it was */
	struct patcher *patchers[POOL_MOST]; /* by thread */
};

/* ---- pieces -------------------------------------------------------------------- */

static int
read_part(int dir, const char *path, const struct pack_part *part, uint8_t *to)
{
	own_fd int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t done = 0;
	ssize_t n = 0;

	if (fd == -1)
		return -1;
	for (; done < part->len; done += (size_t)n) {
		n = pread(fd, to + done, part->len - done,
		    (off_t)(part->offset + done));
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			break;
	}
	if (n == 0 && done < part->len)
		errno = ESTALE;
	return done == part->len ? 0 : -1;
}

/* Returns the bytes that n parts have, or -1 with *bad the one at fault. */
static ssize_t
read_parts(int dir, const struct contents *c, const struct pack_part *parts,
    size_t n, uint8_t *to, size_t *bad)
{
	ssize_t at = 0;

	for (size_t i = 0; i < n; at += parts[i].len, i++)
		if (read_part(dir, c->entries[parts[i].entry].path, &parts[i],
			to + at) == -1) {
			*bad = i;
			return -1;
		}
	return at;
}

static void
make_piece(void *ctx, size_t slot, unsigned thread)
{
	struct writing *w = ctx;
	const struct pack_images *m = w->images;
	const struct pack_piece *piece = &w->pack->pieces[w->start + slot];
	const struct pack_part *parts = w->pack->parts + piece->first;
	own_free uint8_t *old = mem_alloc(PACK_BASIS);
	own_free uint8_t *new = mem_alloc(PACK_PIECE);
	size_t bad = 0;
	ssize_t basis = 0, n;

	if (w->patchers[thread] == NULL)
		w->patchers[thread] = patcher_new();
	n = read_parts(m->new_dir, m->new, parts, piece->targets, new, &bad);
	if (n != -1)
		basis = read_parts(m->old_dir, m->old, parts + piece->targets,
		    piece->bases, old, &bad);
	if (n == -1 || basis == -1) {
		w->codes[slot] = errno;
		w->failed[slot] = bad + (n == -1 ? 0 : piece->targets);
		return;
	}
	patch_make(w->patchers[thread], old, (size_t)basis, new, (size_t)n,
	    &w->out[slot]);
}

static int
unreadable(const struct writing *w, size_t slot, struct error *e)
{
	const struct pack_piece *piece = &w->pack->pieces[w->start + slot];
	size_t at = w->failed[slot];
	const struct contents *c =
	    at < piece->targets ? w->images->new : w->images->old;

	errno = w->codes[slot];
	return error_errno(
	    e, "%s", c->entries[w->pack->parts[piece->first + at].entry].path);
}

static int
write_batch(
    struct writing *w, size_t n, int fd, uint64_t *done, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		struct pack_piece *piece = &w->pack->pieces[w->start + i];

		if (w->codes[i] != 0)
			return unreadable(w, i, e);
		piece->packed = (uint32_t)w->out[i].len;
		if (file_write_all(fd, w->out[i].s, w->out[i].len) == -1)
			return error_errno(e, "pieces");
		*done += piece->size;
		strbuf_cut(&w->out[i], 0);
	}
	return 0;
}

static int
write_pieces(struct writing *w, int fd, struct error *e)
{
	ownp(pool_free) struct pool *pool = pool_new(pool_processors());
	uint64_t all = 0, done = 0;
	int r = 0;

	for (size_t i = 0; i < w->pack->n; i++)
		all += w->pack->pieces[i].size;
	for (; r == 0 && w->start < w->pack->n; w->start += BATCH) {
		size_t n = w->pack->n - w->start;

		n = n < BATCH ? n : BATCH;
		pool_run(pool, make_piece, w, n);
		r = write_batch(w, n, fd, &done, e);
		log_progress("pack", done, all);
	}
	for (size_t i = 0; i < BATCH; i++)
		strbuf_clear(&w->out[i]);
	for (size_t i = 0; i < POOL_MOST; i++)
		patcher_free(w->patchers[i]);
	return r;
}

/* ---- what stands before them ------------------------------------------------------ */

static void
add_number(struct strbuf *b, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		strbuf_putc(b, (char)(n | 0x80));
	strbuf_putc(b, (char)n);
}

static void
add_parts(struct strbuf *b, const struct pack_part *parts, size_t n)
{
	uint32_t last = 0;

	add_number(b, n);
	for (size_t i = 0; i < n; last = parts[i].entry, i++) {
		add_number(b, (uint32_t)(parts[i].entry - last));
		add_number(b, parts[i].offset);
		add_number(b, parts[i].len);
	}
}

static void
add_index(struct strbuf *b, const struct pack *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct pack_piece *piece = &p->pieces[i];
		const struct pack_part *parts = p->parts + piece->first;

		add_number(b, piece->packed);
		add_parts(b, parts, piece->targets);
		add_parts(b, parts + piece->targets, piece->bases);
	}
}

static void
put_id(uint8_t *to, const char *id)
{
	unsigned byte;

	for (size_t i = 0; i < DIGEST_BYTES; i++)
		if (sscanf(id + 2 * i, "%2x", &byte) == 1)
			to[i] = (uint8_t)byte;
}

static int
write_head(
    const struct pack_images *m, const struct pack *p, int fd, struct error *e)
{
	ownp(patcher_free) struct patcher *patcher = patcher_new();
	own(strbuf_clear) struct strbuf text = { 0 }, basis = { 0 };
	own(strbuf_clear) struct strbuf index = { 0 }, out = { 0 };
	uint8_t head[PACK_HEAD] = PACK_MAGIC;
	size_t contents_len;

	contents_print(m->new, &text);
	/* The lines alone are the same whoever signed them. */
	if (m->old != NULL)
		contents_print_entries(m->old, &basis);
	patch_make(patcher, basis.s, basis.len, text.s, text.len, &out);
	contents_len = out.len;
	add_index(&index, p);
	if (index.len > LIMIT_PACK_INDEX)
		return error_set(e, EFBIG, "too many files for a pack");
	patch_make(patcher, NULL, 0, strbuf_text(&index), index.len, &out);
	if (m->old != NULL)
		put_id(head + 16, m->old->id);
	put_id(head + 48, m->new->id);
	put_le32(head + 80, (uint32_t)contents_len);
	put_le32(head + 84, (uint32_t)text.len);
	put_le32(head + 88, (uint32_t)(out.len - contents_len));
	put_le32(head + 92, (uint32_t)index.len);
	if (file_write_all(fd, head, sizeof(head)) == -1 ||
	    file_write_all(fd, out.s, out.len) == -1)
		return error_errno(e, "pack");
	return 0;
}

int
pack_write(const struct pack_images *images, int fd, struct error *e)
{
	own_free struct writing *w = mem_alloc(sizeof(*w));
	own(pack_clear) struct pack pack = { 0 };
	own_file FILE *pieces = tmpfile();

	if (pieces == NULL)
		return error_errno(e, "temporary file");
	pack_plan(&pack, images->old, images->new);
	w->images = images;
	w->pack = &pack;
	if (write_pieces(w, fileno(pieces), e) == -1 ||
	    write_head(images, &pack, fd, e) == -1)
		return -1;
	if (lseek(fileno(pieces), 0, SEEK_SET) == -1)
		return error_errno(e, "pieces");
	return file_copy_fd(fileno(pieces), fd, e);
}
