/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash trees of dm-verity: of each block of 4 KiB the SHA-256 with a salt,
 * the hashes in blocks of their own, hashed again, up to one.  On disk stand
 * a superblock and the levels, the highest first.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "lib/bytes.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"

#define BLOCK 4096
#define FAN (BLOCK / DIGEST_BYTES) /* hashes in a block */
#define LEVELS 9 /* enough for 2^63 blocks */
#define CHUNK ((uint64_t)256 * BLOCK)

struct level {
	uint64_t at; /* on the disk */
	uint64_t blocks;
};

struct tree {
	struct level levels[LEVELS]; /* the data are level 0 */
	unsigned n;
	uint8_t salt[DIGEST_BYTES];
	uint8_t *buffer; /* CHUNK bytes that were read */
	uint8_t hashes[BLOCK]; /* being filled */
	struct digest *digest;
	int fd;
};

static int
read_at(int fd, uint8_t *to, size_t n, uint64_t at, struct error *e)
{
	while (n > 0) {
		ssize_t r = pread(fd, to, n, (off_t)at);

		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0) {
			if (r == 0)
				errno = EIO;
			return error_errno(e, "read");
		}
		to += r;
		at += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

static int
write_block(int fd, const uint8_t *from, uint64_t at, struct error *e)
{
	if (pwrite(fd, from, BLOCK, (off_t)at) != BLOCK)
		return error_errno(e, "write");
	return 0;
}

/* Where each level stands; false if there is no room. */
static bool
plan(struct tree *t, uint64_t data, uint64_t bytes, uint64_t start,
    uint64_t room)
{
	uint64_t at = start + BLOCK;

	t->levels[0] = (struct level){ .at = data, .blocks = bytes / BLOCK };
	for (t->n = 1; t->n == 1 || t->levels[t->n - 1].blocks > 1; t->n++)
		t->levels[t->n].blocks =
		    round_up(t->levels[t->n - 1].blocks, FAN) / FAN;
	for (unsigned i = t->n - 1; i > 0; i--) {
		t->levels[i].at = at;
		at += t->levels[i].blocks * BLOCK;
	}
	return at - start <= room;
}

static void
hash_block(struct tree *t, const uint8_t *block, uint8_t *to)
{
	digest_add(t->digest, t->salt, sizeof(t->salt));
	digest_add(t->digest, block, BLOCK);
	digest_next(t->digest, to);
}

/* Hash level i into level i + 1. */
static int
hash_level(struct tree *t, unsigned i, struct error *e)
{
	const struct level *from = &t->levels[i], *to = from + 1;
	uint64_t end = from->blocks * BLOCK, n = 0, out = 0;

	memset(t->hashes, 0, sizeof(t->hashes));
	for (uint64_t at = 0; at < end; at += CHUNK) {
		size_t bytes = end - at < CHUNK ? (size_t)(end - at) : CHUNK;

		if (read_at(t->fd, t->buffer, bytes, from->at + at, e) == -1)
			return -1;
		for (size_t k = 0; k < bytes; k += BLOCK, n++) {
			if (n == FAN) {
				if (write_block(t->fd, t->hashes,
					to->at + out++ * BLOCK, e) == -1)
					return -1;
				memset(t->hashes, 0, sizeof(t->hashes));
				n = 0;
			}
			hash_block(
			    t, t->buffer + k, t->hashes + n * DIGEST_BYTES);
		}
	}
	return write_block(t->fd, t->hashes, to->at + out * BLOCK, e);
}

static int
write_superblock(
    const struct tree *t, const uint8_t uuid[16], uint64_t at, struct error *e)
{
	uint8_t b[BLOCK] = "verity\0";

	put_le32(b + 8, 1); /* version */
	put_le32(b + 12, 1); /* the salt stands before the block */
	memcpy(b + 16, uuid, 16);
	memcpy(b + 32, "sha256", 6);
	put_le32(b + 64, BLOCK);
	put_le32(b + 68, BLOCK);
	put_le64(b + 72, t->levels[0].blocks);
	put_le16(b + 80, sizeof(t->salt));
	memcpy(b + 88, t->salt, sizeof(t->salt));
	return write_block(t->fd, b, at, e);
}

/*
 * The partitions' UUIDs are the halves of the root hash, so that whoever
 * knows it finds them (the discoverable partitions specification).
 */
static void
name_partitions(struct layout *l, const struct verity *v, const uint8_t *hash)
{
	const struct filesystem *f = &l->filesystems[v->filesystem];
	struct disk *disk = &l->disks[v->at.disk];

	if (f->volume == -1 && f->at.partition != -1)
		memcpy(disk->partitions[f->at.partition].uuid, hash, 16);
	if (v->at.partition != -1)
		memcpy(disk->partitions[v->at.partition].uuid, hash + 16, 16);
}

static void
clear(struct tree *t)
{
	uint8_t none[DIGEST_BYTES];

	if (t->digest != NULL)
		digest_end(t->digest, none);
	free(t->buffer);
}

int
verity_write(struct layout *l, struct verity *v, int fd, const char *seed,
    struct error *e)
{
	own(clear) struct tree t = { .fd = fd };
	const struct filesystem *f = &l->filesystems[v->filesystem];
	const struct partition *p =
	    &l->disks[v->at.disk].partitions[v->at.partition];
	uint8_t uuid[16], root[DIGEST_BYTES];

	t.buffer = mem_alloc(CHUNK);
	t.digest = digest_new();
	digest_uuid(seed, v->name, uuid);
	digest_buffer(uuid, sizeof(uuid), t.salt);
	if (!plan(&t, f->start, f->bytes, p->start, p->bytes))
		return error_set(e, ENOSPC,
		    "partition %s (%.1f MiB) is too small for the hashes of "
		    "%s, %.1f MiB",
		    p->name, (double)p->bytes / 0x1p20, f->name,
		    (double)layout_verity_bytes(f->bytes) / 0x1p20);
	for (unsigned i = 0; i + 1 < t.n; i++)
		if (hash_level(&t, i, e) == -1)
			return -1;
	if (read_at(fd, t.buffer, BLOCK, t.levels[t.n - 1].at, e) == -1)
		return -1;
	hash_block(&t, t.buffer, root);
	digest_print(root, v->root_hash);
	name_partitions(l, v, root);
	return write_superblock(&t, uuid, p->start, e);
}
