/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of directories.  Names that fit one block stand there in order;
 * more are spread over leaves in the order of their hashes, found through a
 * tree of hashes (htree) whose root is the directory's first block.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/ext4.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"

#define TAIL 12 /* bytes of a leaf's checksum entry */
#define DOTS 24 /* bytes of "." and ".." when they stand alone */
#define DX_ROOT 32 /* where the root's hashes begin */
#define DX_NODE 8 /* where a node's do */
#define DX_TAIL 8

struct hashed {
	const struct ext4_entry *entry;
	uint32_t hash, minor;
};

struct leaf {
	uint32_t hash; /* of its first name; bit 0: goes on from before */
};

static uint8_t
file_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return EXT2_FT_REG_FILE;
	case S_IFDIR:
		return EXT2_FT_DIR;
	case S_IFCHR:
		return EXT2_FT_CHRDEV;
	case S_IFBLK:
		return EXT2_FT_BLKDEV;
	case S_IFIFO:
		return EXT2_FT_FIFO;
	case S_IFSOCK:
		return EXT2_FT_SOCK;
	default:
		return EXT2_FT_SYMLINK;
	}
}

void
ext4_dir_add(struct ext4_dir *d, const char *name, ext2_ino_t ino, mode_t mode)
{
	d->items = mem_grow(d->items, &d->cap, d->len + 1, sizeof(*d->items));
	d->items[d->len++] = (struct ext4_entry){
		.name = mem_dup(name), .ino = ino, .type = file_type(mode)
	};
	if (S_ISDIR(mode))
		d->subdirs++;
}

void
ext4_dir_clear(struct ext4_dir *d)
{
	for (size_t i = 0; i < d->len; i++)
		free(d->items[i].name);
	free(d->items);
	*d = (struct ext4_dir){ 0 };
}

/* ---- one block ---------------------------------------------------------- */

static size_t
entry_bytes(const char *name)
{
	return round_up(8 + strlen(name), 4);
}

static void
entry_put(
    uint8_t *to, ext2_ino_t ino, const char *name, uint8_t type, size_t length)
{
	size_t n = strlen(name);

	put_le32(to, ino);
	put_le16(to + 4, (uint16_t)length);
	to[6] = (uint8_t)n;
	to[7] = type;
	memcpy(to + 8, name, n);
}

/* A block being filled with entries; the last one reaches to the tail. */
struct page {
	uint8_t *block;
	size_t used, last, end;
};

static void
page_add(struct page *p, ext2_ino_t ino, const char *name, uint8_t type)
{
	size_t n = entry_bytes(name);

	entry_put(p->block + p->used, ino, name, type, n);
	p->last = p->used;
	p->used += n;
}

static void
page_end(struct page *p)
{
	put_le16(p->block + p->last + 4, (uint16_t)(p->end - p->last));
}

static int
write_block(struct ext4 *x, const struct ext4_dir *d, blk64_t at,
    uint8_t *block, bool leaf, struct error *e)
{
	errcode_t r;

	if (leaf)
		ext2fs_initialize_dirent_tail(
		    x->fs, EXT2_DIRENT_TAIL(block, x->fs->blocksize));
	r = ext2fs_dir_block_csum_set(
	    x->fs, d->ino, (struct ext2_dir_entry *)block);
	if (r != 0)
		return ext4_failed(x, r, "directory block", e);
	return ext4_put_block(x, at, block, e);
}

static void
dots(const struct ext4_dir *d, struct page *p)
{
	page_add(p, d->ino, ".", EXT2_FT_DIR);
	page_add(p, d->parent, "..", EXT2_FT_DIR);
}

static int
write_linear(
    struct ext4 *x, const struct ext4_dir *d, blk64_t at, struct error *e)
{
	own_free uint8_t *block = mem_alloc(x->fs->blocksize);
	struct page p = { .block = block, .end = x->fs->blocksize - TAIL };

