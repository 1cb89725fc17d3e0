/* SPDX-License-Identifier: Apache-2.0 */
/* Slots, keys and the chain of layers. */
#include "image-build/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image-build/archive.h"
#include "image-build/image-build.h"
#include "image-build/layers.h"
#include "image-build/snapshot-inputs.h"
#include "image-build/store.h"
#include "image-build/watch.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define AGE_SECONDS 86400 /* of what came from the network, unchecked */

struct snapshots {
	struct store store;
	struct layers layers;
	struct archives archives;
	char key[DIGEST_TEXT]; /* of the last step */
	char *last; /* its name, for explanations */
	bool ran; /* it was run, not found */
	bool saved; /* there is something new in the store */
	bool hooks_changed; /* by a snapshot that is not shown yet */
	/* The step in hand, between find and save. */
	struct doc *doc;
	struct value *inputs;
	char slot[DIGEST_TEXT];
	struct strlist mounts_before;
	struct doc *mounts_doc;
	struct value *mounts; /* made by steps that were found */
};

const char *
snapshot_key(const struct build *b)
{
	return b->snapshots != NULL ? b->snapshots->key : "";
}

/* ---- begin and end -------------------------------------------------------------------- */

/* Another version of this program may do its part of the steps otherwise. */
static void
first_key(const struct build *b, char key[DIGEST_TEXT])
{
	own_free char *text = NULL;
	struct stat st = { 0 };

	(void)stat("/proc/self/exe", &st);
	text = mem_printf("ingot %s %s %lld %lld", VERSION, b->settings->arch,
	    (long long)st.st_size, (long long)st.st_mtim.tv_sec);
	digest_text(text, strlen(text), key);
}

int
snapshot_open(struct build *b, char **why, struct error *e)
{
	own_free char *path = path_join(b->settings->cache, SNAPSHOTS);
	own_free char *bottom = NULL;
	struct snapshots *s;

	if (file_mkdirs(AT_FDCWD, path, 0700, e) == -1)
		return -1;
	if (!layers_possible(path)) {
		*why = mem_printf("%s cannot hold overlays", path);
		return 1;
	}
	s = b->snapshots = mem_alloc(sizeof(*s));
	if (store_open(&s->store, path, e) == -1)
		return -1;
	s->layers.work = mem_dup(b->work);
	s->layers.scratch = mem_dup(s->store.scratch);
	s->archives.file = path_join(path, "archives.json");
	s->mounts_doc = doc_new();
	s->mounts = value_list(s->mounts_doc);
	s->last = mem_dup("the start");
	first_key(b, s->key);
	bottom = path_join(s->store.scratch, "bottom");
	if (file_mkdirs(AT_FDCWD, bottom, 0755, e) == -1)
		return -1;
	layers_push(&s->layers, bottom, NULL);
	return layers_show(&s->layers, e);
}

/* After a build that saved something: keep the store within its limit. */
static void
tidy(struct snapshots *s)
{
	uint64_t bytes, freed;
	unsigned n;
	struct error e;

	if (cache_limit(NULL, &bytes, &e) == -1 ||
	    store_tidy(&s->store, bytes, &freed, &n, &e) == -1)
		log_warn("%s", e.text);
	else if (n > 0)
		log_info("%u snapshots taken away, %.1f MiB", n,
		    (double)freed / 0x1p20);
}

void
snapshot_close(struct build *b)
{
	struct snapshots *s = b->snapshots;

	if (s == NULL)
		return;
	layers_clear(&s->layers);
	if (s->saved && s->store.path != NULL)
		tidy(s);
	store_close(&s->store);
	strlist_clear(&s->archives.known);
	strlist_clear(&s->mounts_before);
	free(s->archives.file);
	free(s->last);
	doc_free(s->doc);
	doc_free(s->mounts_doc);
	free(s);
	b->snapshots = NULL;
}

int
snapshot_show(struct build *b, struct error *e)
{
	if (b->snapshots == NULL)
		return 0;
	b->snapshots->hooks_changed = false;
	return layers_show(&b->snapshots->layers, e);
}

const struct layers *
snapshot_layers(const struct build *b)
{
	return &b->snapshots->layers;
}

/* Who wrote a layer; NULL: no step did. */
static char *
writer_name(const struct step *step)
{
	return step == NULL
	    ? NULL
	    : mem_printf("%s %s.d/%s", step->element, step->phase, step->name);
}

int
snapshot_fold(
    struct build *b, const struct step *step, bool counts, struct error *e)
{
	struct snapshots *s = b->snapshots;
	own_free char *writer = writer_name(step);
	bool changed;

