/* SPDX-License-Identifier: Apache-2.0 */
/* The list in memory: printed, sealed, signed, searched and compared. */
#include "lib/contents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/doc.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/signature.h"
#include "lib/strbuf.h"

#include "lib/contents-private.h"

struct contents *
contents_new(const char *name)
{
	struct contents *c = mem_alloc(sizeof(*c));

	c->name = mem_dup(name);
	c->memory = doc_new();
	return c;
}

void
contents_free(struct contents *c)
{
	if (c == NULL)
		return;
	free(c->name);
	free(c->kernel);
	free(c->initrd);
	free(c->cmdline);
	strlist_clear(&c->preserve);
	strlist_clear(&c->restart);
	free(c->signature);
	free(c->entries);
	doc_free(c->memory);
	free(c);
}

struct contents_entry *
contents_add(struct contents *c)
{
	c->entries =
	    mem_grow(c->entries, &c->cap, c->n + 1, sizeof(*c->entries));
	memset(&c->entries[c->n], 0, sizeof(*c->entries));
	c->entries[c->n].xattrs = "";
	return &c->entries[c->n++];
}

/* ---- print ------------------------------------------------------------- */

static void
add_path(struct strbuf *b, const char *path)
{
	percent_encode(path, "/+:@,", b);
}

static void
add_sum(struct strbuf *b, const uint8_t sum[DIGEST_BYTES])
{
	char text[DIGEST_TEXT];

	digest_print(sum, text);
	strbuf_puts(b, text);
}

/* Lists are long, and this takes half the time of printing one otherwise. */
static void
add_number(struct strbuf *b, uint64_t n, unsigned base)
{
	char text[24], *p = text + sizeof(text);

	do
		*--p = (char)('0' + n % base);
	while ((n /= base) > 0);
	*--p = ' ';
	strbuf_add(b, p, (size_t)(text + sizeof(text) - p));
}

void
contents_print_entry(const struct contents_entry *t, struct strbuf *b)
{
	add_path(b, t->path);
	strbuf_putc(b, ' ');
	strbuf_putc(b, t->type);
	if (t->type == 'h') {
		strbuf_putc(b, ' ');
		add_path(b, t->target);
		strbuf_putc(b, '\n');
		return;
	}
	add_number(b, t->mode, 8);
	add_number(b, t->uid, 10);
	add_number(b, t->gid, 10);
	if (t->type == 'f')
		add_number(b, t->size, 10);
	if (t->type == 'c' || t->type == 'b')
		strbuf_printf(b, " %u:%u", major(t->size), minor(t->size));
	if (t->type == 'f' || t->type == 'd') {
		strbuf_putc(b, ' ');
		add_sum(b, t->sum);
	}
	if (t->type == 'l') {
		strbuf_putc(b, ' ');
		add_path(b, t->target);
	}
	strbuf_puts(b, t->xattrs);
	strbuf_putc(b, '\n');
}

/* "kernel SHA-256 PATH", if there is one. */
static void
print_file(const char *field, const char *path, const uint8_t sum[DIGEST_BYTES],
    struct strbuf *b)
{
	if (path == NULL)
		return;
	strbuf_printf(b, "%s ", field);
	add_sum(b, sum);
	strbuf_putc(b, ' ');
	add_path(b, path);
	strbuf_putc(b, '\n');
}

static void
print_about(const struct contents *c, struct strbuf *b)
{
	print_file("kernel", c->kernel, c->kernel_sum, b);
	print_file("initrd", c->initrd, c->initrd_sum, b);
	if (c->cmdline != NULL) {
		strbuf_puts(b, "cmdline ");
		add_path(b, c->cmdline);
		strbuf_putc(b, '\n');
	}
	if (c->state_newest > 0)
		strbuf_printf(
		    b, "state %u %u\n", c->state_oldest, c->state_newest);
	for (size_t i = 0; i < c->preserve.len; i++) {
		strbuf_puts(b, "preserve ");
		add_path(b, c->preserve.items[i]);
		strbuf_putc(b, '\n');
	}
	for (size_t i = 0; i < c->restart.len; i++) {
		const char *item = c->restart.items[i];
		const char *unit = strrchr(item, ' ');
		own_free char *path = mem_dupn(item, (size_t)(unit - item));

		strbuf_puts(b, "restart ");
		add_path(b, path);
		strbuf_putc(b, ' ');
		add_path(b, unit + 1);
		strbuf_putc(b, '\n');
	}
}

void
contents_print_head(const struct contents *c, struct strbuf *b)
{
	strbuf_puts(b, CONTENTS_MAGIC "\nname ");
	add_path(b, c->name);
	strbuf_printf(b, "\nversion %llu\n", (unsigned long long)c->version);
	if (c->expires > 0)
		strbuf_printf(b, "expires %lld\n", (long long)c->expires);
	print_about(c, b);
	strbuf_puts(b, "root ");
	add_sum(b, c->root);
	strbuf_printf(b, "\nentries %zu\n", c->n);
}

void
contents_print_entries(const struct contents *c, struct strbuf *b)
{
	for (size_t i = 0; i < c->n; i++)
		contents_print_entry(&c->entries[i], b);
}

void
contents_print(const struct contents *c, struct strbuf *b)
{
	contents_print_head(c, b);
	if (c->signature != NULL)
		strbuf_printf(b, "signature %s\n", c->signature);
	strbuf_putc(b, '\n');
	contents_print_entries(c, b);
}

