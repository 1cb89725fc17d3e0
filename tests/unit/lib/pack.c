/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack makes the new files of the old ones, byte for byte; and whatever bit
 * of it changes, no other file comes of it that its digest would let pass.
 */
#include "lib/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/contents.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/patch.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

#ifdef FAULTS
#define STRIDE 7 /* the sanitizers make it slow: not each bit */
#else
#define STRIDE 1
#endif

static struct error e;
static int top;

static void
put(const char *path, size_t n, uint32_t seed, const char *end)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	own_free char *dir = path_dir(path);

	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		strbuf_putc(&b, (char)(seed >> 24));
	}
	strbuf_puts(&b, end);
	must(file_mkdirs(top, dir, 0755, &e), &e);
	must(file_replace(top, path, 0644, b.s, b.len, &e), &e);
}

static struct contents *
list(const char *tree, int *dir)
{
	struct contents *c;

	*dir = openat(top, tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c = contents_scan(*dir, tree, CONTENTS_DIGESTS, &e);
	must(c == NULL ? -1 : 0, &e);
	contents_seal(c);
	return c;
}

static void
make_pack(const struct pack_images *images, struct strbuf *b)
{
	own_fd int fd = openat(top, "pack", O_RDWR | O_CREAT | O_TRUNC, 0600);

	must(pack_write(images, fd, &e), &e);
	must(lseek(fd, 0, SEEK_SET) == -1 ? -1 : 0, &e);
	must(file_read_fd(fd, "pack", MIB(64), b, &e), &e);
}

/* ---- undo -------------------------------------------------------------------- */

struct undoing {
	const struct pack_images *images;
	const struct contents *new; /* as the pack has it */
	struct pack pack;
	struct patcher *patcher;
	uint8_t *old, *made;
	size_t right, wrong; /* files that came whole */
};

static size_t
read_old(struct undoing *u, const struct pack_piece *piece)
{
	size_t at = 0;

	for (uint32_t i = 0; i < piece->bases; i++) {
		const struct pack_part *part =
		    &u->pack.parts[piece->first + piece->targets + i];
		own_fd int fd = openat(u->images->old_dir,
		    u->images->old->entries[part->entry].path, O_RDONLY);

		CHECK(pread(fd, u->old + at, part->len, (off_t)part->offset) ==
		    (ssize_t)part->len);
		at += part->len;
	}
	return at;
}

/* Only files that come in one part are counted, as most are. */
static void
compare_parts(struct undoing *u, const struct pack_piece *piece)
{
	const struct pack_part *part = u->pack.parts + piece->first;
	const uint8_t *at = u->made;

	for (uint32_t i = 0; i < piece->targets; at += part->len, i++, part++) {
		const struct contents_entry *t = &u->new->entries[part->entry];
		uint8_t sum[DIGEST_BYTES];

		if (part->len != t->size)
			continue;
		digest_buffer(at, part->len, sum);
		if (memcmp(sum, t->sum, sizeof(sum)) == 0)
			u->right++;
		else
			u->wrong++;
	}
}

static int
undo(struct undoing *u, const struct strbuf *b)
{
	const struct contents *old = u->images->old;
	struct contents *c = NULL;
	int r = -1;

	u->right = u->wrong = 0;
	if (b->len < PACK_HEAD ||
	    pack_read_head(&u->pack, (const uint8_t *)b->s, &e) == -1)
		return -1;
	if ((uint64_t)PACK_HEAD + u->pack.contents_len + u->pack.index_len <=
	    b->len)
		c = pack_read_contents(&u->pack, b->s + PACK_HEAD, old, &e);
	if (c != NULL)
		r = pack_read_index(&u->pack,
		    b->s + PACK_HEAD + u->pack.contents_len, old, c, &e);
	u->new = c;
	for (size_t i = 0; r == 0 && i < u->pack.n; i++) {
		const struct pack_piece *piece = &u->pack.pieces[i];

		if (piece->offset + piece->packed > b->len ||
		    patch_undo(u->patcher, u->old, read_old(u, piece),
			b->s + piece->offset, piece->packed, u->made,
			piece->size) == -1)
			r = -1;
		else
			compare_parts(u, piece);
	}
	pack_clear(&u->pack);
	/* As its signature would say. */
	if (c != NULL && strcmp(c->id, u->images->new->id) != 0)
		r = -1;
	contents_free(c);
	return r;
}

/* ---- what must hold -------------------------------------------------------------- */

static void
check_bits(struct undoing *u, struct strbuf *b)
{
	size_t refused = 0, bits = b->len * 8;

	for (size_t i = 0; i < bits; i += STRIDE) {
		size_t right;

		b->s[i / 8] ^= (char)(1 << i % 8);
		right = undo(u, b) == 0 ? u->right : 0;
		/* A bit that means nothing, or one that was noticed. */
		CHECK(u->wrong == 0 || right < 3);
		refused += right < 3;
		b->s[i / 8] ^= (char)(1 << i % 8);
	}
	printf("%zu of %zu changed bits were noticed\n", refused, bits);
	CHECK(bits > 10000 && refused > (bits - bits / 10) / STRIDE);
}

int
main(void)
{
	char scratch[] = "/tmp/pack.XXXXXX";
	own(strbuf_clear) struct strbuf b = { 0 }, any = { 0 };
	struct pack_images images, none;
	struct undoing u = { .images = &images };

	top = open(mkdtemp(scratch), O_RDONLY | O_DIRECTORY);
	put("old/lib/6.1.0-9/module", 5000, 1, "");
	put("old/etc/text", 3000, 2, "");
	put("new/lib/6.1.0-10/module", 5000, 1, "and more");
	put("new/etc/text", 3000, 2, "this too");
	put("new/etc/twin", 3000, 2, "this too");
	put("new/new", 1000, 3, "");
	images.old = list("old", &images.old_dir);
	images.new = list("new", &images.new_dir);
	u.patcher = patcher_new();
	u.old = mem_alloc(PACK_BASIS);
	u.made = mem_alloc(PACK_PIECE);

	make_pack(&images, &b);
	CHECK(b.len < 3000);
	CHECK(undo(&u, &b) == 0 && u.right == 3 && u.wrong == 0);
	check_bits(&u, &b);

	none = images;
	none.old = NULL;
	make_pack(&none, &any);
	u.images = &none;
	CHECK(any.len > 8000);
	CHECK(undo(&u, &any) == 0 && u.right == 3 && u.wrong == 0);

	patcher_free(u.patcher);
	free(u.old);
	free(u.made);
	contents_free((struct contents *)images.old);
	contents_free((struct contents *)images.new);
	close(images.old_dir);
	close(images.new_dir);
	close(top);
	must(tree_remove(AT_FDCWD, scratch, &e), &e);
	return check_result();
}