	dots(d, &p);
	for (size_t i = 0; i < d->len; i++)
		page_add(
		    &p, d->items[i].ino, d->items[i].name, d->items[i].type);
	page_end(&p);
	return write_block(x, d, at, block, true, e);
}

/* ---- the tree of hashes -------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->minor != y->minor)
		return x->minor < y->minor ? -1 : 1;
	return strcmp(x->entry->name, y->entry->name);
}

static int
hash_names(const struct ext4 *x, const struct ext4_dir *d, struct hashed *names,
    struct error *e)
{
	struct ext2_super_block *s = x->fs->super;

	for (size_t i = 0; i < d->len; i++) {
		const char *name = d->items[i].name;
		errcode_t r;

		names[i].entry = &d->items[i];
		r = ext2fs_dirhash2(s->s_def_hash_version, name,
		    (int)strlen(name), NULL, 0, s->s_hash_seed, &names[i].hash,
		    &names[i].minor);
		if (r != 0)
			return ext4_failed(x, r, "directory hash", e);
	}
	qsort(names, d->len, sizeof(*names), compare);
	return 0;
}

/* How many of the names from at on fit one leaf. */
static size_t
leaf_fill(const struct ext4 *x, const struct hashed *names, size_t n)
{
	size_t used = 0, i;

	for (i = 0; i < n; i++) {
		used += entry_bytes(names[i].entry->name);
		if (used > x->fs->blocksize - TAIL)
			break;
	}
	return i;
}

/* The n-th block of the directory on disk. */
static blk64_t
block_at(const struct ext4_extents *all, uint64_t n)
{
	for (size_t i = 0; i < all->len; i++)
		if (n < all->items[i].logical + all->items[i].count)
			return all->items[i].physical +
			    (n - all->items[i].logical);
	return 0;
}

static int
take_directory(struct ext4 *x, uint64_t blocks, struct ext4_extents *extents,
    struct error *e)
{
	for (uint64_t done = 0; done < blocks;) {
		blk64_t start;
		uint64_t got;

		if (ext4_take_blocks(x, blocks - done, &start, &got, e) == -1)
			return -1;
		ext4_extent_add(extents, done, start, got);
		done += got;
	}
	return 0;
}

/* Pairs of hash and block; the first's hash is the pair limit and count. */
static void
index_put(uint8_t *to, const struct leaf *leaves, size_t n, uint32_t first,
    size_t stride, size_t limit)
{
	for (size_t i = 0; i < n; i++) {
		put_le32(to + 8 * i, leaves[i * stride].hash);
		put_le32(to + 8 * i + 4, (uint32_t)(first + i));
	}
	put_le16(to, (uint16_t)limit);
	put_le16(to + 2, (uint16_t)n);
}

struct htree {
	const struct ext4_dir *d;
	const struct ext4_extents *extents;
	struct leaf *leaves;
	size_t nleaves, nnodes, per_node;
};

static int
write_root(struct ext4 *x, const struct htree *t, struct error *e)
{
	own_free uint8_t *block = mem_alloc(x->fs->blocksize);
	size_t limit = (x->fs->blocksize - DX_ROOT - DX_TAIL) / 8;
	struct page p = { .block = block, .end = x->fs->blocksize };

	dots(t->d, &p);
	page_end(&p);
	block[DOTS + 4] = EXT2_HASH_HALF_MD4;
	block[DOTS + 5] = 8; /* length of this information */
	block[DOTS + 6] = t->nnodes > 0;
	index_put(block + DX_ROOT, t->leaves,
	    t->nnodes > 0 ? t->nnodes : t->nleaves, 1,
	    t->nnodes > 0 ? t->per_node : 1, limit);
	return write_block(x, t->d, block_at(t->extents, 0), block, false, e);
}