	if (s == NULL)
		return 0;
	if (layers_changed(&s->layers, &changed, e) == -1)
		return -1;
	if (!changed)
		return 0;
	if (counts) {
		char content[DIGEST_TEXT];
		own_free char *both = NULL;

		if (store_content(s->layers.upper, content, e) == -1)
			return -1;
		both = mem_printf("%s %s", s->key, content);
		digest_text(both, strlen(both), s->key);
	}
	layers_push(&s->layers, s->layers.upper, writer);
	return layers_show(&s->layers, e);
}

/* ---- find ------------------------------------------------------------------------------ */

/* Whether what a snapshot took from the network is still what is there. */
static int
check_network(struct build *b, const struct value *meta, char **why)
{
	const struct value *network = value_get(meta, "network");
	const struct value *archives = value_get(network, "archives");
	const char *limit = getenv("DIB_CACHE_AGE");
	long long made = 0, age = limit != NULL ? atoll(limit) : AGE_SECONDS;
	bool unsure = archives == NULL || archives->len == 0;

	if (network == NULL || network->kind != VALUE_MAP ||
	    b->settings->offline)
		return 1;
	for (uint32_t i = 0; archives != NULL && i < archives->len; i++) {
		const struct member m = value_member(archives, i);
		struct error e;
		char now[65];

		if (archive_now(&b->snapshots->archives, m.name, now, &e) ==
		    -1) {
			log_debug("%s", e.text);
			unsure = true;
			continue;
		}
		if (m.value->kind != VALUE_STRING ||
		    strcmp(now, m.value->text) != 0) {
			*why = mem_printf(
			    "the package archive changed: %s", m.name);
			return 0;
		}
	}
	(void)value_to_int(value_get(network, "made"), &made);
	if (unsure && time(NULL) - made > age) {
		*why = mem_printf(
		    "it used the network, more than %lld s ago", age);
		return 0;
	}
	return 1;
}

/* The place is needed: one that stayed would be taken for what is saved now. */
static void
forget_damaged(
    const struct snapshots *s, const char *key, const char *what, char **why)
{
	struct error e;

	log_warn("a snapshot is damaged and goes: %s", what);
	*why = mem_dup("its snapshot was damaged");
	if (store_drop(&s->store, s->slot, key, &e) == -1)
		log_warn("%s", e.text);
}

/* 1: use it; 0: not, *why says why. */
static int
check_one(struct build *b, const char *key, struct value *meta, char **why)
{
	struct snapshots *s = b->snapshots;
	struct error e;

	if (!inputs_still_hold(b, meta, why) || !check_network(b, meta, why))
		return 0;
	if (store_check(&s->store, s->slot, key, meta, &e) == 0)
		return 1;
	forget_damaged(s, key, e.text, why);
	return 0;
}

/* Whether a list has a string. */
static bool
has(const struct value *list, const char *text)
{
	for (uint32_t i = 0; i < list->len; i++)
		if (list->items[i]->kind == VALUE_STRING &&
		    strcmp(list->items[i]->text, text) == 0)
			return true;
	return false;
}

/* A step that was found had unmounted what others had mounted. */
static void
drop_mounts(struct snapshots *s, const struct value *gone)
{
	struct value *left = value_list(s->mounts_doc);

	if (gone == NULL || gone->kind != VALUE_LIST || gone->len == 0)
		return;
	for (uint32_t i = 0; i < s->mounts->len; i++)
		if (!has(gone, value_text(s->mounts->items[i], "at", "")))
			value_add(s->mounts_doc, left, s->mounts->items[i]);
	s->mounts = left;
}

/* Put a found snapshot on the stack. */
static void
use(struct build *b, const struct step *step, const char *key,
    const struct value *meta)
{
	struct snapshots *s = b->snapshots;
	own_free char *dir = store_path(&s->store, s->slot, key);
	own_free char *diff = path_join(dir, "diff");
	own_free char *hooks = path_join(diff, path_base(b->hooks));
	own_free char *writer = writer_name(step);
	const struct value *mounts = value_get(meta, "mounts");

	if (value_get(meta, "diff") != NULL)
		layers_push(&s->layers, diff, writer);
	s->hooks_changed |= file_exists(AT_FDCWD, hooks);
	drop_mounts(s, value_get(meta, "unmounts"));
	for (uint32_t i = 0; mounts != NULL && i < mounts->len; i++)
		value_add(s->mounts_doc, s->mounts,
		    value_copy(s->mounts_doc, mounts->items[i]));
	snprintf(s->key, sizeof(s->key), "%s", value_text(meta, "key", key));
	store_touch(&s->store, s->slot, key);
	free(s->last);
	s->last = mem_dup(step->name);
	s->ran = false;
}

