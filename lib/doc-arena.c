/* SPDX-License-Identifier: Apache-2.0 */
/* What all values of a tree live in: a few large pieces, freed together. */
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/mem.h"

#define CHUNK_FIRST 4096
#define CHUNK_LARGEST (1 << 20)

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(16) char data[];
};

/* Memory that came from elsewhere. */
struct kept {
	struct kept *next;
	void *memory;
};

struct doc {
	struct chunk *chunks; /* the first has room */
	struct kept *kept;
	size_t size;
	size_t next; /* size of the next ordinary chunk */
};

struct doc *
doc_new(void)
{
	struct doc *d = mem_alloc(sizeof(*d));

	d->next = CHUNK_FIRST;
	return d;
}

void
doc_free(struct doc *d)
{
	struct chunk *c, *next;

	if (d == NULL)
		return;
	for (struct kept *k = d->kept; k != NULL; k = k->next)
		free(k->memory);
	for (c = d->chunks; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(d);
}

size_t
doc_size(const struct doc *d)
{
	return d->size;
}

static struct chunk *
chunk_new(struct doc *d, size_t n)
{
	struct chunk *c;
	size_t size = n > d->next ? n : d->next;

	c = mem_resize(NULL, 1, sizeof(*c) + size);
	c->size = size;
	c->used = 0;
	d->size += sizeof(*c) + size;
	if (n > d->next && d->chunks != NULL) {
		/* A large one goes behind the one that still has room. */
		c->next = d->chunks->next;
		d->chunks->next = c;
		return c;
	}
	if (d->next < CHUNK_LARGEST)
		d->next *= 2;
	c->next = d->chunks;
	d->chunks = c;
	return c;
}

static void *
carve(struct doc *d, size_t n, size_t align)
{
	struct chunk *c = d->chunks;
	size_t at = 0;
	void *p;

	if (c != NULL)
		at = (c->used + align - 1) & ~(align - 1);
	if (c == NULL || n > c->size || at > c->size - n) {
		c = chunk_new(d, n);
		at = 0;
	}
	p = c->data + at;
	c->used = at + n;
	return p;
}

void *
doc_alloc(struct doc *d, size_t n)
{
	void *p = carve(d, n ? n : 1, 8);

	memset(p, 0, n);
	return p;
}

char *
doc_text(struct doc *d, const char *s, size_t n)
{
	char *p = carve(d, n + 1, 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

void
doc_keep(struct doc *d, void *memory, size_t n)
{
	struct kept *k = doc_alloc(d, sizeof(*k));

	k->memory = memory;
	k->next = d->kept;
	d->kept = k;
	d->size += n;
}
