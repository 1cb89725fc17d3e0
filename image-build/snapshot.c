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
	char *base;
	char key[DIGEST_TEXT]; /* of the last step */
	char *last; /* its name, for explanations */
	bool ran; /* it was run, not found */
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
	return b->snapshots->key;
}

const char *
snapshot_base(const struct build *b)
{
	return b->snapshots->base;
}

/* ---- begin and end -------------------------------------------------------------------- */

static int
make_work(const struct build *b, struct error *e)
{
	struct stat st;

	if (mkdir(b->work, 0755) == -1 && errno != EEXIST)
		return error_errno(e, "%s", b->work);
	if (lstat(b->work, &st) == -1 || !S_ISDIR(st.st_mode))
		return error_set(e, ENOTDIR, "%s: not a folder", b->work);
	return 0;
}

int
snapshot_open(struct build *b, char **why, struct error *e)
{
	own_free char *path = path_join(b->settings->cache, "snapshots");
	struct snapshots *s;

	if (file_mkdirs(AT_FDCWD, path, 0700, e) == -1)
		return -1;
	if (!layers_possible(path)) {
		*why = mem_printf("%s cannot hold overlays", path);
		return 1;
	}
	if (make_work(b, e) == -1)
		return -1;
	s = b->snapshots = mem_alloc(sizeof(*s));
	if (store_open(&s->store, path, e) == -1)
		return -1;
	s->layers.work = mem_dup(b->work);
	s->layers.scratch = mem_dup(s->store.scratch);
	s->archives.file = path_join(path, "archives.json");
	s->base = path_join(s->store.scratch, "base");
	s->mounts_doc = doc_new();
	s->mounts = value_list(s->mounts_doc);
	return 0;
}

void
snapshot_close(struct build *b)
{
	struct snapshots *s = b->snapshots;

	if (s == NULL)
		return;
	layers_clear(&s->layers);
	store_close(&s->store);
	strlist_clear(&s->archives.known);
	strlist_clear(&s->mounts_before);
	free(s->archives.file);
	free(s->base);
	free(s->last);
	doc_free(s->doc);
	doc_free(s->mounts_doc);
	free(s);
	b->snapshots = NULL;
}

int
snapshot_begin(struct build *b, struct error *e)
{
	struct snapshots *s = b->snapshots;
	own_free char *tree = path_join(s->base, path_base(b->tree));
	uint8_t sum[DIGEST_BYTES];
	own_free char *start =
	    mem_printf("ingot %s %s", VERSION, b->settings->arch);

	if (file_mkdirs(AT_FDCWD, tree, 0755, e) == -1)
		return -1;
	digest_buffer(start, strlen(start), sum);
	digest_print(sum, s->key);
	s->last = mem_dup("the start");
	layers_push(&s->layers, s->base);
	return layers_show(&s->layers, e);
}

int
snapshot_show(struct build *b, struct error *e)
{
	return layers_show(&b->snapshots->layers, e);
}

int
snapshot_add_mount_points(struct build *b, struct error *e)
{
	static const char *const places[] = { "dev", "proc", "sys", "run",
		"tmp", "tmp/in_target.d", NULL };
	struct snapshots *s = b->snapshots;
	own_free char *layer = path_join(s->store.scratch, "places");
	own_free char *tree = path_join(layer, path_base(b->tree));
	own_fd int dir = -1;

	if (file_mkdirs(AT_FDCWD, tree, 0755, e) == -1)
		return -1;
	dir = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (const char *const *p = places; *p != NULL; p++) {
		own_free char *there = path_join(b->tree, *p);
		struct stat st;
		mode_t mode = strcmp(*p, "tmp") == 0 ? 01777 : 0755;

		/* A link in its place must not be hidden by a folder. */
		if (lstat(there, &st) == 0 && !S_ISDIR(st.st_mode))
			continue;
		if (mkdirat(dir, *p, mode) == -1 ||
		    fchmodat(dir, *p, mode, 0) == -1)
			return error_errno(e, "%s/%s", tree, *p);
	}
	layers_push(&s->layers, layer);
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
		const struct member *m = value_member(archives, i);
		struct error e;
		char now[65];

		if (archive_now(&b->snapshots->archives, m->name, now, &e) ==
		    -1) {
			log_debug("%s", e.text);
			unsure = true;
			continue;
		}
		if (m->value->kind != VALUE_STRING ||
		    strcmp(now, m->value->text) != 0) {
			*why = mem_printf(
			    "the package archive changed: %s", m->name);
			return 0;
		}
	}
	(void)value_to_int(value_get(meta, "made"), &made);
	if (unsure && time(NULL) - made > age) {
		*why = mem_printf("it used the network, more than %lld s ago",
		    age);
		return 0;
	}
	return 1;
}