/* What is different from the last time that a step of this name ran. */
static char *
explain(const struct build *b, const struct step *step)
{
	const struct snapshots *s = b->snapshots;
	own_free char *path = inputs_path(s->store.path, step);
	ownp(doc_free) struct doc *d = doc_new();
	struct error none;
	const struct value *old = doc_load(d, AT_FDCWD, path, &none);

	if (old == NULL)
		return mem_dup("it has not run here before");
	return inputs_difference(old, s->inputs, s->last, s->ran);
}

int
snapshot_find(struct build *b, const struct phase *p, const struct step *step,
    const char *native, char **why, struct error *e)
{
	struct snapshots *s = b->snapshots;
	own(strlist_clear) struct strlist keys = { 0 };

	if (s->hooks_changed && snapshot_show(b, e) == -1)
		return -1;
	doc_free(s->doc);
	s->doc = doc_new();
	s->inputs = inputs_of(b, s->doc, p, step, native, e);
	if (s->inputs == NULL)
		return -1;
	inputs_digest(s->inputs, s->slot);
	if (store_keys(&s->store, s->slot, &keys, e) == -1)
		return -1;
	for (size_t i = 0; i < keys.len; i++) {
		ownp(doc_free) struct doc *d = doc_new();
		own_free char *other = NULL;
		struct value *meta =
		    store_load(&s->store, s->slot, keys.items[i], d, e);

		if (meta == NULL) {
			forget_damaged(s, keys.items[i], e->text, &other);
			if (*why == NULL)
				*why = take(other);
			continue;
		}
		if (check_one(b, keys.items[i], meta, &other)) {
			use(b, step, keys.items[i], meta);
			return 1;
		}
		/* The one used last tells best what is different now. */
		if (*why == NULL)
			*why = take(other);
	}
	if (*why == NULL)
		*why = explain(b, step);
	return 0;
}

int
snapshot_expect(struct build *b, struct error *e)
{
	struct snapshots *s = b->snapshots;

	strlist_clear(&s->mounts_before);
	return layers_mounts(b->tree, &s->mounts_before, e);
}

/* ---- save -------------------------------------------------------------------------------- */

/* What the network gave: the archives that apt in the tree knows. */
static struct value *
network_of(struct build *b, struct doc *d)
{
	struct value *v = value_map(d), *archives = value_map(d);
	own(strlist_clear) struct strlist urls = { 0 };
	struct error e;

	value_set(d, v, "archives", archives);
	value_set(d, v, "made", value_int(d, time(NULL)));
	if (archive_urls(b->tree, &urls, &e) == -1)
		return v;
	for (size_t i = 0; i < urls.len; i++) {
		char text[65];

		if (archive_used(&b->snapshots->archives, b->tree,
			urls.items[i], text, &e) == 0)
			value_set(
			    d, archives, urls.items[i], value_string(d, text));
	}
	return v;
}

/*
 * What it read, as it was before the step: a step that changed the hooks tree
 * may have read there what it then wrote.
 */
static int
add_inputs(struct build *b, const struct watch *w, struct error *e)
{
	struct snapshots *s = b->snapshots;
	const char *name = path_base(b->hooks);
	own_free char *changed = path_join(s->layers.upper, name);
	own_free char *before =
	    mem_printf("%s/before/%s", s->layers.scratch, name);
	int r;

	if (!file_exists(AT_FDCWD, changed))
		return inputs_add_observed(
		    b, s->doc, s->inputs, w, b->hooks, e);
	if (layers_show_before(&s->layers, e) == -1)
		return -1;
	r = inputs_add_observed(b, s->doc, s->inputs, w, before, e);
	layers_hide_before(&s->layers);
	return r;
}

/* What the step left besides its layer. */
static int
add_observed(
    struct build *b, const struct watch *w, double seconds, struct error *e)
{
	struct snapshots *s = b->snapshots;
	struct doc *d = s->doc;

	if (add_inputs(b, w, e) == -1)
		return -1;
	if (w->network)
		value_set(d, s->inputs, "network", network_of(b, d));
	value_set(d, s->inputs, "mounts", mounts_made(b, d, &s->mounts_before));
	value_set(
	    d, s->inputs, "unmounts", mounts_gone(b, d, &s->mounts_before));
	value_set(d, s->inputs, "seconds", value_real(d, seconds));
	return 0;
}

