/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of generations, and what is to be confirmed. */
#include "apply-config/generations.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/codec.h"
#include "apply-config/journal.h"
#include "apply-config/output.h"
#include "apply-config/state.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"

#define FOLDER "generations"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* ---- the folder -------------------------------------------------------------- */

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int
generations_list(const struct state *st, struct generations *g, struct error *e)
{
	int fd = openat(st->fd, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_dir DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;

	*g = (struct generations){ 0 };
	if (d == NULL)
		return st->fd == -1 || errno == ENOENT
		    ? 0
		    : error_errno(e, "%s/" FOLDER, st->path);
	while ((entry = readdir(d)) != NULL) {
		char *end;
		uint64_t n = strtoull(entry->d_name, &end, 10);

		if (n == 0 || *end != '\0')
			continue;
		g->numbers = mem_grow(
		    g->numbers, &g->cap, g->len + 1, sizeof(*g->numbers));
		g->numbers[g->len++] = n;
	}
	if (g->len > 0)
		qsort(g->numbers, g->len, sizeof(*g->numbers), by_number);
	return 0;
}

void
generations_clear(struct generations *g)
{
	free(g->numbers);
	*g = (struct generations){ 0 };
}

static int
last_number(const struct state *st, uint64_t *n, struct error *e)
{
	own(generations_clear) struct generations g;

	if (generations_list(st, &g, e) == -1)
		return -1;
	*n = g.len == 0 ? 0 : g.numbers[g.len - 1];
	return 0;
}

/* In milliseconds, time asleep included. */
static uint64_t
time_since_boot(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static char *
boot_id(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	struct error ignored;

	if (file_read(AT_FDCWD, BOOT_ID, 4096, &b, &ignored) == -1)
		return mem_dup("");
	return strbuf_take(&b);
}

/*
 * While an earlier generation is to be confirmed, a later one goes back to
 * the same place, and takes its deadline unless it has one of its own.
 */
int
generations_next(const struct settings *s, const struct state *st,
    struct journal *j, struct error *e)
{
	struct pending p;
	uint64_t last;
	int r = pending_read(st, &p, e);

	if (r == -1 || last_number(st, &last, e) == -1)
		return -1;
	journal_init(j);
	j->number = last + 1;
	j->time = time(NULL);
	j->boot = boot_id();
	j->base = r == 1 ? p.base : last;
	j->deadline = r == 1 ? p.deadline : 0;
	if (s->confirm_within > 0)
		j->deadline =
		    time_since_boot() + s->confirm_within * UINT64_C(1000);
	return 0;
}

int
generations_prune(
    const struct settings *s, const struct state *st, struct error *e)
{
	own(generations_clear) struct generations g;
	struct pending p;
	int r = pending_read(st, &p, e);

	if (r == -1 || generations_list(st, &g, e) == -1)
		return -1;
	for (size_t i = 0; i + s->keep < g.len; i++) {
		own_free char *name = generation_name(g.numbers[i]);

		if (r == 1 && g.numbers[i] > p.base)
			break;
		if (state_remove(st, name, e) == -1)
			return -1;
	}
	return 0;
}

/* Read a record that the folder has. */
static int
read_record(
    const struct state *st, uint64_t number, struct journal *j, struct error *e)
{
	own_free char *name = generation_name(number);
	int r = journal_read(j, st, name, e);

	if (r == 0 || r == 2)
		return error_set(
		    e, EIO, "%s/%s: the record is damaged", st->path, name);
	return r == -1 ? -1 : 0;
}

int
generations_print(const struct state *st, struct strbuf *b, struct error *e)
{
	own(generations_clear) struct generations g;

	if (generations_list(st, &g, e) == -1)
		return -1;
	for (size_t i = 0; i < g.len; i++) {
		own(journal_clear) struct journal j = { 0 };
		char when[40];
		time_t t;
		struct tm tm;

		if (read_record(st, g.numbers[i], &j, e) == -1)
			return -1;
		t = (time_t)j.time;
		gmtime_r(&t, &tm);
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
		strbuf_printf(b, "%llu %s %zu\n", (unsigned long long)j.number,
		    when, j.len);
	}
	return 0;
}

/* ---- the way back --------------------------------------------------------------- */

void
way_back_clear(struct way_back *w)
{
	for (size_t i = 0; i < w->len; i++)
		journal_clear(&w->journals[i]);
	free(w->journals);
	*w = (struct way_back){ 0 };
}

static int
read_later(
    const struct state *st, uint64_t to, struct way_back *w, struct error *e)
{
	own(generations_clear) struct generations g;
	uint64_t expected;

	if (generations_list(st, &g, e) == -1)
		return -1;
	expected = g.len == 0 ? 0 : g.numbers[g.len - 1];
	for (size_t i = g.len; i-- > 0 && g.numbers[i] > to; expected--) {
		if (g.numbers[i] != expected)
			break;
		w->journals = mem_grow(
		    w->journals, &w->cap, w->len + 1, sizeof(*w->journals));
		if (read_record(st, g.numbers[i], &w->journals[w->len], e) ==
		    -1)
			return -1;
		w->len++;
	}
	if (expected != to)
		return error_set(e, ENOENT, "generation %llu is not kept",
		    (unsigned long long)to);
	return 0;
}

/* Make a change of what a file was, unless it is that already. */
static int
add_back(struct output *o, const struct entry *entry, struct changes *c,
    struct error *e)
{
	ownp(doc_free) struct doc *arena = doc_new();
	const struct version *old = &entry->old;
	struct version now;
	struct change *one;

	if (version_read(o, entry->path, arena, &now, e) == -1)
		return -1;
	if (version_same(old, &now))
		return 0;
	one = changes_add(c,
	    old->mode == 0	? CHANGE_DELETE
		: now.mode == 0 ? CHANGE_CREATE
				: CHANGE_UPDATE,
	    entry->path);
	one->new = *old;
	one->on_change = *entry->on_change != '\0' ? entry->on_change : NULL;
	one->secret = true; /* who knows */
	return 0;
}

/* Whether an older journal of the way speaks of the path as well. */
static bool
is_older(const struct way_back *w, size_t from, const char *path)
{
	for (size_t i = from; i < w->len; i++)
		for (size_t k = 0; k < w->journals[i].len; k++)
			if (strcmp(w->journals[i].items[k].path, path) == 0)
				return true;
	return false;
}

int
generations_back(const struct state *st, struct output *o, uint64_t to,
    struct way_back *w, struct changes *c, struct error *e)
{
	if (read_later(st, to, w, e) == -1)
		return -1;
	for (size_t i = 0; i < w->len; i++) {
		const struct journal *j = &w->journals[i];

		for (size_t k = 0; k < j->len; k++)
			if (!is_older(w, i + 1, j->items[k].path) &&
			    add_back(o, &j->items[k], c, e) == -1)
				return -1;
	}
	return 0;
}

/* ---- what is to be confirmed ------------------------------------------------------ */

int
pending_read(const struct state *st, struct pending *p, struct error *e)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	own_free char *boot = NULL;
	own_free char *now = NULL;
	struct decoder d;
	int r = state_read(st, "pending", &b, e);

	if (r != 1)
		return r;
	if (!decode_begin(&d, b.s, b.len))
		return error_set(e, EIO, "%s/pending: is damaged", st->path);
	p->base = decode_number(&d);
	p->deadline = decode_number(&d);
	boot = decode_text(&d);
	now = boot_id();
	p->due = strcmp(boot, now) != 0 || time_since_boot() >= p->deadline;
	return 1;
}

int
pending_write(const struct state *st, const struct journal *j, struct error *e)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	encode_number(&b, j->base);
	encode_number(&b, j->deadline);
	encode_text(&b, j->boot);
	encode_end(&b);
	if (state_write(st, "pending", &b, true, e) == -1)
		return -1;
	return state_sync(st, "pending", e);
}

int
pending_remove(const struct state *st, struct error *e)
{
	if (state_remove(st, "pending", e) == -1)
		return -1;
	return state_sync(st, ".", e);
}

int
pending_miss(const struct state *st, struct error *e)
{
	if (state_rename(st, "pending", "missed", e) == -1)
		return -1;
	return state_sync(st, ".", e);
}

bool
pending_is_missed(const struct state *st)
{
	return file_exists(st->fd, "missed");
}

int
pending_forget(const struct state *st, struct error *e)
{
	return state_remove(st, "missed", e);
}