static int
write_nodes(struct ext4 *x, const struct htree *t, struct error *e)
{
	own_free uint8_t *block = mem_alloc(x->fs->blocksize);

	for (size_t i = 0; i < t->nnodes; i++) {
		size_t at = i * t->per_node, n = t->nleaves - at;

		if (n > t->per_node)
			n = t->per_node;
		memset(block, 0, x->fs->blocksize);
		put_le16(block + 4, (uint16_t)x->fs->blocksize);
		index_put(block + DX_NODE, t->leaves + at, n,
		    (uint32_t)(1 + t->nnodes + at), 1, t->per_node);
		if (write_block(x, t->d, block_at(t->extents, 1 + i), block,
			false, e) == -1)
			return -1;
	}
	return 0;
}

static int
write_leaves(struct ext4 *x, const struct htree *t, const struct hashed *names,
    struct error *e)
{
	own_free uint8_t *block = mem_alloc(x->fs->blocksize);
	size_t at = 0;

	for (size_t i = 0; i < t->nleaves; i++) {
		struct page p = { .block = block,
			.end = x->fs->blocksize - TAIL };
		size_t n = leaf_fill(x, names + at, t->d->len - at);

		memset(block, 0, x->fs->blocksize);
		for (size_t k = at; k < at + n; k++)
			page_add(&p, names[k].entry->ino, names[k].entry->name,
			    names[k].entry->type);
		page_end(&p);
		at += n;
		if (write_block(x, t->d,
			block_at(t->extents, 1 + t->nnodes + i), block, true,
			e) == -1)
			return -1;
	}
	return 0;
}

/* Cut the sorted names into leaves. */
static void
cut(const struct ext4 *x, const struct hashed *names, size_t n, struct htree *t)
{
	size_t cap = 0;

	for (size_t at = 0; at < n;) {
		uint32_t hash = names[at].hash;

		if (at > 0 && names[at - 1].hash == hash)
			hash |= 1;
		t->leaves = mem_grow(
		    t->leaves, &cap, t->nleaves + 1, sizeof(*t->leaves));
		t->leaves[t->nleaves++].hash = hash;
		at += leaf_fill(x, names + at, n - at);
	}
	t->per_node = (x->fs->blocksize - DX_NODE - DX_TAIL) / 8;
	if (t->nleaves > (x->fs->blocksize - DX_ROOT - DX_TAIL) / 8)
		t->nnodes = (t->nleaves + t->per_node - 1) / t->per_node;
}

static int
write_htree(struct ext4 *x, const struct ext4_dir *d,
    struct ext4_extents *extents, struct error *e)
{
	own_free struct hashed *names = mem_alloc(d->len * sizeof(*names));
	own_free struct leaf *leaves = NULL;
	struct htree t = { .d = d, .extents = extents };

	if (hash_names(x, d, names, e) == -1)
		return -1;
	cut(x, names, d->len, &t);
	leaves = t.leaves;
	if (t.nnodes > (x->fs->blocksize - DX_ROOT - DX_TAIL) / 8)
		return error_set(e, EFBIG,
		    "%s: a folder with %zu names is too large", x->job->what,
		    d->len);
	if (take_directory(x, 1 + t.nnodes + t.nleaves, extents, e) == -1 ||
	    write_root(x, &t, e) == -1 || write_nodes(x, &t, e) == -1)
		return -1;
	return write_leaves(x, &t, names, e);
}

int
ext4_dir_write(struct ext4 *x, const struct ext4_dir *d,
    struct ext4_extents *extents, bool *indexed, struct error *e)
{
	size_t bytes = DOTS;

	for (size_t i = 0; i < d->len; i++)
		bytes += entry_bytes(d->items[i].name);
	*indexed = bytes > x->fs->blocksize - TAIL;
	if (*indexed)
		return write_htree(x, d, extents, e);
	if (take_directory(x, 1, extents, e) == -1)
		return -1;
	return write_linear(x, d, extents->items[0].physical, e);
}