static int
remember_inputs(const struct build *b, const struct step *step, struct error *e)
{
	const struct snapshots *s = b->snapshots;
	own_free char *path = inputs_path(s->store.path, step);
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(s->inputs, STYLE_PRETTY, &text);
	return file_put(AT_FDCWD, path, 0600, strbuf_text(&text), text.len, e);
}

int
snapshot_save(struct build *b, const struct step *step, const struct watch *w,
    double seconds, struct error *e)
{
	struct snapshots *s = b->snapshots;
	own_free char *folder = NULL, *diff = NULL;
	own_free char *writer = writer_name(step);
	bool changed;

	if (layers_changed(&s->layers, &changed, e) == -1 ||
	    add_observed(b, w, seconds, e) == -1)
		return -1;
	inputs_key(s->slot, s->inputs, s->key);
	value_set(s->doc, s->inputs, "key", value_string(s->doc, s->key));
	if (remember_inputs(b, step, e) == -1)
		return -1;
	if (store_save(&s->store, s->slot, s->key,
		changed ? s->layers.upper : NULL, s->doc, s->inputs, e) == -1)
		return -1;
	if (changed) {
		folder = store_path(&s->store, s->slot, s->key);
		diff = path_join(folder, "diff");
		layers_push(&s->layers, diff, writer);
	}
	free(s->last);
	s->last = mem_dup(step->name);
	s->ran = true;
	s->saved = true;
	return layers_show(&s->layers, e);
}

/* ---- mounts ------------------------------------------------------------------------------- */

int
snapshot_replay_mounts(struct build *b, struct error *e)
{
	struct snapshots *s = b->snapshots;

	if (s == NULL)
		return 0;
	for (uint32_t i = 0; i < s->mounts->len; i++)
		if (mounts_replay(b, s->mounts->items[i], e) == -1)
			return -1;
	snapshot_forget_mounts(b);
	return 0;
}

void
snapshot_forget_mounts(struct build *b)
{
	struct snapshots *s = b->snapshots;

	if (s != NULL)
		s->mounts = value_list(s->mounts_doc);
}

/* ---- what was worked out before ------------------------------------------------------------- */

static char *
memory_path(const struct build *b, const char *id)
{
	return mem_printf("%s/last/%.32s.json", b->snapshots->store.path, id);
}

static void
list_digest(const struct strlist *items, char sum[DIGEST_TEXT])
{
	struct digest *d = digest_new();
	uint8_t bytes[DIGEST_BYTES];

	for (size_t i = 0; i < items->len; i++)
		digest_add(d, items->items[i], strlen(items->items[i]) + 1);
	digest_end(d, bytes);
	digest_print(bytes, sum);
}

int
snapshot_recall(const struct build *b, const char *id, struct strlist *items,
    struct error *e)
{
	own_free char *path = NULL;
	own(strlist_clear) struct strlist all = { 0 };
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *v;
	char sum[DIGEST_TEXT];

	if (b->snapshots == NULL)
		return 0;
	path = memory_path(b, id);
	if (!file_exists(AT_FDCWD, path))
		return 0;
	v = doc_load(d, AT_FDCWD, path, e);
	if (v == NULL || v->kind != VALUE_LIST || v->len == 0 ||
	    v->items[0]->kind != VALUE_STRING)
		return 0;
	/* The first one is the digest of the others. */
	for (uint32_t i = 1; i < v->len; i++)
		if (v->items[i]->kind == VALUE_STRING)
			strlist_add(&all, v->items[i]->text);
	list_digest(&all, sum);
	if (strcmp(v->items[0]->text, sum) != 0)
		return 0;
	strlist_add_all(items, &all);
	(void)utimensat(AT_FDCWD, path, NULL, 0);
	return 1;
}

int
snapshot_remember(const struct build *b, const char *id,
    const struct strlist *items, struct error *e)
{
	own_free char *path = NULL;
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v = value_list(d);
	char sum[DIGEST_TEXT];

	if (b->snapshots == NULL)
		return 0;
	path = memory_path(b, id);
	list_digest(items, sum);
	value_add(d, v, value_string(d, sum));
	for (size_t i = 0; i < items->len; i++)
		value_add(d, v, value_string(d, items->items[i]));
	value_print(v, STYLE_UTF8, &text);
	return file_put(AT_FDCWD, path, 0600, strbuf_text(&text), text.len, e);
}
