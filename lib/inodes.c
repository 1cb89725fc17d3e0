/* SPDX-License-Identifier: Apache-2.0 */
/* An open hash table, at most half full. */
#include "lib/inodes.h"

#include <stdlib.h>

#include "lib/mem.h"

struct inodes_slot {
	dev_t dev;
	ino_t ino;
	uint64_t value; /* 0: free */
};

static struct inodes_slot *
find(struct inodes *all, dev_t dev, ino_t ino)
{
	size_t i = (size_t)((ino ^ dev << 40) * 0x9e3779b97f4a7c15u >> 20);

	for (;; i++) {
		struct inodes_slot *s = &all->slots[i & (all->cap - 1)];

		if (s->value == 0 || (s->ino == ino && s->dev == dev))
			return s;
	}
}

/* Twice the room; slots whose number stayed 0 are forgotten. */
static void
grow(struct inodes *all)
{
	struct inodes_slot *old = all->slots;
	size_t n = all->cap;

	all->cap = n > 0 ? n * 2 : 1024;
	all->len = 0;
	all->slots = mem_alloc(all->cap * sizeof(*all->slots));
	for (size_t i = 0; i < n; i++)
		if (old[i].value != 0) {
			*find(all, old[i].dev, old[i].ino) = old[i];
			all->len++;
		}
	free(old);
}

uint64_t *
inodes_at(struct inodes *all, dev_t dev, ino_t ino)
{
	struct inodes_slot *s;

	if ((all->len + 1) * 2 > all->cap)
		grow(all);
	s = find(all, dev, ino);
	if (s->value == 0) {
		s->dev = dev;
		s->ino = ino;
		all->len++;
	}
	return &s->value;
}

void
inodes_clear(struct inodes *all)
{
	free(all->slots);
	*all = (struct inodes){ 0 };
}