/* ---- seal and sign ------------------------------------------------------- */

struct sealing {
	struct contents *c;
	struct strbuf line;
};

/* Sum the folder i; returns the first entry that is not below it. */
static size_t
sum_folder(struct sealing *s, size_t i)
{
	struct contents_entry *all = s->c->entries;
	struct digest *d = digest_new();
	size_t at = i + 1;

	while (at < s->c->n && all[at].depth > all[i].depth) {
		size_t next = all[at].type == 'd' ? sum_folder(s, at) : at + 1;

		strbuf_cut(&s->line, 0);
		contents_print_entry(&all[at], &s->line);
		digest_add(d, s->line.s, s->line.len);
		at = next;
	}
	digest_end(d, all[i].sum);
	return at;
}

/* The digest of a file that the head names; zero if it is none. */
static void
name_file(const struct contents *c, const char *path, uint8_t sum[DIGEST_BYTES])
{
	const struct contents_entry *t =
	    path != NULL ? contents_find(c, path) : NULL;

	memset(sum, 0, DIGEST_BYTES);
	if (t != NULL && t->type == 'f')
		memcpy(sum, t->sum, DIGEST_BYTES);
}

void
contents_seal(struct contents *c)
{
	own(strbuf_clear) struct strbuf head = { 0 };
	struct sealing s = { .c = c };

	if (c->n > 0) {
		sum_folder(&s, 0);
		strbuf_cut(&s.line, 0);
		contents_print_entry(&c->entries[0], &s.line);
		digest_buffer(s.line.s, s.line.len, c->root);
	}
	strbuf_clear(&s.line);
	name_file(c, c->kernel, c->kernel_sum);
	name_file(c, c->initrd, c->initrd_sum);
	contents_print_head(c, &head);
	digest_text(head.s, head.len, c->id);
}

int
contents_sign(struct contents *c, const char *key, struct error *e)
{
	own(strbuf_clear) struct strbuf head = { 0 }, text = { 0 };
	uint8_t sig[SIGNATURE_BYTES];

	contents_print_head(c, &head);
	if (signature_make(key, head.s, head.len, sig, e) == -1)
		return -1;
	base64_encode(sig, sizeof(sig), &text);
	free(c->signature);
	c->signature = strbuf_take(&text);
	return 0;
}

int
contents_check(const struct contents *c, const char *key, struct error *e)
{
	own(strbuf_clear) struct strbuf head = { 0 }, sig = { 0 };

	if (c->signature == NULL)
		return error_set(e, EBADMSG, "the contents are not signed");
	if (base64_decode(c->signature, strlen(c->signature), &sig, e) == -1)
		return -1;
	if (sig.len != SIGNATURE_BYTES)
		return error_set(e, EBADMSG, "no signature of Ed25519");
	contents_print_head(c, &head);
	return signature_check(
	    key, head.s, head.len, (const uint8_t *)sig.s, e);
}

/* ---- find and compare ------------------------------------------------------ */

int
contents_order(const char *a, const char *b)
{
	bool root_a = strcmp(a, ".") == 0, root_b = strcmp(b, ".") == 0;

	if (root_a || root_b)
		return root_b - root_a;
	while (*a != '\0' && *a == *b)
		a++, b++;
	/* An end, then a slash, then all else. */
	unsigned x = *a == '\0' ? 0 : *a == '/' ? 1 : (uint8_t)*a + 1u;
	unsigned y = *b == '\0' ? 0 : *b == '/' ? 1 : (uint8_t)*b + 1u;

	return x < y ? -1 : x > y;
}

const struct contents_entry *
contents_find(const struct contents *c, const char *path)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = contents_order(path, c->entries[middle].path);

		if (r == 0)
			return &c->entries[middle];
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

unsigned
contents_differ(const struct contents_entry *a, const struct contents_entry *b)
{
	unsigned how = CONTENTS_SAME;

	if (a->type != b->type)
		return CONTENTS_OTHER_DATA | CONTENTS_OTHER_ATTRIBUTES;
	if (a->type == 'h' || a->type == 'l')
		how |= strcmp(a->target, b->target) != 0;
	if (a->type == 'f')
		how |= a->size != b->size ||
		    memcmp(a->sum, b->sum, sizeof(a->sum)) != 0;
	if (a->type == 'c' || a->type == 'b')
		how |= a->size != b->size;
	if (a->mode != b->mode || a->uid != b->uid || a->gid != b->gid ||
	    strcmp(a->xattrs, b->xattrs) != 0)
		how |= CONTENTS_OTHER_ATTRIBUTES;
	return how;
}

int
contents_compare(const struct contents *from, const struct contents *to,
    contents_visit *visit, void *ctx, struct error *e)
{
	size_t i = 0, k = 0;

	while (i < from->n || k < to->n) {
		const struct contents_entry *a = &from->entries[i],
					    *b = &to->entries[k];
		int r = i == from->n ? 1
		    : k == to->n     ? -1
				     : contents_order(a->path, b->path);
		unsigned how = r == 0
		    ? contents_differ(a, b)
		    : CONTENTS_OTHER_DATA | CONTENTS_OTHER_ATTRIBUTES;

		i += r <= 0;
		k += r >= 0;
		if (how != CONTENTS_SAME &&
		    visit(ctx, r <= 0 ? a : NULL, r >= 0 ? b : NULL, how, e) ==
			-1)
			return -1;
	}
	return 0;
}