/* 1: use it; 0: not, *why says why. */
static int
check_one(struct build *b, const char *key, struct value *meta, char **why)
{
	struct snapshots *s = b->snapshots;
	struct error e;

	if (!inputs_still_hold(b, meta, why) || !check_network(b, meta, why))
		return 0;
	if (store_check(&s->store, s->slot, key, meta, &e) == -1) {
		log_warn("a snapshot is damaged and goes: %s", e.text);
		*why = mem_dup("its snapshot was damaged");
		if (store_drop(&s->store, s->slot, key, &e) == -1)
			log_warn("%s", e.text);
		return 0;
	}
	return 1;
}

/* Put a found snapshot on the stack. */
static void
use(struct build *b, const struct step *step, const char *key,
    const struct value *meta)
{
	struct snapshots *s = b->snapshots;
	own_free char *dir = store_path(&s->store, s->slot, key);
	own_free char *diff = path_join(dir, "diff");
	const struct value *mounts = value_get(meta, "mounts");

	if (value_get(meta, "diff") != NULL)
		layers_push(&s->layers, diff);
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
		struct value *meta =
		    store_load(&s->store, s->slot, keys.items[i], d, e);

		if (meta == NULL)
			continue;
		free(*why);
		*why = NULL;
		if (check_one(b, keys.items[i], meta, why)) {
			use(b, step, keys.items[i], meta);
			return 1;
		}
	}
	if (*why == NULL)
		*why = explain(b, step);
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

/* What the step left besides its layer. */
static int
add_observed(struct build *b, const struct watch *w, double seconds,
    struct error *e)
{
	struct snapshots *s = b->snapshots;
	struct doc *d = s->doc;

	if (inputs_add_observed(b, d, s->inputs, w, e) == -1)
		return -1;
	if (w != NULL && w->network)
		value_set(d, s->inputs, "network", network_of(b, d));
	value_set(d, s->inputs, "mounts",
	    mounts_made(b, d, &s->mounts_before));
	value_set(d, s->inputs, "seconds", value_real(d, seconds));
	value_set(d, s->inputs, "made", value_int(d, time(NULL)));
	return 0;
}

static int
remember_inputs(const struct build *b, const struct step *step,
    struct error *e)
{
	const struct snapshots *s = b->snapshots;
	own_free char *path = inputs_path(s->store.path, step);
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(s->inputs, STYLE_PRETTY, &text);
	return file_replace(
	    AT_FDCWD, path, 0600, strbuf_text(&text), text.len, e);
}

int
snapshot_save(struct build *b, const struct phase *p, const struct step *step,
    const struct watch *w, double seconds, struct error *e)
{
	struct snapshots *s = b->snapshots;
	own_free char *folder = NULL, *diff = NULL;
	bool changed;

	(void)p;
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
		layers_push(&s->layers, diff);
	}
	free(s->last);
	s->last = mem_dup(step->name);
	s->ran = true;
	return 0;
}

/* ---- mounts ------------------------------------------------------------------------------- */

int
snapshot_replay_mounts(struct build *b, struct error *e)
{
	struct snapshots *s = b->snapshots;
	const struct value *all = s->mounts;

	for (uint32_t i = 0; i < all->len; i++)
		if (mounts_replay(b, all->items[i], e) == -1)
			return -1;
	snapshot_forget_mounts(b);
	return 0;
}

void
snapshot_forget_mounts(struct build *b)
{
	struct snapshots *s = b->snapshots;

	s->mounts = value_list(s->mounts_doc);
}

/* ---- environments --------------------------------------------------------------------------- */

static char *
environment_path(const struct build *b, const char *id)
{
	return mem_printf(
	    "%s/last/env-%.32s.json", b->snapshots->store.path, id);
}

int
snapshot_find_environment(struct build *b, const char *id,
    struct strlist *env, struct error *e)
{
	own_free char *path = environment_path(b, id);
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *v;

	if (!file_exists(AT_FDCWD, path))
		return 0;
	v = doc_load(d, AT_FDCWD, path, e);
	if (v == NULL || v->kind != VALUE_LIST)
		return 0;
	for (uint32_t i = 0; i < v->len; i++)
		if (v->items[i]->kind == VALUE_STRING)
			strlist_add(env, v->items[i]->text);
	return 1;
}

int
snapshot_save_environment(struct build *b, const char *id,
    const struct strlist *env, struct error *e)
{
	own_free char *path = environment_path(b, id);
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v = value_list(d);

	for (size_t i = 0; i < env->len; i++)
		value_add(d, v, value_string(d, env->items[i]));
	value_print(v, STYLE_UTF8, &text);
	return file_replace(
	    AT_FDCWD, path, 0600, strbuf_text(&text), text.len, e);
}
