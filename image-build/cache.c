/* SPDX-License-Identifier: Apache-2.0 */
/* image-build cache: look at the snapshots, check them, take old ones away. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "image-build/snapshot.h"
#include "image-build/store.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"

static struct settings settings;
static const char *limit;

static const struct option_def defs[] = {
	{ 0, "image-cache", "DIR", OPTION_STRING, &settings.cache, NULL,
	    "where downloads are kept (~/.cache/image-create)" },
	{ 0, "limit", "GIB", OPTION_STRING, &limit, NULL,
	    "gc: how much may stay (DIB_CACHE_LIMIT, 20)" },
	{ 0, NULL, NULL, OPTION_FLAG, NULL, NULL, NULL },
};

static const char more[] =
    "ls      list the snapshots, the longest unused first\n"
    "gc      take away the longest unused until the others fit the limit\n"
    "verify  read all of them; those that are damaged are taken away\n";

static const struct options command = {
	.program = "image-build cache",
	.operands = "ls|gc|verify",
	.summary = "Look after the snapshots that builds made.",
	.defs = defs,
	.more = more,
};

/* ---- ls --------------------------------------------------------------------- */

static int
list(struct store *s, struct error *e)
{
	own(store_list_clear) struct snapshot_list all = { 0 };
	uint64_t total = 0;

	if (store_list(s, &all, e) == -1)
		return -1;
	printf("%-16s %9s %9s  %s\n", "last used", "MiB", "seconds",
	    "step (element)");
	for (size_t i = 0; i < all.len; i++) {
		const struct snapshot_info *x = &all.items[i];
		char when[32] = "never";
		struct tm tm;

		if (x->used != 0 && localtime_r(&x->used, &tm) != NULL)
			strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
		printf("%-16s %9.1f %9.1f  %s.d/%s (%s)\n", when,
		    (double)x->bytes / 0x1p20, x->seconds, x->phase, x->step,
		    x->element);
		total += x->bytes;
	}
	printf("%zu snapshots, %.1f MiB\n", all.len, (double)total / 0x1p20);
	return 0;
}

/* ---- gc ---------------------------------------------------------------------- */

int
cache_limit(const char *text, uint64_t *bytes, struct error *e)
{
	double gib = CACHE_GIB;
	char *end;

	if (text == NULL)
		text = getenv("DIB_CACHE_LIMIT");
	if (text != NULL && *text != '\0') {
		gib = strtod(text, &end);
		if (end == text || *end != '\0' || !(gib >= 0) || gib > 1e6)
			return error_set(
			    e, EINVAL, "limit: not a size in GiB: %s", text);
	}
	*bytes = (uint64_t)(gib * 0x1p30);
	return 0;
}

static int
tidy(struct store *s, struct error *e)
{
	uint64_t bytes, freed;
	unsigned n;
	int r;

	if (cache_limit(limit, &bytes, e) == -1)
		return -1;
	r = store_tidy(s, bytes, &freed, &n, e);
	if (r == 1)
		return error_set(e, EBUSY,
		    "%s: builds are running, nothing was taken away", s->path);
	if (r == 0)
		printf("%u snapshots taken away, %.1f MiB\n", n,
		    (double)freed / 0x1p20);
	return r;
}

/* ---- verify -------------------------------------------------------------------- */

static int
verify(struct store *s, struct error *e)
{
	own(store_list_clear) struct snapshot_list all = { 0 };
	unsigned damaged = 0;

	if (store_list(s, &all, e) == -1)
		return -1;
	for (size_t i = 0; i < all.len; i++) {
		const struct snapshot_info *x = &all.items[i];
		struct error why;

		log_status(
		    "%zu of %zu: %s.d/%s", i + 1, all.len, x->phase, x->step);
		log_tick();
		if (store_verify(s, x, &why) == 0)
			continue;
		damaged++;
		log_warn("%s.d/%s (%s): %s", x->phase, x->step, x->element,
		    why.text);
		if (store_drop(s, x->slot, x->key, e) == -1)
			return -1;
	}
	printf("%zu snapshots, %u damaged\n", all.len, damaged);
	if (damaged > 0)
		return error_set(
		    e, EIO, "%u snapshots were damaged and are gone", damaged);
	return 0;
}

/* ---- all ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	int (*run)(struct store *s, struct error *e);
} acts[] = { { "ls", list }, { "gc", tidy }, { "verify", verify } };

static int
act_on_store(int (*run)(struct store *, struct error *), struct error *e)
{
	own(store_close) struct store s = { .lock = -1, .scratch_lock = -1 };
	own_free char *path = NULL;

	settings_cache(&settings);
	path = path_join(settings.cache, SNAPSHOTS);
	if (store_open(&s, path, e) == -1)
		return -1;
	return run(&s, e);
}

int
cache_verb(int argc, char **argv, struct error *e)
{
	int first = options_parse(&command, argc, argv, e), r = 2;

	if (first < 0)
		return first == OPTIONS_SHOWN ? 0 : 2;
	if (first != argc - 1) {
		error_set(e, EINVAL, "say one of ls, gc and verify");
		return 2;
	}
	error_set(
	    e, EINVAL, "no such thing to do with the cache: %s", argv[first]);
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++)
		if (strcmp(argv[first], acts[i].name) == 0) {
			*e = (struct error){ 0 };
			r = act_on_store(acts[i].run, e) == -1 ? 1 : 0;
		}
	settings_clear(&settings);
	return r;
}
